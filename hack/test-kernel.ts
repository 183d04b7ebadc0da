// `npm run test:kernel [-- MOCHA’S OPTIONS]`: the data plane on a kernel that has WireGuard and ESP, whatever this machine's has. It boots
// as an ordinary process (test/kernel/README.md); the suites run inside of it, with a gateway outside for them to meet.
import { dirname, join } from 'node:path'
import { attend, arrange, meetingVariable } from '#test/kernel/meeting.ts'
import { runInside } from '#test/kernel/user-mode-linux.ts'
import { machines } from '#test/kit/netns.ts'
import { cachePath } from './setup/cache.ts'
import { setUpKernel } from './setup/set-up.ts'
import { sayOnStderr } from './setup/progress.ts'
import { messageOf, Refusal } from './setup/refusal.ts'
import { closing, mochaCount } from './test/count.ts'

const suites = ['test/e2e/cable.test.ts', 'test/e2e/ipsec.test.ts', 'test/e2e/data-plane.test.ts', 'test/kernel/*.test.ts']

const root = join(import.meta.dirname, '..')
const systemPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

const stop = new AbortController()
for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => stop.abort())

const passedOn = ['TOMBOLO_ASSETS', 'TOMBOLO_STRONGSWAN', 'TOMBOLO_WIREGUARD_GO']

async function main(options: readonly string[]): Promise<number> {
  const { signal } = stop
  try {
    const kernel = await setUpKernel(signal)
    return await test(kernel, options, signal)
  } catch (error) {
    if (signal.aborted) {
      sayOnStderr('interrupted; nothing of it is left on the machine')
      return 130
    }
    sayOnStderr(`tombolo: ${messageOf(error)}`)
    return error instanceof Refusal ? error.exitCode : 1
  }
}

async function test(kernel: string, options: readonly string[], signal: AbortSignal): Promise<number> {
  const from = performance.now()
  const meeting = arrange()
  const { inside, outside } = meeting
  await using rig = machines('kernel')
  const machine = await rig.add('outside')
  await machine.sh(`ip tuntap add ${outside.dev} mode tap`)
  const file = `${machine.dir}/meeting.json`
  await machine.host.write(file, JSON.stringify(meeting), { mode: 0o600, atomic: true }, signal)
  await using ends = new AsyncDisposableStack()
  const cables = await attend(machine, outside, inside, meeting.root, signal)
  for (const cable of cables.values()) ends.use(cable)
  sayOnStderr(`outside of the kernel: ${[...cables.values()].map(({ about }) => about).join(', ')}`)

  const given = passedOn.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]] as const]))
  const lines: string[] = []
  const code = await runInside(
    {
      kernel,
      netns: machine.netns,
      tap: outside.dev,
      dir: `${machine.dir}/kernel`,
      cwd: root,
      env: {
        ...Object.fromEntries(given),
        // Not this user's: bash takes a pipe of Node's for a remote shell, and would begin with what lies there.
        HOME: '/dev/shm',
        XDG_CACHE_HOME: dirname(cachePath()),
        PATH: `${root}/node_modules/.bin:${systemPath}`,
        [meetingVariable]: file,
      },
      command: ['mocha', '--reporter', 'spec', '--no-color', ...suites, ...options],
      onLine: (line) => {
        lines.push(line)
        process.stdout.write(`${line}\n`)
      },
    },
    signal,
  )
  signal.throwIfAborted()
  if (code === undefined) throw new Error('the kernel ended before the tests did, see above')
  const count = mochaCount(lines.join('\n'), code)
  sayOnStderr(`took ${((performance.now() - from) / 1000).toFixed(0)} s`)
  process.stdout.write(`${closing([count])}\n`)
  return count.failed === 0 ? 0 : 1
}

process.exitCode = await main(process.argv.slice(2))
