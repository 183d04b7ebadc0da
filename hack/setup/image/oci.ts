// Container images as OCI archives, which `ctr images import` reads: content-addressed blobs, a manifest per image, an index over all.
// Layers are plain tar: on one machine, compressing and uncompressing only costs time.
// https://github.com/opencontainers/image-spec/blob/v1.1.0/image-layout.md
import { createHash } from 'node:crypto'
import { createReadStream, linkSync, mkdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { run } from '../run.ts'

/** A file in the folder of blobs, named by its digest. */
export interface Blob {
  readonly digest: `sha256:${string}`
  readonly size: number
  readonly path: string
}

export interface Image {
  /** With the registry part, such as `localhost/toolbox:1`. */
  readonly name: string
  /** From the bottom up. */
  readonly layers: readonly Blob[]
  readonly command?: readonly string[]
  readonly entrypoint?: readonly string[]
}

/** Packs a folder as a layer. The same content gives the same bytes, whenever and wherever it is packed. */
export async function packLayer(folder: string, blobs: string, signal: AbortSignal): Promise<Blob> {
  mkdirSync(blobs, { recursive: true })
  const partial = join(blobs, `partial-${process.pid}-${Math.random().toString(36).slice(2)}`)
  const fixed = ['--sort=name', '--mtime=@0', '--owner=0', '--group=0', '--numeric-owner', '--format=posix']
  // The default header of that format has access times in it.
  const plain = '--pax-option=exthdr.name=%d/PaxHeaders/%f,delete=atime,delete=ctime'
  await run('tar', [...fixed, plain, '-C', folder, '-cf', partial, '.'], {}, signal)
  return adopt(partial, blobs)
}

/** Writes one archive with all `images`; blobs in `leaveOut` are expected in the store that imports it. */
export async function writeArchive(
  images: readonly Image[],
  leaveOut: ReadonlySet<string>,
  archive: string,
  signal: AbortSignal,
): Promise<void> {
  const folder = `${archive}.d`
  const blobs = join(folder, 'blobs/sha256')
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(blobs, { recursive: true })
  for (const { digest, path } of new Set(images.flatMap(({ layers }) => layers)))
    if (!leaveOut.has(digest)) linkOnce(path, join(blobs, hexOf(digest)))
  const manifests = images.map((image) => ({
    ...writeManifest(image, blobs),
    annotations: { 'io.containerd.image.name': image.name },
  }))
  writeFileSync(join(folder, 'oci-layout'), JSON.stringify({ imageLayoutVersion: '1.0.0' }))
  writeFileSync(join(folder, 'index.json'), JSON.stringify({ schemaVersion: 2, mediaType: `${oci}.index.v1+json`, manifests }))
  await run('tar', ['-C', folder, '-cf', archive, 'oci-layout', 'index.json', 'blobs'], {}, signal)
  rmSync(folder, { recursive: true, force: true })
}

const oci = 'application/vnd.oci.image'
const hexOf = (digest: string): string => digest.replace('sha256:', '')

function writeManifest({ layers, command, entrypoint }: Image, blobs: string) {
  const architecture = process.arch === 'x64' ? 'amd64' : process.arch
  const config = writeJSON(blobs, {
    architecture,
    os: 'linux',
    config: {
      Env: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'],
      ...(entrypoint === undefined ? {} : { Entrypoint: entrypoint }),
      ...(command === undefined ? {} : { Cmd: command }),
    },
    rootfs: { type: 'layers', diff_ids: layers.map(({ digest }) => digest) },
  })
  return {
    mediaType: `${oci}.manifest.v1+json`,
    ...writeJSON(blobs, {
      schemaVersion: 2,
      mediaType: `${oci}.manifest.v1+json`,
      config: { mediaType: `${oci}.config.v1+json`, ...config },
      layers: layers.map(({ digest, size }) => ({ mediaType: `${oci}.layer.v1.tar`, digest, size })),
    }),
    platform: { architecture, os: 'linux' },
  }
}

function writeJSON(blobs: string, value: object): { readonly digest: string; readonly size: number } {
  const text = JSON.stringify(value)
  const hex = createHash('sha256').update(text).digest('hex')
  writeFileSync(join(blobs, hex), text)
  return { digest: `sha256:${hex}`, size: Buffer.byteLength(text) }
}

async function adopt(partial: string, blobs: string): Promise<Blob> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(partial, { highWaterMark: 1 << 20 }), hash)
  const hex = hash.digest('hex')
  const path = join(blobs, hex)
  renameSync(partial, path)
  return { digest: `sha256:${hex}`, size: statSync(path).size, path }
}

function linkOnce(from: string, to: string): void {
  try {
    linkSync(from, to)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
  }
}
