// The two places where the agent touches its node: bringing it to what is wanted, and leaving it as it was found.
import type { Host } from '#lib/host/host.ts'
import type { Network, NetworkChange, Ownership } from '#lib/host/network.ts'
import { applyNetwork, nothing, planNetwork, readNetwork } from '#lib/host/network.ts'
import { everythingOfOurs } from './ownership.ts'

/** `owns`: what goes if it is not wanted. Returns what it had to change; empty when the node was as it should be. */
export async function applyAgent(
  host: Host,
  want: Network,
  owns: Ownership,
  signal: AbortSignal,
): Promise<readonly NetworkChange[]> {
  const keys = want.sysctls.map((s) => s.key)
  const changes = planNetwork(await readNetwork(host, owns, keys, signal), want)
  await applyNetwork(host, changes, signal)
  return changes
}

/**
 * Takes everything of ours off the node, keys included. Kernel settings stay as they are: forwarding and a loose reverse path filter
 * are what most nodes had before, and whether this one did is not known.
 */
export async function cleanUp(host: Host, stateDir: string, signal: AbortSignal): Promise<readonly NetworkChange[]> {
  const changes = planNetwork(await readNetwork(host, everythingOfOurs, [], signal), nothing)
  await applyNetwork(host, changes, signal)
  await host.remove(stateDir, signal)
  return changes
}
