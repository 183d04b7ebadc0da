// Adds to a snapshot what only acting tells. The list of all probes; each file says which facts it brings.
import type { Subject } from '../checks/check.ts'
import type { Snapshot } from '../snapshot.ts'
import { askNames } from './names.ts'
import { readNetworks } from './networks.ts'
import { tryOverlay } from './overlay.ts'
import type { Exec, Probe } from './probe.ts'
import type { Probed } from './probed.ts'
import { notProbed } from './probed.ts'

const probes: readonly Probe[] = [readNetworks, tryOverlay, askNames]

/** Only what the checks of `subjects` look at. */
export async function probe(seen: Snapshot, subjects: readonly Subject[], exec: Exec, signal: AbortSignal): Promise<Snapshot> {
  if (seen.member === undefined) return seen
  const parts = await Promise.all(
    probes.filter((p) => p.subjects.some((s) => subjects.includes(s))).map((p) => p.run(seen, exec, signal)),
  )
  const failed = parts.flatMap((part) => part.failed)
  return { ...seen, probed: parts.reduce<Probed>((all, part) => ({ ...all, ...part, failed }), notProbed) }
}
