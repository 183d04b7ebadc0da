// A Linux kernel that runs as an ordinary process (User-Mode Linux), for `npm run test:kernel`: with WireGuard and ESP, which the machine's
// own may lack. Debian's sources of one version, and the options beside this file. What is interrupted goes on where it was.
import { createHash } from 'node:crypto'
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, statfsSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { cachePath, keyOf, makeFolder } from '../cache.ts'
import type { Packages } from '../packages.ts'
import { installNow, missingPackages } from '../packages.ts'
import type { Say } from '../progress.ts'
import { step } from '../progress.ts'
import { Refusal } from '../refusal.ts'
import { run } from '../run.ts'

const source = {
  name: 'linux-source-6.12',
  version: '6.12.117-1~deb12u1',
  sha256: 'e849faf31ca3555757f3a8877cb01af92122f744f75d1f3102734651c4e14703',
}

const optionsFile = join(import.meta.dirname, 'options.config')

/** What it is built with; nothing else of ours needs a compiler of C. */
const tools: Packages = {
  bc: 'bc',
  binutils: 'strip',
  bison: 'bison',
  flex: 'flex',
  gcc: 'gcc',
  'libc6-dev': '/usr/include/stdio.h',
  make: 'make',
  'xz-utils': 'xz',
}

/** The sources unpacked, and built. */
const buildBytes = 4e9

const sourceFolder = (): string => cachePath('kernels', `source-${source.version}`)
const kernelFolder = (): string => cachePath('kernels', `linux-${keyOf(source.sha256, readFileSync(optionsFile))}`)

/** Where it lies when it is built. */
export const kernelPath = (): string => join(kernelFolder(), 'linux')

export const kernelDone = (): boolean => existsSync(kernelPath())

/** Throws Refusal where it cannot be built, or its sources cannot be had. */
export async function buildKernel(say: Say, signal: AbortSignal): Promise<void> {
  if (process.arch !== 'x64')
    throw new Refusal(`User-Mode Linux is for x86-64 and this machine is ${process.arch}: run test:kernel on one of those.`)
  const missing = missingPackages(tools)
  if (missing.length > 0) await installNow(missing, 'about 20 s', say, signal)
  mkdirSync(cachePath('kernels'), { recursive: true })
  const { bavail, bsize } = statfsSync(cachePath('kernels'))
  if (!existsSync(sourceFolder()) && bavail * bsize < buildBytes)
    throw new Refusal(
      `${cachePath('kernels')} has ${((bavail * bsize) / 1e9).toFixed(1)} GB free and a kernel needs 4 GB to be built: free some space, or set XDG_CACHE_HOME to a larger disk.`,
    )
  await makeFolder(sourceFolder(), (partial) =>
    step(`sources of Linux ${source.version}, 150 MB`, 'about 30 s', say, () => unpack(partial, signal)),
  )
  await makeFolder(kernelFolder(), (partial) =>
    step(`build Linux ${source.version}`, '5 to 35 min', say, () => build(partial, signal)),
  )
  rmSync(sourceFolder(), { recursive: true, force: true })
}

async function unpack(folder: string, signal: AbortSignal): Promise<void> {
  const download = () => run('apt-get', ['-qq', 'download', `${source.name}=${source.version}`], { cwd: folder }, signal)
  await download()
    .catch(async () => {
      await run('apt-get', ['-qq', 'update'], {}, signal)
      return download()
    })
    .catch((cause: unknown) => {
      throw new Refusal(
        `apt does not offer ${source.name} ${source.version}: add Debian's bookworm-security to its sources, or name the version that is offered, and its SHA-256, in hack/setup/kernel/kernel.ts.`,
        { cause },
      )
    })
  const deb = join(folder, `${source.name}_${source.version}_all.deb`)
  const sum = createHash('sha256').update(readFileSync(deb)).digest('hex')
  if (sum !== source.sha256)
    throw new Refusal(`${source.name} ${source.version} is not what it was (SHA-256 ${sum}): mend apt's sources.`)
  await run('dpkg-deb', ['-x', deb, folder], {}, signal)
  const archive = join(folder, 'usr/src', `${source.name}.tar.xz`)
  await run('tar', ['-C', folder, '--strip-components=1', '-xf', archive], {}, signal)
  for (const done of [deb, archive]) rmSync(done)
}

async function build(folder: string, signal: AbortSignal): Promise<void> {
  const make = (...args: readonly string[]) => run('make', ['ARCH=um', ...args], { cwd: sourceFolder() }, signal)
  await make('defconfig')
  await run(
    'scripts/kconfig/merge_config.sh',
    ['-m', '.config', optionsFile],
    { cwd: sourceFolder(), env: { ARCH: 'um' } },
    signal,
  )
  await make('olddefconfig')
  const missing = notTaken(readFileSync(optionsFile, 'utf8'), readFileSync(join(sourceFolder(), '.config'), 'utf8'))
  if (missing.length > 0) throw new Error(`Linux ${source.version} did not take ${missing.join(', ')}`)
  await make(`-j${availableParallelism()}`, 'linux')
  const kernel = join(folder, 'linux')
  copyFileSync(join(sourceFolder(), 'linux'), kernel)
  await run('strip', [kernel], {}, signal)
}

/** An option that depends on another one is dropped without a word. */
function notTaken(options: string, config: string): readonly string[] {
  const taken = new Set(config.split('\n'))
  return options.split('\n').filter((line) => /^(# )?CONFIG_/.test(line) && !taken.has(line))
}
