// Rigs of this machine: which are alive, and sweeping what the dead ones left. A living one is never touched.
import { existsSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { cachePath } from '#hack/setup/cache.ts'
import { lock } from '#hack/setup/lock.ts'
import type { Record } from './record.ts'
import { allRuns, dataRoot, isWanted, readRecord, runDirOf } from './record.ts'
import { takeDown } from './take-down.ts'

/** The oldest first. */
export const liveRigs = (): readonly Record[] =>
  allRuns()
    .flatMap((run) => readRecord(run) ?? [])
    .filter(isWanted)
    .sort((a, b) => (a.began < b.began ? -1 : 1))

/** A run directory without a record is being made by somebody, unless it is older than this. */
const bornMs = 60_000

/** One at a time: of two that take the same run down, one finds it half gone. */
export async function sweepDead(signal: AbortSignal): Promise<readonly string[]> {
  await using _held = await lock(cachePath('sweep.lock'), () => undefined, signal)
  const dead = allRuns().filter((run) => {
    const record = readRecord(run)
    const made = statSync(runDirOf(run), { throwIfNoEntry: false })?.mtimeMs ?? 0
    return record === undefined ? Date.now() - made > bornMs : !isWanted(record)
  })
  // After a reboot there are no records any more, and the data of all rigs is of no use.
  const orphans = (existsSync(dataRoot()) ? readdirSync(dataRoot()) : []).filter((run) => !existsSync(runDirOf(run)))
  for (const run of [...dead, ...orphans]) {
    const record = readRecord(run)
    await takeDown({ run, dataDir: record?.dataDir ?? join(dataRoot(), run), slot: record?.slot }, signal)
  }
  return [...dead, ...orphans]
}
