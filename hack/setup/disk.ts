// A disk that is full, whoever meets it: ourselves, or a program that we ran, in its own words. One place for all steps of set-up.
import { statfsSync } from 'node:fs'
import { Refusal } from './refusal.ts'
import { RunFailed } from './run.ts'

/** What is free for us on the disk that `path` is on. */
export function freeBytes(path: string): number {
  const { bavail, bsize } = statfsSync(path)
  return bavail * bsize
}

/** Does `work`. Throws Refusal where it fails because a disk is full, whatever it made of that. */
export async function refuseFullDisk<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    const full = saysFull(error)
    if (full === undefined) throw error
    throw new Refusal(
      `the disk is full (${full}): free some space, or set XDG_CACHE_HOME, GOCACHE and TMPDIR to folders on a larger disk, and run the same command again; what is finished stays.`,
      { cause: error },
    )
  }
}

/** What the kernel's ENOSPC is called by Node, Go and tools, and by apt before it comes to that. */
const words = /^.*(no space left on device|don't have enough free space).*$/im

/** The line in which `error`, or rather what was behind it, tells of a full disk. */
function saysFull(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined
  const said = error instanceof RunFailed ? error.stderr : error.message
  return saysFull(error.cause) ?? words.exec(said)?.[0].trim()
}
