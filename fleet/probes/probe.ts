// A probe runs programs in pods of ours and returns facts; what could not be run is named.
import type { Subject } from '../checks/check.ts'
import type { Snapshot } from '../snapshot.ts'
import type { Probed } from './probed.ts'

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
