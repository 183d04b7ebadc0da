// The first thing that runs on a fresh machine: plain JavaScript, no dependency, any Node from 18.
// Brings the packages (`npm ci`, which includes Node 24), then hands over to the TypeScript program named in argv.
import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, utimesSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..')
const stamp = join(root, 'node_modules', '.tombolo-lock')
const node = join(root, 'node_modules', '.bin', 'node')

/** One sentence with the remedy, exit code 2: a fault of the machine, not of Tombolo. */
function refuse(sentence) {
  process.stderr.write(`tombolo: ${sentence}\n`)
  process.exit(2)
}

if (Number(process.versions.node.split('.')[0]) < 18)
  refuse(`Node ${process.versions.node} is too old to start from: install Node 18 or later.`)
if (process.platform !== 'linux')
  refuse(`the rig needs Linux network namespaces, this is ${process.platform}: run it in a Linux virtual machine.`)

const lock = createHash('sha256')
  .update(readFileSync(join(root, 'package-lock.json')))
  .digest('hex')
const installed = () => existsSync(node) && existsSync(stamp) && readFileSync(stamp, 'utf8') === lock

if (!installed()) {
  const from = Date.now()
  process.stderr.write('setup: npm packages, Node 24 among them (about 20 s) …\n')
  const npm = spawnSync('npm', ['ci', '--no-audit', '--no-fund', '--ignore-scripts', '--loglevel=error'], {
    cwd: root,
    stdio: ['ignore', 2, 2],
  })
  if (npm.error) refuse(`npm could not be started (${npm.error.message}): install npm beside Node.`)
  if (npm.status !== 0)
    refuse('npm ci failed, see above: check the network or the npm registry setting, then run the same command again.')
  if (!existsSync(node)) refuse(`there is no Node 24 package for ${process.arch}: install Node 24 and run on x64 or arm64.`)
  writeFileSync(stamp, lock)
  process.stderr.write(`setup: npm packages done in ${((Date.now() - from) / 1000).toFixed(1)} s\n`)
}

// `bin/tombolo` starts without us while the stamp is younger than the lock file, which a checkout may touch without a change.
try {
  utimesSync(stamp, new Date(), new Date())
} catch {
  // Another's clone: it starts by this way again.
}

const [program, ...args] = process.argv.slice(2)
const child = spawn(node, [join(root, program), ...args], {
  stdio: 'inherit',
  env: { ...process.env, PATH: `${dirname(node)}:${process.env.PATH}` },
})
// The program decides what a signal means, and we stay until it is done. A terminal sends Ctrl-C to both of us.
process.on('SIGINT', () => undefined)
process.on('SIGTERM', () => child.kill('SIGTERM'))
child.on('exit', (code) => process.exit(code ?? 1))
