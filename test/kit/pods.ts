// Tombolo's own pods on a real cluster, of the broker controller as well as of a member.
import assert from 'node:assert/strict'
import { gatewayNodeLabel, systemNamespace } from '#crds/places.ts'
import type { Cluster } from '#test/rig/cluster.ts'
import { eventually } from './eventually.ts'

export type PodRow = {
  readonly namespace: string
  readonly name: string
  readonly component: string
  readonly node: string
  /** Where it serves its metrics and its health. */
  readonly port: number
  /** Of all its containers. */
  readonly restarts: number
}

type Pod = {
  readonly metadata: { readonly namespace: string; readonly name: string; readonly labels: Readonly<Record<string, string>> }
  readonly spec: {
    readonly nodeName: string
    readonly containers: readonly { readonly ports?: readonly { readonly name: string; readonly containerPort: number }[] }[]
  }
  readonly status: { readonly containerStatuses?: readonly { readonly restartCount: number }[] }
}

/** By component, then by name. */
export async function tomboloPods(cluster: Cluster): Promise<readonly PodRow[]> {
  const list = JSON.parse(await cluster.kubectl(['get', 'pods', '-A', '-l', 'app.kubernetes.io/name=tombolo', '-o', 'json'])) as {
    readonly items: readonly Pod[]
  }
  return list.items
    .map(({ metadata: { namespace, name, labels }, spec, status }) => ({
      namespace,
      name,
      component: labels['app.kubernetes.io/component'] ?? '',
      node: spec.nodeName,
      port: spec.containers.flatMap(({ ports = [] }) => ports).find((port) => port.name === 'metrics')?.containerPort ?? 0,
      restarts: (status.containerStatuses ?? []).reduce((sum, { restartCount }) => sum + restartCount, 0),
    }))
    .toSorted((a, b) => (`${a.component} ${a.name}` < `${b.component} ${b.name}` ? -1 : 1))
}

/** The agent of that node. */
export async function agentOn(cluster: Cluster, node: string): Promise<PodRow> {
  const found = (await tomboloPods(cluster)).find((pod) => pod.component === 'agent' && pod.node === node)
  if (found === undefined) throw new Error(`no agent runs on ${node}`)
  return found
}

/** Resolves when what keeps the pods of these components says that all of them are there and ready. */
export async function allReady(cluster: Cluster, which: (component: string) => boolean = () => true): Promise<void> {
  const owners = new Map(
    (await tomboloPods(cluster))
      .filter(({ component }) => which(component))
      .map(({ namespace, component }) => [component, namespace] as const),
  )
  await Promise.all(
    [...owners].map(([component, namespace]) => {
      const kind = ['gateway', 'agent'].includes(component) ? 'daemonset' : 'deployment'
      return cluster.kubectl(['-n', namespace, 'rollout', 'status', `${kind}/tombolo-${component}`, '--timeout=60s'])
    }),
  )
}

/** The node of the gateway that leads, by its own word. */
export async function activeGatewayNode(cluster: Cluster): Promise<string> {
  const endpoints = await cluster.kubectl([
    ...['-n', systemNamespace, 'get', 'gatewayendpoints', '-o'],
    `jsonpath={range .items[?(@.spec.clusterID=="${cluster.id}")]}{.spec.node} {.status.role}{"\\n"}{end}`,
  ])
  const active = endpoints
    .split('\n')
    .map((line) => line.split(' '))
    .filter(([, role]) => role === 'Active')
  const [[node = ''] = [], ...others] = active
  if (node === '' || others.length > 0) throw new Error(`${cluster.id} has ${active.length} active gateways: ${endpoints}`)
  return node
}

const gatewayPods = async (cluster: Cluster, ...more: readonly string[]): Promise<readonly string[]> =>
  (
    await cluster.kubectl([
      ...['-n', systemNamespace, 'get', 'pods', '-o', 'name', '-l', 'app.kubernetes.io/component=gateway'],
      ...more,
    ])
  )
    .split('\n')
    .filter(Boolean)

/** Makes a gateway of the second node; resolves when it is ready to lead. */
export async function secondGateway(cluster: Cluster): Promise<void> {
  await cluster.kubectl(['label', 'node', cluster.node(2).name, `${gatewayNodeLabel}=true`])
  await eventually(async () => assert.equal((await gatewayPods(cluster)).length, 2), 30_000)
  await allReady(cluster, (component) => component === 'gateway')
}

/** Takes that back; resolves when it has handed over and is gone, though not yet forgotten. */
export async function noGatewayOn(cluster: Cluster, node: string): Promise<void> {
  await cluster.kubectl(['label', 'node', node, `${gatewayNodeLabel}-`])
  await eventually(async () => assert.notEqual(await activeGatewayNode(cluster), node), 20_000)
  await eventually(async () => assert.deepEqual(await gatewayPods(cluster, `--field-selector=spec.nodeName=${node}`), []), 20_000)
}

export const firstGatewayAlone = (cluster: Cluster): Promise<void> => noGatewayOn(cluster, cluster.node(2).name)

/** What a pod serves on its metrics port; throws for any status but 2xx. */
export const served = (cluster: Cluster, { namespace, name, port }: PodRow, path: string): Promise<string> =>
  cluster.kubectl(['get', '--raw', `/api/v1/namespaces/${namespace}/pods/${name}:${port}/proxy${path}`])
