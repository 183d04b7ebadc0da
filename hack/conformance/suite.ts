// From what --suite names to a program that can be started. A checkout is built by Go, whose own cache makes that quick the next time.
import { accessSync, constants, existsSync, mkdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { refused } from '#cli/problem.ts'
import { cachePath, keyOf } from '../setup/cache.ts'
import { refuseFullDisk } from '../setup/disk.ts'
import { buildByGo, goTool } from '../setup/go.ts'
import type { Say } from '../setup/progress.ts'
import { step } from '../setup/progress.ts'
import { run } from '../setup/run.ts'
import { howToGetSuite } from './plan.ts'

/** A program, or a Go module that makes one. */
export type Suite = { readonly kind: 'program' | 'module'; readonly path: string }

const module = 'sigs.k8s.io/mcs-api/conformance'

/** `path`: absolute. Throws Problem where there is no suite. */
export function findSuite(path: string): Suite {
  const remedy = `--suite wants ${howToGetSuite}.`
  const found = statSync(path, { throwIfNoEntry: false })
  if (found === undefined) throw refused(`There is no ${path}.`, remedy)
  if (found.isFile()) {
    if (!mayRun(path)) throw refused(`${path} is a file that cannot be run.`, remedy)
    return { kind: 'program', path }
  }
  const folder = [path, join(path, 'conformance')].find(isSuite)
  if (folder === undefined) throw refused(`${path} has no Go module ${module} in it.`, remedy)
  return { kind: 'module', path: folder }
}

function mayRun(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

const isSuite = (folder: string): boolean => {
  const file = join(folder, 'go.mod')
  return existsSync(file) && readFileSync(file, 'utf8').split('\n').includes(`module ${module}`)
}

/** The path of its program. Throws Refusal where that cannot be built. */
export async function buildSuite({ kind, path }: Suite, say: Say, signal: AbortSignal): Promise<string> {
  if (kind === 'program') return path
  const go = await goTool({ what: 'The conformance suite', otherwise: 'give --suite its program, built elsewhere' }, say, signal)
  const out = cachePath('conformance', keyOf(path))
  mkdirSync(out, { recursive: true })
  const program = join(out, 'suite')
  await step('build the conformance suite', 'about 3 min the first time', say, () =>
    refuseFullDisk(() => buildByGo(go, ['test', '-c', '-trimpath', '-o', program, '.'], path, signal)),
  )
  return program
}

/** Such as `v0.5.0-4-gded161a`, after the last tag; undefined where git knows nothing of it. */
export async function versionOf({ kind, path }: Suite, signal: AbortSignal): Promise<string | undefined> {
  if (kind === 'program') return undefined
  // Its other modules have tags of their own, such as controllers/v0.5.0.
  const describe = ['-C', path, 'describe', '--tags', '--match', 'v*', '--always', '--dirty']
  const said = await run('git', describe, {}, signal).catch(() => undefined)
  return said?.trim()
}

/** Which of `images` the suite does not ask for: then it asks for others. */
export const imagesNotIn = (program: string, images: readonly string[]): readonly string[] => {
  const bytes = readFileSync(program)
  return images.filter((image) => !bytes.includes(image))
}
