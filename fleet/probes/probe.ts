// Adds to a snapshot what only acting tells. Each probe runs programs in pods of ours and returns facts; what could not be run is named.
import type { Subject } from '../checks/check.ts'
import type { Snapshot } from '../snapshot.ts'
import { askNames } from './names.ts'
import { readNetworks } from './networks.ts'
import { tryOverlay } from './overlay.ts'
import type { Probed } from './probed.ts'
import { notProbed } from './probed.ts'

export type PodRef = { readonly namespace: string; readonly pod: string; readonly container: string }

/** Runs a program in a pod and returns what it printed. Throws when it cannot be run or ends badly. */
export type Exec = (where: PodRef, command: readonly string[], signal: AbortSignal) => Promise<string>

/** Some facts of several nodes; `failed` names those that gave none. */
export type Part = Partial<Probed> & Pick<Probed, 'failed'>
export type Probe = {
  /** Whose checks look at what it finds. */
  readonly subjects: readonly Subject[]
  run(seen: Snapshot, exec: Exec, signal: AbortSignal): Promise<Part>
}

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
