// The images that rarely change: pause, CoreDNS, the toolbox, and the base of Tombolo's own image.
import { chmodSync, copyFileSync, cpSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { keyOf } from '../cache.ts'
import { programPath, programVersion } from '../programs.ts'
import type { Blob, Image } from './oci.ts'
import { packLayer, writeArchive } from './oci.ts'
import { configure, downloadClosure, readPackageList, rootfsVersion, unpack } from './rootfs.ts'

const deploy = join(import.meta.dirname, '../../../deploy/image')
const baseList = join(deploy, 'packages.txt')
const toolboxList = join(deploy, 'toolbox/packages.txt')
const webServer = join(deploy, 'toolbox/web.mjs')

/** Changes when this file makes other images of the same inputs. */
const imagesVersion = '3'

const strongSwan = ['usr/sbin/charon-systemd', 'usr/lib/ipsec']

/** What pods of upstream's MCS suite are made from (hack/conformance): the toolbox has all that they call, under other names. */
export const suiteImages = ['alpine/socat:1.7.4.4', 'nicolaka/netshoot:v0.15'] as const

/** What a base is made of, as a short name. */
export const baseKey = (): string =>
  keyOf(
    imagesVersion,
    rootfsVersion,
    process.version,
    programVersion('wireguard'),
    programVersion('coredns'),
    ...[baseList, toolboxList, webServer].map((path) => readFileSync(path)),
  )

/** The layer below the bundles, as the base folder keeps it. */
export interface Base {
  readonly archive: string
  readonly bottom: Blob
}

/** Fills `folder` with an archive of all base images. Needs the network for packages, about half a minute. */
export async function makeBase(folder: string, signal: AbortSignal): Promise<void> {
  const [debs, root, tools, blobs] = ['debs', 'root', 'tools', 'blobs'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
    string,
  ]
  const baseNames = readPackageList(baseList)
  const inBase = await downloadClosure(baseNames, join(debs, 'base'), signal)
  const inBoth = await downloadClosure([...baseNames, ...readPackageList(toolboxList)], join(debs, 'both'), signal)

  mkdirSync(root)
  await unpack(
    inBase.map((name) => join(debs, 'base', name)),
    root,
    signal,
  )
  await configure(root, signal)
  install(process.execPath, join(root, 'usr/local/bin/node'))
  install(programPath('wireguard'), join(root, 'usr/local/bin/wireguard-go'))
  // For tests of cables without Kubernetes, which run it as the image has it, on no machine that it would have to be installed on.
  for (const path of strongSwan)
    cpSync(join(root, path), join(folder, 'strongswan', path), { recursive: true, verbatimSymlinks: true })
  const bottom = await packLayer(root, blobs, signal)

  mkdirSync(tools)
  const added = inBoth.filter((name) => !inBase.includes(name))
  await unpack(
    added.map((name) => join(debs, 'both', name)),
    tools,
    signal,
  )
  mkdirSync(join(tools, 'opt/demo'), { recursive: true })
  copyFileSync(webServer, join(tools, 'opt/demo/web.mjs'))
  // Alternatives that maintainer scripts would have chosen.
  copyFileSync(join(tools, 'usr/bin/nc.openbsd'), join(tools, 'usr/bin/nc'))
  symlinkSync('mawk', join(tools, 'usr/bin/awk'))
  const top = await packLayer(tools, blobs, signal)

  const dnsRoot = join(folder, 'coredns')
  mkdirSync(dnsRoot)
  install(programPath('coredns'), join(dnsRoot, 'coredns'))
  const dns = await packLayer(dnsRoot, blobs, signal)

  const images: readonly Image[] = [
    // A sandbox only has to hold the namespaces; any program that never ends will do.
    { name: 'localhost/pause:1', layers: [bottom], command: ['sleep', 'infinity'] },
    { name: 'localhost/coredns:1', layers: [dns], entrypoint: ['/coredns'] },
    ...['localhost/toolbox:1', ...suiteImages.map((name) => `docker.io/${name}`)].map((name) => ({
      name,
      layers: [bottom, top],
      command: ['sleep', 'infinity'],
    })),
  ]
  await writeArchive(images, new Set(), join(folder, 'images.tar'), signal)
  const kept = join(folder, 'bottom')
  renameSync(bottom.path, kept)
  writeFileSync(join(folder, 'bottom.json'), JSON.stringify({ digest: bottom.digest, size: bottom.size }))
  for (const path of [debs, root, tools, dnsRoot, blobs]) rmSync(path, { recursive: true, force: true })
}

/** What `makeBase` left in `folder`. */
export function readBase(folder: string): Base {
  const bottom = JSON.parse(readFileSync(join(folder, 'bottom.json'), 'utf8')) as Pick<Blob, 'digest' | 'size'>
  return { archive: join(folder, 'images.tar'), bottom: { ...bottom, path: join(folder, 'bottom') } }
}

function install(from: string, to: string): void {
  mkdirSync(join(to, '..'), { recursive: true })
  copyFileSync(from, to)
  chmodSync(to, 0o755)
}
