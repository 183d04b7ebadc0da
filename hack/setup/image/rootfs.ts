// Root file systems of images from Debian packages, without Docker: apt resolves the closure of a list as if nothing were installed,
// the packages are unpacked in place. Maintainer scripts do not run; the few things they would do that we need stand here.
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Refusal } from '../refusal.ts'
import { run, RunFailed } from '../run.ts'

/** Changes when this file makes something else of the same list. */
export const rootfsVersion = '1'

/** The names in a list: one a line, `#` starts a comment. */
export const readPackageList = (path: string): readonly string[] =>
  readFileSync(path, 'utf8')
    .split('\n')
    .map((line) => line.replace(/#.*/, '').trim())
    .filter((line) => line !== '')

/** Downloads the packages and all they depend on into `folder`; returns the file names. */
export async function downloadClosure(names: readonly string[], folder: string, signal: AbortSignal): Promise<readonly string[]> {
  mkdirSync(join(folder, 'partial'), { recursive: true })
  const nothingInstalled = join(folder, 'partial', 'status')
  writeFileSync(nothingInstalled, '')
  const options = [
    `Dir::State::status=${nothingInstalled}`,
    `Dir::Cache::Archives=${folder}`,
    'APT::Sandbox::User=root',
    // We install nothing, so nobody has to be kept out.
    'Debug::NoLocking=true',
  ].flatMap((option) => ['-o', option])
  const download = () =>
    run('apt-get', ['-y', '-qq', '--no-install-recommends', ...options, '--download-only', 'install', ...names], {}, signal)
  try {
    // A list that is old names packages that are gone; a machine that never updated has none.
    await download().catch(async () => {
      await run('apt-get', ['-qq', 'update'], {}, signal)
      await download()
    })
  } catch (error) {
    if (!(error instanceof RunFailed)) throw error
    const said = error.stderr.trim().split('\n').at(-1) ?? ''
    throw new Refusal(`apt-get could not download the packages of the images: ${said}; check the network and apt's sources.`, {
      cause: error,
    })
  }
  return readdirSync(folder).filter((file) => file.endsWith('.deb'))
}

/** Documentation, translations and time zones: half of the files, read by nobody in a container. */
const unread = ['doc', 'man', 'locale', 'info', 'lintian', 'bash-completion', 'zoneinfo', 'perl', 'bug'].map(
  (name) => `usr/share/${name}`,
)

/** Unpacks `packages` (paths) into the empty folder `root`. */
export async function unpack(packages: readonly string[], root: string, signal: AbortSignal): Promise<void> {
  mergeUsr(root)
  // dpkg-deb --extract would put a folder in the place of the links that mergeUsr made.
  const script = 'for deb in "$@"; do dpkg-deb --fsys-tarfile "$deb" | tar -x -p --keep-directory-symlink -C "$0"; done'
  await run('bash', ['-euo', 'pipefail', '-c', script, root, ...packages], {}, signal)
  for (const path of unread) rmSync(join(root, path), { recursive: true, force: true })
}

/** What the maintainer scripts of the base packages would have done. */
export async function configure(root: string, signal: AbortSignal): Promise<void> {
  for (const name of ['passwd', 'group'])
    copyFileSync(join(root, `usr/share/base-passwd/${name}.master`), join(root, 'etc', name))
  const switches = join(root, 'usr/share/base-files/nsswitch.conf')
  if (existsSync(switches)) copyFileSync(switches, join(root, 'etc/nsswitch.conf'))
  await run('chroot', [root, '/sbin/ldconfig'], {}, signal)
}

/** /bin, /lib and /sbin are links into /usr: the packages expect it, and none of them makes it so. */
function mergeUsr(root: string): void {
  for (const name of ['bin', 'lib', 'lib64', 'sbin']) {
    mkdirSync(join(root, 'usr', name), { recursive: true })
    if (!existsSync(join(root, name))) symlinkSync(`usr/${name}`, join(root, name))
  }
}
