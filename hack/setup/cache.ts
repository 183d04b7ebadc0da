// Where set-up keeps what it made: outside the repository, one folder per version of a thing, so that nothing is made twice.
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'

/** `${XDG_CACHE_HOME:-~/.cache}/tombolo` and what is below. */
export const cachePath = (...parts: readonly string[]): string => {
  const xdg = process.env.XDG_CACHE_HOME
  return join(xdg === undefined || xdg === '' ? join(homedir(), '.cache') : xdg, 'tombolo', ...parts)
}

/** A short name for the content of all of these together. */
export function keyOf(...parts: readonly (string | Buffer)[]): string {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(`${Buffer.byteLength(part)}:`).update(part)
  return hash.digest('hex').slice(0, 12)
}

/** Makes the folder `path` by filling another one and renaming it: a fault leaves nothing, and a kill nothing that looks finished. */
export async function makeFolder(path: string, fill: (partial: string) => Promise<void>): Promise<void> {
  if (existsSync(path)) return
  const partial = `${path}.partial`
  rmSync(partial, { recursive: true, force: true })
  mkdirSync(dirname(path), { recursive: true })
  mkdirSync(partial)
  try {
    await fill(partial)
  } catch (error) {
    rmSync(partial, { recursive: true, force: true })
    throw error
  }
  renameSync(partial, path)
}
