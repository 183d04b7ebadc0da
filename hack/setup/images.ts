// Brings the image stores that nodes start from: one with the base images, which rarely changes, and one derived from it for each state of
// the sources, with Tombolo's own image, which is one small layer of bundles over the base.
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, utimesSync } from 'node:fs'
import { join } from 'node:path'
import { bundle } from '../bundle.ts'
import { cachePath, keyOf, makeFolder } from './cache.ts'
import { baseKey, makeBase, readBase } from './image/base.ts'
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

/** The store with Tombolo's image beside the base images, for the sources as they are now. */
export async function tomboloStore(say: Say, signal: AbortSignal): Promise<string> {
  const base = await baseStore(say, signal)
  const bundles = cachePath('images', `bundles-${process.pid}`)
  try {
    await bundle(join(bundles, 'opt/tombolo'))
    const store = cachePath('images', `tombolo-${keyOf(base, digestOf(join(bundles, 'opt/tombolo')))}`)
    if (!existsSync(store)) {
      await step('import Tombolo', 'about 1 s', say, () => makeTomboloStore(base, bundles, store, signal))
      dropOldStores()
    }
    const now = new Date()
    utimesSync(store, now, now)
    return rootOf(store)
  } finally {
    rmSync(bundles, { recursive: true, force: true })
  }
}

async function makeTomboloStore(base: string, bundles: string, store: string, signal: AbortSignal): Promise<void> {
  const { bottom } = readBase(baseFolder())
  await makeFolder(store, async (partial) => {
    const layer = await packLayer(bundles, join(partial, 'blobs'), signal)
    const archive = join(partial, 'image.tar')
    const command = ['node', '/opt/tombolo/operator.mjs']
    await writeArchive([{ name: tomboloImage, layers: [bottom, layer], command }], new Set([bottom.digest]), archive, signal)
    await copyStore(base, rootOf(partial), signal)
    await importInto(rootOf(partial), archive, signal)
    rmSync(archive)
    rmSync(join(partial, 'blobs'), { recursive: true })
  })
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
