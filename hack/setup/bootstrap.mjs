// The first thing that runs on a fresh machine: plain JavaScript, no dependency, any Node from 18.
// Brings the packages (`npm ci`, which includes Node 24), then hands over to the TypeScript program named in argv.
import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import fs, { existsSync, readFileSync, utimesSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..')
const stamp = join(root, 'node_modules', '.tombolo-lock')
const node = join(root, 'node_modules', '.bin', 'node')
const installOnly = '--install-only'
const taken = 75
/** What makes clusters; the rest is for anybody, and so is what these do without. */
const onClusters = ['hack/playground.ts', 'hack/test.ts', 'hack/test-kernel.ts', 'hack/bench.ts', 'hack/conformance.ts']
const without = ['--verify', '--contexts']
/** What `npm ci` brings, twice: packed in npm's cache, and unpacked. */
const packagesBytes = 1e9

/** One sentence with the remedy, exit code 2: a fault of the machine, not of Tombolo. */
function refuse(sentence) {
  process.stderr.write(`tombolo: ${sentence}\n`)
  process.exit(2)
}

if (Number(process.versions.node.split('.')[0]) < 18)
  refuse(`Node ${process.versions.node} is too old to start from: install Node 18 or later.`)
if (process.platform !== 'linux')
  refuse(`the rig needs Linux network namespaces, this is ${process.platform}: run it in a Linux virtual machine.`)

const [program, ...args] = process.argv.slice(2)
// Before anything is brought: packages that another user may not replace are half a set-up.
const makesClusters = onClusters.includes(program) && !args.some((arg) => without.includes(arg.split('=')[0]))
if (makesClusters && process.getuid() !== 0)
  refuse('the rig makes network namespaces and containers and needs root: run the same command with sudo.')

const lock = createHash('sha256')
  .update(readFileSync(join(root, 'package-lock.json')))
  .digest('hex')
const installed = () => existsSync(node) && existsSync(stamp) && readFileSync(stamp, 'utf8') === lock

/** Under the lock. Whoever had it before us may have brought the packages: `npm ci` would take them away from its program. */
function install() {
  if (installed()) return
  // Node has it since 18.15.
  const { bavail, bsize } = fs.statfsSync?.(root) ?? { bavail: Infinity, bsize: 1 }
  if (bavail * bsize < packagesBytes)
    refuse(`${root} has ${((bavail * bsize) / 1e9).toFixed(1)} GB free and the npm packages need 1 GB: free some space.`)
  const from = Date.now()
  process.stderr.write('setup: npm packages, Node 24 among them (about 20 s) …\n')
  const npm = spawnSync('npm', ['ci', '--no-audit', '--no-fund', '--ignore-scripts', '--loglevel=error'], {
    cwd: root,
    stdio: ['ignore', 2, 'pipe'],
    encoding: 'utf8',
  })
  if (npm.error) refuse(`npm could not be started (${npm.error.message}): install npm beside Node.`)
  process.stderr.write(npm.stderr)
  if (npm.status !== 0) refuse(`npm ci failed, see above: ${remedy(npm.stderr)}, then run the same command again.`)
  if (!existsSync(node)) refuse(`there is no Node 24 package for ${process.arch}: install Node 24 and run on x64 or arm64.`)
  writeFileSync(stamp, lock)
  process.stderr.write(`setup: npm packages done in ${((Date.now() - from) / 1000).toFixed(1)} s\n`)
}

/** By the code that npm names; of one that we do not know we guess nothing. */
function remedy(said) {
  const code = /^npm (?:error|ERR!) code (\S+)/m.exec(said)?.[1] ?? ''
  if (/^(EACCES|EPERM|EROFS)$/.test(code)) return `give this user the right to write ${root} and npm's cache`
  if (code === 'ENOSPC') return 'free some disk space'
  if (/^(E[45]\d\d|ENOTFOUND|EAI_AGAIN|ECONN\w+|ETIMEDOUT|ENETUNREACH|EHOSTUNREACH|ERR_SOCKET_TIMEOUT|FETCH_ERROR)$/.test(code))
    return 'check the network or the npm registry setting'
  return 'mend what npm names'
}

/**
 * One `npm ci` at a time. The kernel's lock on the repository's folder, which no checkout replaces; `flock` and npm below it hold it,
 * so it is free when they are gone, however they end. Where there is no `flock`, there is no lock.
 */
function installLocked() {
  const under = (how) =>
    spawnSync('flock', [...how, root, process.execPath, fileURLToPath(import.meta.url), installOnly], { stdio: ['ignore', 2, 2] })
  let done = under(['--nonblock', '--conflict-exit-code', String(taken)])
  if (done.status === taken) {
    process.stderr.write('setup: another command brings the npm packages: waiting for it …\n')
    done = under([])
  }
  if (done.error?.code === 'ENOENT') install()
  else if (done.status !== 0) process.exit(done.status ?? 1)
}

if (program === installOnly) {
  install()
  process.exit(0)
}
if (!installed()) installLocked()

// `bin/tombolo` starts without us while the stamp is younger than the lock file, which a checkout may touch without a change.
try {
  utimesSync(stamp, new Date(), new Date())
} catch {
  // Another's clone: it starts by this way again.
}

const child = spawn(node, [join(root, program), ...args], {
  stdio: 'inherit',
  env: {
    // Compiled code is kept, for all that the program starts.
    NODE_COMPILE_CACHE: join(root, 'node_modules', '.cache', 'tombolo'),
    ...process.env,
    PATH: `${dirname(node)}:${process.env.PATH}`,
  },
})
// The program decides what a signal means, and we stay until it is done. A terminal sends Ctrl-C to both of us.
process.on('SIGINT', () => undefined)
process.on('SIGTERM', () => child.kill('SIGTERM'))
child.on('exit', (code) => process.exit(code ?? 1))
