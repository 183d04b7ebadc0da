// Brings the image stores that nodes start from: one with the base images, which rarely changes, and one derived from it for each state of
// the sources, with Tombolo's own image, which is one small layer of bundles over the base; or for an image that is given.
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, utimesSync } from 'node:fs'
import { join } from 'node:path'
import { bundle } from '../bundle.ts'
import { cachePath, keyOf, makeFolder } from './cache.ts'
import { baseKey, makeBase, readBase } from './image/base.ts'
import type { GivenImage } from './image/given.ts'
import { packLayer, writeArchive } from './image/oci.ts'
import { copyStore, importInto } from './image/store.ts'
import { programVersion } from './programs.ts'
import type { Say } from './progress.ts'
import { step } from './progress.ts'

export const tomboloImage = 'localhost/tombolo:dev'

/** Derived stores that are kept besides the newest: switching between branches should not import again. */
const keptStores = 4

const baseFolder = () => cachePath('images', `base-${baseKey()}`)
const baseStoreFolder = () => cachePath('images', `store-${keyOf(baseKey(), programVersion('containerd'))}`)
/** containerd's root inside of a store's folder. */
const rootOf = (folder: string) => join(folder, 'root')

export const baseImagesDone = (): boolean => existsSync(baseStoreFolder())

/** The store with the base images; makes it when it is not there. */
export async function baseStore(say: Say, signal: AbortSignal): Promise<string> {
  const [images, store] = [baseFolder(), baseStoreFolder()]
  if (!existsSync(images))
    await step('images from Debian packages', 'about 30 s', say, () => makeFolder(images, (partial) => makeBase(partial, signal)))
  if (!existsSync(store))
    await step('import images', 'about 5 s', say, () =>
      makeFolder(store, (partial) => importInto(rootOf(partial), readBase(images).archive, signal)),
    )
  return rootOf(store)
}

/** The store with Tombolo's image beside the base images: the image that is given, else that of the sources as they are now. */
export async function tomboloStore(given: GivenImage | undefined, say: Say, signal: AbortSignal): Promise<string> {
  const base = await baseStore(say, signal)
  if (given !== undefined)
    return storeOver(base, given.index, signal, (folder) =>
      step(`import ${given.archive}`, 'about 10 s', say, () => importInto(rootOf(folder), given.archive, signal)),
    )
  const bundles = cachePath('images', `bundles-${process.pid}`)
  try {
    await bundle(join(bundles, 'opt/tombolo'))
    return await storeOver(base, digestOf(join(bundles, 'opt/tombolo')), signal, (folder) =>
      step('import Tombolo', 'about 1 s', say, () => importBundles(bundles, folder, signal)),
    )
  } finally {
    rmSync(bundles, { recursive: true, force: true })
  }
}

/** The store that `content` names: a copy of the base's, with what `add` imports into it where it is not there yet. */
async function storeOver(
  base: string,
  content: string,
  signal: AbortSignal,
  add: (folder: string) => Promise<void>,
): Promise<string> {
  const store = cachePath('images', `tombolo-${keyOf(base, content)}`)
  if (!existsSync(store)) {
    await makeFolder(store, async (partial) => {
      await copyStore(base, rootOf(partial), signal)
      await add(partial)
    })
    dropOldStores()
  }
  const now = new Date()
  utimesSync(store, now, now)
  return rootOf(store)
}

async function importBundles(bundles: string, folder: string, signal: AbortSignal): Promise<void> {
  const { bottom } = readBase(baseFolder())
  const layer = await packLayer(bundles, join(folder, 'blobs'), signal)
  const archive = join(folder, 'image.tar')
  const command = ['node', '/opt/tombolo/operator.mjs']
  await writeArchive([{ name: tomboloImage, layers: [bottom, layer], command }], new Set([bottom.digest]), archive, signal)
  await importInto(rootOf(folder), archive, signal)
  rmSync(archive)
  rmSync(join(folder, 'blobs'), { recursive: true })
}

function dropOldStores(): void {
  const folder = cachePath('images')
  // Under the lock of the set-up nobody else has any: those of a run that was killed.
  const bundles = readdirSync(folder).filter((name) => name.startsWith('bundles-') && name !== `bundles-${process.pid}`)
  for (const name of bundles) rmSync(join(folder, name), { recursive: true, force: true })
  const stores = readdirSync(folder)
    .filter((name) => name.startsWith('tombolo-') && !name.endsWith('.partial'))
    .map((name) => ({ path: join(folder, name), used: statSync(join(folder, name)).mtimeMs }))
    .sort((a, b) => b.used - a.used)
  for (const { path } of stores.slice(1 + keptStores)) {
    // Renamed first: what has the final name is complete.
    const gone = `${path}.partial`
    rmSync(gone, { recursive: true, force: true })
    renameSync(path, gone)
    rmSync(gone, { recursive: true, force: true })
  }
}

function digestOf(folder: string): string {
  mkdirSync(folder, { recursive: true })
  const hash = createHash('sha256')
  for (const name of readdirSync(folder).sort()) hash.update(name).update(readFileSync(join(folder, name)))
  return hash.digest('hex')
}
