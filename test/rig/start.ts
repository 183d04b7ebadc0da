// Starting one cluster, as much of it at once as its parts allow:
//
//   certificates ─► etcd, apiserver ─► /readyz ─► controller-manager, scheduler, addons ─┬─► kubelets, kube-proxies ─► Ready, DNS answers
//   image store ──► containerd ──────────────────────────────────────────────────────────┘
import { mkdirSync } from 'node:fs'
import { get } from 'node:https'
import type { Kube } from '#lib/kube/client.ts'
import { kube } from '#lib/kube/client.ts'
import type { Connection } from '#lib/kube/connection.ts'
import { deployments, nodes } from '#lib/kube/kinds.ts'
import type { Kind, KubeObject } from '#lib/kube/object.ts'
import { reflect } from '#lib/kube/reflector.ts'
import { logger } from '#lib/std/log.ts'
import { addons } from './addons.ts'
import type { ControlPlane } from './control-plane.ts'
import { configureControlPlane, controlPlaneOf } from './control-plane.ts'
import type { ClusterLayout } from './layout.ts'
import { configureNode, nodeOf, prepareNode, startContainerd } from './node.ts'
import { waitFor } from './piece.ts'
import { loginOf, makePKI, users } from './pki.ts'

/** Resolves when all nodes are Ready and the cluster's DNS answers. The network must be there. */
export async function startCluster(cluster: ClusterLayout, images: string, signal: AbortSignal): Promise<void> {
  mkdirSync(cluster.dir, { recursive: true })
  const nodes = cluster.nodes.map((at) => ({ at, node: nodeOf(at) }))
  const controlPlane = controlPlaneOf(cluster)
  const containerds = Promise.all(
    nodes.map(async ({ at, node }) => {
      await prepareNode(at, images, signal)
      await startContainerd(at, node, signal)
    }),
  )
  const control = startControlPlane(cluster, controlPlane, signal)
  await Promise.all([control, containerds])
  for (const { at, node } of nodes) {
    configureNode(cluster, at)
    node.kubelet.start()
    node.kubeProxy.start()
  }
  await using client = kube(connectionOf(cluster), logger('rig', 'silent'), 'tombolo-rig')
  let up = false
  const ready = Promise.all([nodesReady(client, cluster, signal), dnsAvailable(client, signal)]).then(() => (up = true))
  const { etcd, apiserver, controllerManager, scheduler } = controlPlane
  const pieces = nodes.flatMap(({ node }) => [node.kubelet, node.kubeProxy, node.containerd])
  await Promise.all([ready, waitFor(() => up, [etcd, apiserver, controllerManager, scheduler, ...pieces], signal)])
}

async function startControlPlane(cluster: ClusterLayout, pieces: ControlPlane, signal: AbortSignal): Promise<void> {
  pieces.etcd.start()
  await makePKI(cluster, signal)
  configureControlPlane(cluster)
  pieces.apiserver.start()
  const connection = connectionOf(cluster)
  await waitFor(() => isReady(connection), [pieces.etcd, pieces.apiserver], signal)
  // Not earlier: both end when the bootstrap roles are not there yet.
  pieces.controllerManager.start()
  pieces.scheduler.start()
  await using client = kube(connection, logger('rig', 'silent'), 'tombolo-rig')
  await Promise.all(addons(cluster).map(({ kind, object }) => client.apply(kind, object, { fieldManager: 'rig' }, signal)))
}

const connectionOf = (cluster: ClusterLayout): Connection => {
  const { ca, cert, key } = loginOf(cluster, users.admin)
  return { server: cluster.server, ca, clientCert: cert, clientKey: key, token: () => Promise.resolve(undefined) }
}

function isReady({ server, ca, clientCert, clientKey }: Connection): Promise<boolean> {
  return new Promise((resolve) => {
    const request = get(`${server}/readyz`, { ca, cert: clientCert, key: clientKey, timeout: 2000, agent: false }, (response) => {
      response.resume()
      resolve(response.statusCode === 200)
    })
    request.on('timeout', () => request.destroy()).on('error', () => resolve(false))
  })
}

const nodesReady = (client: Kube, cluster: ClusterLayout, signal: AbortSignal) =>
  watched(
    client,
    nodes,
    (all) =>
      cluster.nodes.every(({ name }) =>
        all
          .find((node) => node.metadata.name === name)
          ?.status?.conditions?.some((c) => c.type === 'Ready' && c.status === 'True'),
      ),
    signal,
  )

const dnsAvailable = (client: Kube, signal: AbortSignal) =>
  watched(
    client,
    deployments,
    (all) => all.some((d) => d.metadata.name === 'coredns' && (d.status?.readyReplicas ?? 0) > 0),
    signal,
  )

/** Resolves when `holds` is true of all objects of the kind. */
async function watched<T extends KubeObject>(
  client: Kube,
  kind: Kind<T>,
  holds: (all: readonly T[]) => boolean,
  signal: AbortSignal,
): Promise<void> {
  const over = new AbortController()
  const { store, done } = reflect(client, kind, {}, AbortSignal.any([over.signal, signal]))
  await new Promise<void>((resolve) => {
    const look = () => {
      if (holds(store.list()) || signal.aborted) resolve()
    }
    store.onChange(look)
    signal.addEventListener('abort', look, { once: true })
  })
  over.abort()
  await done
  signal.throwIfAborted()
}
