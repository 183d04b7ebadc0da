// The pods in which probes run: agents, of which there is one on every node, in the node's own network.
import type { Snapshot } from '../snapshot.ts'
import type { Exec, PodRef } from './probe.ts'
import type { Probed } from './probed.ts'

/** More are not asked: a program in a pod takes its time, and what is wrong with the network is seldom wrong on one node of many. */
const most = 40
const atOnce = 8

export type Agent = PodRef & { readonly node: string; readonly isGateway: boolean }

/** Gateways first, then the others by name. */
export function agentsOf({ member, platform }: Snapshot): readonly Agent[] {
  const gateways = new Set(platform.nodes.filter((n) => n.gateway).map((n) => n.name))
  return (member?.pods ?? [])
    .filter((p) => p.component === 'agent' && p.ready && !p.going)
    .flatMap(({ namespace, name, node }) =>
      node === undefined ? [] : [{ namespace, pod: name, container: 'agent', node, isGateway: gateways.has(node) }],
    )
    .toSorted((a, b) => Number(b.isGateway) - Number(a.isGateway) || (a.node < b.node ? -1 : 1))
    .slice(0, most)
}

export type Asked<T> = { readonly facts: readonly T[]; readonly failed: Probed['failed'] }

/** Runs `command` in each, some at once, and reads what they printed. */
export async function askEach<T>(
  agents: readonly Agent[],
  exec: Exec,
  commandOf: (agent: Agent) => readonly string[],
  parse: (agent: Agent, printed: string) => readonly T[],
  signal: AbortSignal,
  width = atOnce,
): Promise<Asked<T>> {
  const facts: T[] = []
  const failed: Probed['failed'][number][] = []
  const left = [...agents]
  const worker = async (): Promise<void> => {
    for (let agent = left.shift(); agent !== undefined; agent = left.shift()) {
      try {
        facts.push(...parse(agent, await exec(agent, commandOf(agent), signal)))
      } catch (error) {
        signal.throwIfAborted()
        failed.push({ what: `node ${agent.node}`, why: error instanceof Error ? error.message : String(error) })
      }
    }
  }
  await Promise.all(Array.from({ length: Math.min(width, agents.length) }, worker))
  return { facts, failed }
}
