import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { lock } from './lock.ts'

const root = join(import.meta.dirname, '../..')
const { signal } = new AbortController()

suite('the lock of set-up', function () {
  this.timeout(30_000)
  let folder: string
  let path: string
  setup(() => {
    folder = mkdtempSync(join(tmpdir(), 'tombolo-lock-'))
    path = join(folder, 'made/set-up.lock')
  })
  teardown(() => rmSync(folder, { recursive: true, force: true }))

  test('two runs that overlap go one after the other, and the second is told once that it waits', async () => {
    const said: string[] = []
    const first = await lock(path, () => said.push('first waits'), signal)
    const { promise: waits, resolve } = Promise.withResolvers<undefined>()
    const second = lock(
      path,
      () => {
        said.push('second waits')
        resolve(undefined)
      },
      signal,
    ).then((held) => {
      said.push('second has it')
      return held
    })
    await waits
    said.push('first ends')
    await first[Symbol.asyncDispose]()
    await (await second)[Symbol.asyncDispose]()
    assert.deepEqual(said, ['second waits', 'first ends', 'second has it'])
    await using _again = await lock(path, () => said.push('third waits'), signal)
    assert.equal(said.at(-1), 'second has it')
  })

  test('what a killed run held is free', async () => {
    const program = `
      const { lock } = await import('#hack/setup/lock.ts')
      await lock(${JSON.stringify(path)}, () => undefined, new AbortController().signal)
      console.log('held')
      setInterval(() => undefined, 1000)`
    const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
      cwd: root,
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    await once(child.stdout, 'data')
    let waited = false
    const next = lock(
      path,
      () => {
        waited = true
        child.kill('SIGKILL')
      },
      signal,
    )
    await using _held = await next
    assert.ok(waited, 'it was held while the other run lived')
  })

  test('who waits for it can be stopped', async () => {
    await using _held = await lock(path, () => undefined, signal)
    const stop = new AbortController()
    await assert.rejects(lock(path, () => stop.abort(), stop.signal))
  })
})
