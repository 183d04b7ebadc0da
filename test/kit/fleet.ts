// A fleet on a rig, made the way a user makes it: by the CLI, from the image that is in the nodes' store.
import { readFileSync } from 'node:fs'
import { join as path } from 'node:path'
import { brokerNamespace, fleetName } from '#crds/places.ts'
import { pause } from '#lib/std/pause.ts'
import type { Cluster } from '#test/rig/cluster.ts'
import type { Rig } from '#test/rig/rig.ts'
import type { Ran } from './cli.ts'
import { mustTombolo, tombolo } from './cli.ts'

export interface Fleet {
  readonly broker: Cluster
  /** `tombolo ARGS…` with a kubeconfig that has a context for every cluster. */
  tombolo(...args: readonly string[]): Promise<Ran>
  /** The same; throws for any exit code but 0. */
  must(...args: readonly string[]): Promise<Ran>
  deployBroker(): Promise<void>
  /** By a grant of its own, with its first node as gateway unless `more` says otherwise. */
  join(cluster: Cluster, ...more: readonly string[]): Promise<void>
}

/** The broker is in the first cluster. */
export function fleetOf(rig: Rig, signal: AbortSignal): Fleet {
  const [broker] = rig.clusters
  if (broker === undefined) throw new Error('a fleet needs a cluster')
  const kubeconfig = ['--kubeconfig', rig.kubeconfig]
  const must = (...args: readonly string[]) => mustTombolo([...args, ...kubeconfig], { signal })
  return {
    broker,
    tombolo: (...args) => tombolo([...args, ...kubeconfig], { signal }),
    must,
    deployBroker: async () => {
      await must('deploy-broker', '--context', broker.id)
    },
    join: async ({ id, nodes }, ...more) => {
      const gateway = more.includes('--gateway-node') ? [] : ['--gateway-node', nodes[0]?.name ?? '']
      const grant = (await must('grant', 'create', id, '--context', broker.id)).out
      const args = ['join', '--grant', '-', '--context', id, ...gateway, ...more, ...kubeconfig]
      await mustTombolo(args, { signal, stdin: grant })
    },
  }
}

/** The addresses of a cluster that left are withheld from one with other keys, as the same one has when it comes back: only so long. */
export async function forgetAddressesSoon({ broker }: Fleet, signal: AbortSignal): Promise<void> {
  const soon = JSON.stringify({ spec: { join: { reuseAfterSeconds: 5 } } })
  await broker.kubectl(['-n', brokerNamespace, 'patch', 'fleet', fleetName, '--type=merge', '-p', soon], '', signal)
}

/** `examples/shop`: the Service in one cluster. Resolves when its pods are ready. */
export async function openShop(cluster: Cluster, signal: AbortSignal): Promise<void> {
  await applyExample(cluster, 'web.yaml', signal)
  await cluster.kubectl(['-n', 'shop', 'rollout', 'status', 'deployment/web', '--timeout=60s'], '', signal)
}

/** `examples/shop`: the pod that calls it. Resolves when it is ready. */
export async function openClient(cluster: Cluster, signal: AbortSignal): Promise<void> {
  await applyExample(cluster, 'client.yaml', signal)
  await cluster.kubectl(['-n', 'shop', 'wait', '--for=condition=Ready', 'pod/client', '--timeout=60s'], '', signal)
}

export const exportWeb = (cluster: Cluster, signal: AbortSignal): Promise<void> => applyExample(cluster, 'export.yaml', signal)

/** `examples/shop`: its own pods first, then the nearest. */
export const preferNearest = (cluster: Cluster, signal: AbortSignal): Promise<void> =>
  applyExample(cluster, 'policy.yaml', signal)

export const webURL = 'http://web.shop.svc.clusterset.local/'
/** What the web server of the example answers. */
export type Answer = { readonly pod: string; readonly client: string; readonly path: string }

/** What the client pod in `cluster` gets from the exported Service; undefined when it gets none within 2 s. */
export async function callWeb(cluster: Cluster, signal: AbortSignal): Promise<Answer | undefined> {
  const { code, stdout } = await cluster.exec('shop/client', ['curl', '-sS', '--max-time', '2', webURL], signal)
  return code === 0 ? (JSON.parse(stdout) as Answer) : undefined
}

/** The first answer; throws when there is none within `ms`. */
export async function firstAnswer(cluster: Cluster, ms: number, signal: AbortSignal): Promise<Answer> {
  const until = performance.now() + ms
  for (;;) {
    const answer = await callWeb(cluster, signal)
    if (answer !== undefined) return answer
    if (performance.now() > until) throw new Error(`${webURL} did not answer a pod in ${cluster.id} within ${ms / 1000} s`)
    await pause(100, signal)
    signal.throwIfAborted()
  }
}

const applyExample = (cluster: Cluster, file: string, signal: AbortSignal): Promise<void> =>
  cluster.apply(readFileSync(path(import.meta.dirname, '../../examples/shop', file), 'utf8'), signal)
