// Test apiservers on which Tombolo is installed as the CLI installs it, with what its controllers would have made.
import { brokerCRDs, brokerManifests } from '#broker/install/manifests.ts'
import { memberLevel, memberSchema } from '#broker/install/limits.ts'
import { memberKinds } from '#crds/index.ts'
import type { Member } from '#crds/member.ts'
import { member } from '#crds/member.ts'
import type { Membership } from '#crds/membership.ts'
import { membership } from '#crds/membership.ts'
import { allKinds } from '#crds/index.ts'
import * as builtin from '#lib/kube/kinds.ts'
import { newIdentity, publicIdentity } from '#lib/identity/identity.ts'
import type { Kind, KubeObject } from '#lib/kube/object.ts'
import type { CIDR } from '#lib/net/cidr.ts'
import type { ClusterID } from '#lib/net/cluster-id.ts'
import { every } from '#lib/std/pause.ts'
import { finalizer } from '#operator/install/leave.ts'
import { agentDaemonSet } from '#operator/install/manifests/agent.ts'
import { operatorManifests } from '#operator/install/manifests/operator.ts'
import type { ApiServer } from './apiserver.ts'
import { apiserverAt } from './joining.ts'

const image = 'tombolo/tombolo:test'
const known: readonly Kind[] = [...allKinds, ...Object.values(builtin)]

/** Creates or replaces objects of any kind that we know. */
export function putAll(server: ApiServer, objects: readonly KubeObject[]): void {
  for (const object of objects) {
    const kind = known.find((k) => k.apiVersion === object.apiVersion && k.kind === object.kind)
    if (kind === undefined) throw new Error(`no kind ${object.kind}`)
    server.put(kind, object)
  }
}

/** A cluster as kubeadm leaves it, as far as joining looks at it. */
export function bareCluster(server: ApiServer, uid: string, ...nodeNames: readonly string[]): void {
  putAll(server, [
    // The server makes uids of its own, so the identity is where it can be read back.
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'kube-system', labels: { uid } } },
    ...nodeNames.map((name) => ({ apiVersion: 'v1', kind: 'Node', metadata: { name } })),
  ])
}

/** What an apiserver and its controller manager do for whatever is installed: CRDs are served, Deployments run. Until `signal` aborts. */
export async function controlPlane(server: ApiServer, signal: AbortSignal): Promise<void> {
  const crds = allKinds.map((kind) => ({ name: `${kind.plural}.${kind.group}` }))
  const workloads = [
    { namespace: 'tombolo-system', name: 'tombolo-operator' },
    { namespace: 'tombolo-broker', name: 'tombolo-broker-controller' },
  ]
  const { customResourceDefinitions, deployments } = builtin
  await every(
    10,
    () => {
      for (const key of crds) {
        const crd = server.read(customResourceDefinitions, key)
        if (crd !== undefined && crd.status === undefined) server.put(customResourceDefinitions, { ...crd, status: established })
      }
      for (const key of workloads) {
        const deployment = server.read(deployments, key)
        const { generation: observedGeneration = 1 } = deployment?.metadata ?? {}
        const replicas = deployment?.spec?.replicas ?? 1
        const status = { observedGeneration, replicas, updatedReplicas: replicas, availableReplicas: replicas }
        if (deployment !== undefined && deployment.status?.observedGeneration !== observedGeneration)
          server.put(deployments, { ...deployment, status })
      }
    },
    signal,
  )
}

const established = {
  conditions: [{ type: 'Established', status: 'True' as const }],
  acceptedNames: { kind: '', plural: '' },
  storedVersions: [],
}

/** The UID that the server gave to kube-system. */
export const uidOf = (server: ApiServer): string => server.read(builtin.namespaces, { name: 'kube-system' })?.metadata.uid ?? ''

export const membershipOf = (id: string): Membership => ({
  apiVersion: membership.apiVersion,
  kind: 'Membership',
  metadata: { name: 'membership', namespace: 'tombolo-system', finalizers: [finalizer] },
  spec: {
    clusterID: id as ClusterID,
    clusterset: 'default',
    podCIDRs: ['10.1.0.0/16' as CIDR],
    serviceCIDRs: ['10.101.0.0/16' as CIDR],
    image,
    wireguardPort: 51820,
    ipsecPort: 4500,
    cables: ['wireguard'],
  },
})

/** A member whose operator is `alive`, or has no pod that runs. */
export function installedMember(server: ApiServer, id: string, operator: 'alive' | 'dead'): void {
  putAll(server, [...memberKinds.map((kind) => kind.crd()), ...operatorManifests({ image }), membershipOf(id)])
  const key = { namespace: 'tombolo-system', name: 'tombolo-operator' }
  const deployment = server.read(builtin.deployments, key)
  if (deployment === undefined) throw new Error('the manifests have no operator')
  server.put(builtin.deployments, { ...deployment, status: { availableReplicas: operator === 'alive' ? 2 : 0 } })
  server.put(builtin.daemonSets, agentDaemonSet({ image, clusterID: id, cables: ['wireguard'] }))
}

/** A broker with these members: id → uid of the cluster. */
export function installedBroker(server: ApiServer, members: Readonly<Record<string, string>> = {}): void {
  putAll(server, [...brokerCRDs(), ...brokerManifests({ image, clusterset: 'default' }), apiserverAt('192.0.2.1')])
  for (const [id, uid] of Object.entries(members)) {
    server.put(member, memberObject(id, uid))
    putAll(server, [
      {
        apiVersion: 'v1',
        kind: 'Namespace',
        metadata: {
          name: `tombolo-m-${id}`,
          labels: { 'app.kubernetes.io/managed-by': 'tombolo', 'tombolo.dev/cluster-id': id, 'tombolo.dev/member': 'true' },
        },
      },
      memberLevel(id),
      memberSchema(id),
    ])
  }
}

const memberObject = (id: string, clusterUID: string): Member => ({
  apiVersion: member.apiVersion,
  kind: 'Member',
  metadata: { name: id, namespace: 'tombolo-broker', finalizers: ['tombolo.dev/member'] },
  spec: {
    clusterID: id as ClusterID,
    clusterUID,
    podCIDRs: ['10.1.0.0/16' as CIDR],
    serviceCIDRs: ['10.101.0.0/16' as CIDR],
    identity: publicIdentity(newIdentity()),
    state: 'Admitted',
  },
})
