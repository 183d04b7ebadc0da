// That tests in namespaces leave nothing behind, not even when they are killed, and touch nobody else's.
import assert from 'node:assert/strict'
import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { eventually } from '../kit/eventually.ts'
import { machines, noMachines, processesIn } from '../kit/netns.ts'

suite('machines made of namespaces', function () {
  this.timeout(30_000)

  suiteSetup(() => {
    assert.equal(noMachines(), undefined)
  })

  test('a run that was killed is swept by the next one, while a living one goes on', async () => {
    await using dead = await aRun()
    await using living = await aRun()
    assert.equal(dead.left().length, 3, 'a namespace, a directory, a wireguard-go')
    await dead.kill()
    {
      await using _next = machines('swept')
      await eventually(() => assert.deepEqual(dead.left(), []))
      assert.equal(living.left().length, 3)
    }
    await living.kill()
    {
      await using _next = machines('swept')
      await eventually(() => assert.deepEqual(living.left(), []))
    }
  })

  test('a run that ends by itself leaves nothing', async () => {
    await using run = await aRun()
    await run.end()
    await eventually(() => assert.deepEqual(run.left(), []))
  })
})

type Run = AsyncDisposable & {
  readonly kill: () => Promise<void>
  readonly end: () => Promise<void>
  /** What there is of it: namespaces, directories, and wireguard-go processes (one that only waits to be reaped has no program). */
  readonly left: () => readonly string[]
}

/** Another process that has a machine with a wireguard-go, until its standard input ends. */
async function aRun(): Promise<Run> {
  const program = `
    import { once } from 'node:events'
    import { machines } from '${new URL('../kit/netns.ts', import.meta.url).href}'
    await using rig = machines('swept')
    const { host, sh } = await rig.add('a')
    host.start('wireguard-go', ['-f', 'tmb-wg'], { env: { WG_PROCESS_FOREGROUND: '1' } })
    await sh('until ip link show tmb-wg; do sleep 0.05; done')
    console.log('up')
    await once(process.stdin.resume(), 'end')
  `
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], { stdio: ['pipe', 'pipe', 'inherit'] })
  await Promise.race([once(child.stdout, 'data'), ended(child).then(() => Promise.reject(new Error('the run did not come up')))])
  const mark = `tmb-test-swept-${child.pid ?? 0}-`
  const named = (dir: string) => readdirSync(dir).filter((name) => name.startsWith(mark))
  const daemons = processesIn({ netns: `${mark}a` }).filter(({ command }) => command === 'wireguard-go')
  return {
    kill: async () => {
      child.kill('SIGKILL')
      await ended(child)
    },
    end: async () => {
      child.stdin.end()
      await ended(child)
    },
    left: () => [...named('/run/netns'), ...named(tmpdir()), ...daemons.map(({ pid }) => `/proc/${pid}/exe`).filter(existsSync)],
    [Symbol.asyncDispose]: async () => {
      child.stdin.end()
      await ended(child)
    },
  }
}

const ended = async (child: ChildProcess): Promise<void> => {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
}
