// Distribution packages that the rig uses on this machine. Only what is missing is installed.
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import type { Say } from './progress.ts'
import { step } from './progress.ts'
import { Refusal } from './refusal.ts'
import { run, RunFailed } from './run.ts'

/** Package → a program or file that shows it is there, whoever installed it. */
export type Packages = Readonly<Record<string, string>>

const forRigs: Packages = {
  'ca-certificates': '/etc/ssl/certs/ca-certificates.crt',
  'containernetworking-plugins': '/usr/lib/cni/ptp',
  iproute2: 'ip',
  'iputils-ping': 'ping',
  mount: 'mount',
  nftables: 'nft',
  openssl: 'openssl',
  procps: 'sysctl',
  runc: 'runc',
  tar: 'tar',
  'util-linux': 'nsenter',
  'wireguard-tools': 'wg',
}

export const missingPackages = (wanted: Packages = forRigs): readonly string[] =>
  Object.entries(wanted)
    .filter(([, proof]) => findProgram(proof) === undefined)
    .map(([name]) => name)

/** The full path of a program, also in places that only root's PATH has. */
export function findProgram(name: string): string | undefined {
  if (name.startsWith('/')) return readable(name) ? name : undefined
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/local/sbin', '/usr/sbin', '/sbin']
  return folders.map((folder) => join(folder, name)).find(readable)
}

export async function installPackages(say: Say, signal: AbortSignal): Promise<void> {
  const missing = missingPackages()
  if (missing.length > 0) await installNow(missing, 'about 20 s', say, signal)
}

/** Whatever is there already. Throws Refusal when it cannot be had. */
export async function installNow(missing: readonly string[], expect: string, say: Say, signal: AbortSignal): Promise<void> {
  if (findProgram('apt-get') === undefined)
    throw new Refusal(
      `${missing.join(', ')} must be installed and there is no apt-get here: install them, or use Debian or Ubuntu.`,
    )
  await step(`packages ${missing.join(' ')}`, expect, say, () => install(missing, signal))
}

async function install(names: readonly string[], signal: AbortSignal): Promise<void> {
  const env = { DEBIAN_FRONTEND: 'noninteractive' }
  // Another program may be installing: wait for it rather than fail.
  const patient = ['-y', '-o', 'DPkg::Lock::Timeout=300']
  try {
    await run('apt-get', [...patient, '-qq', 'update'], { env }, signal)
    // Comes to its end: after a dpkg that was killed, apt-get installs nothing until somebody has put that right by hand.
    const { signal: never } = new AbortController()
    await run('apt-get', [...patient, 'install', '--no-install-recommends', ...names], { env }, never)
  } catch (error) {
    if (!(error instanceof RunFailed)) throw error
    throw new Refusal(
      `apt-get could not install ${names.join(' ')}: ${lastLine(error.stderr)}; check the network and apt's sources.`,
      {
        cause: error,
      },
    )
  }
}

const lastLine = (text: string): string => text.trim().split('\n').at(-1) ?? ''

function readable(path: string): boolean {
  try {
    accessSync(path, constants.R_OK)
    return true
  } catch {
    return false
  }
}
