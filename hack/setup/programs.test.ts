// Bringing the rig's programs with a Go of our own, which only notes what it is asked for: what is made, what a stop leaves, what is taken ready-made.
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { eventually } from '#test/kit/eventually.ts'
import { executable, goThatBuilds, goThatFetches, programNames } from './fakes.ts'
import { toolchain } from './go.ts'

const root = join(import.meta.dirname, '../..')

suite('the programs of the rig', function () {
  this.timeout(30_000)
  let folder: string
  const path = (...parts: readonly string[]) => join(folder, ...parts)
  setup(() => {
    folder = mkdtempSync(join(tmpdir(), 'tombolo-programs-'))
    for (const name of ['bin', 'cache', 'assets/bin']) mkdirSync(path(name), { recursive: true })
    executable(path('bin'), 'go', goThatBuilds(folder))
  })
  teardown(() => rmSync(folder, { recursive: true, force: true }))

  const environment = (assets = '') => ({
    PATH: `${path('bin')}:/usr/bin:/bin`,
    HOME: folder,
    XDG_CACHE_HOME: path('cache'),
    TOMBOLO_ASSETS: assets,
  })
  /** Brings them, then says where each is. */
  const program = `
    const { buildPrograms, programsDone, programPath } = await import('#hack/setup/programs.ts')
    await buildPrograms(() => undefined, new AbortController().signal)
    console.log(JSON.stringify({ done: programsDone(), paths: ${JSON.stringify(programNames)}.map(programPath) }))`
  const args = ['--input-type=module', '-e', program]
  const bring = (assets?: string) => {
    const { status, stdout, stderr } = spawnSync(process.execPath, args, {
      cwd: root,
      encoding: 'utf8',
      env: environment(assets),
    })
    if (status !== 0) return { failed: stderr }
    return JSON.parse(stdout) as { readonly done: boolean; readonly paths: readonly string[] }
  }
  const built = () => (existsSync(path('built')) ? readFileSync(path('built'), 'utf8').trim().split('\n') : [])
  const inCache = () => readdirSync(path('cache'), { recursive: true }).map(String)

  test('all are built, and the next run builds nothing', () => {
    const first = bring()
    assert.ok('paths' in first, JSON.stringify(first))
    assert.ok(first.done)
    for (const each of first.paths) assert.ok(existsSync(each), each)
    assert.equal(built().length, programNames.length)
    assert.deepEqual(bring(), first)
    assert.equal(built().length, programNames.length)
  })

  test('a Go that is too old fetches its successor, and that one builds all', () => {
    const successor = path('successor')
    for (const name of ['bin', toolchain.tools]) mkdirSync(join(successor, name), { recursive: true })
    // As a module has them: without permissions.
    const programs = [['bin', 'go'] as const, [toolchain.tools, 'compile'] as const]
    for (const [place, name] of programs) executable(join(successor, place), name, goThatBuilds(folder), 0o644)
    executable(path('bin'), 'go', goThatFetches(folder, toolchain.sum ?? ''))
    const brought = bring()
    assert.ok('paths' in brought, JSON.stringify(brought))
    assert.ok(brought.done)
    assert.equal(built().length, programNames.length)
    assert.equal(readFileSync(path('asked'), 'utf8'), `mod download -json ${toolchain.module}\n`)
    for (const [place, name] of programs) assert.equal(statSync(join(successor, place, name)).mode & 0o777, 0o755)
  })

  test('a run that is killed in the middle leaves nothing that looks finished; the next goes on from there and keeps what was whole', async () => {
    const [before, middle] = ['golang.zx2c4.com/wireguard', 'go.etcd.io/etcd/server/v3']
    writeFileSync(path('hang'), middle)
    const child = spawn(process.execPath, args, { cwd: root, env: environment(), stdio: 'ignore' })
    await eventually(() => assert.deepEqual(built(), [before, middle]))
    child.kill('SIGKILL')
    await once(child, 'exit')
    const left = readdirSync(path('cache/tombolo/assets')).map((name) => name.replace(/-[0-9a-f]{12}/, ''))
    assert.deepEqual(left.toSorted(), ['etcd.partial', 'wireguard'])
    rmSync(path('hang'))
    const next = bring()
    assert.ok('paths' in next, JSON.stringify(next))
    for (const each of next.paths) assert.ok(existsSync(each), each)
    assert.deepEqual(
      inCache().filter((name) => name.includes('.partial')),
      [],
    )
    assert.deepEqual(built().slice(0, 3), [before, middle, middle])
    assert.equal(built().filter((each) => each === before).length, 1)
  })

  test('TOMBOLO_ASSETS is taken as it is: nothing is built, and nothing is written into the cache', () => {
    for (const name of programNames) executable(path('assets/bin'), name, 'exit 0')
    const taken = bring(path('assets'))
    assert.deepEqual(taken, { done: true, paths: programNames.map((name) => path('assets/bin', name)) })
    assert.deepEqual(built(), [])
    assert.deepEqual(inCache(), [])
  })

  test('TOMBOLO_ASSETS that lacks some is refused with their names', () => {
    for (const name of programNames.slice(2)) executable(path('assets/bin'), name, 'exit 0')
    const { failed = '' } = bring(path('assets')) as { readonly failed?: string }
    assert.match(
      failed,
      /Refusal: TOMBOLO_ASSETS is .*, but its bin\/ lacks containerd, containerd-shim-runc-v2: add them, or unset/,
    )
    assert.deepEqual(built(), [])
  })
})
