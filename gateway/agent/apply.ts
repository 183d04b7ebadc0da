// The two places where the agent touches its node: bringing it to what is wanted, and leaving it as it was found.
import { isDeepStrictEqual } from 'node:util'
import type { Host } from '#lib/host/host.ts'
import type { Network, NetworkChange, Ownership } from '#lib/host/network.ts'
import { applyNetwork, nothing, planNetwork, readNetwork } from '#lib/host/network.ts'
import { removeKernelEsp } from '../cable/ipsec/esp.ts'
import { cableDevices } from '../data-plane.ts'
import { putBack, readFormer, remember, writeFormer } from './former.ts'
import { everythingOfOurs } from './ownership.ts'

/** `owns`: what goes if it is not wanted. `stateDir`: where former kernel settings are kept. Returns what it had to change; empty when the node was as it should be. */
export async function applyAgent(
  host: Host,
  want: Network,
  owns: Ownership,
  stateDir: string,
  signal: AbortSignal,
): Promise<readonly NetworkChange[]> {
  const keys = want.sysctls.map((s) => s.key)
  const have = await readNetwork(host, owns, keys, signal)
  const former = await readFormer(host, stateDir, signal)
  const now = remember(former, have.sysctls, want.sysctls)
  // Before the first change, or a restart in between would take our value for the former one.
  if (!isDeepStrictEqual(now, former)) await writeFormer(host, stateDir, now, signal)
  const changes = planNetwork(have, want)
  await applyNetwork(host, changes, signal)
  return changes
}

/** Takes everything of ours off the node, keys included, and puts kernel settings back that are still as we made them. */
export async function cleanUp(host: Host, stateDir: string, signal: AbortSignal): Promise<readonly NetworkChange[]> {
  const former = await readFormer(host, stateDir, signal)
  const have = await readNetwork(host, everythingOfOurs, Object.keys(former), signal)
  const changes = planNetwork(have, { ...nothing, sysctls: putBack(former, have.sysctls) })
  await applyNetwork(host, changes, signal)
  const swept = await removeKernelEsp(host, cableDevices.ipsec, signal)
  // Last: what failed above is tried again from the same record.
  await host.remove(stateDir, signal)
  return swept.length === 0 ? changes : [...changes, { with: 'ip -4', lines: swept }]
}
