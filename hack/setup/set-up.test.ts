// All of set-up on a cache of its own, twice at once and stopped in the middle: its own steps, with programs of ours in the place of
// Go, apt and containerd.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { eventually } from '#test/kit/eventually.ts'
import { executable, goThatBuilds, programNames } from './fakes.ts'

const root = join(import.meta.dirname, '../..')
const [before, middle] = ['golang.zx2c4.com/wireguard', 'go.etcd.io/etcd/server/v3']
const waiting = 'setup: another set-up is running, waiting for it …'

suite('set-up on one cache', function () {
  this.timeout(60_000)
  let folder: string
  const path = (...parts: readonly string[]) => join(folder, ...parts)
  setup(() => {
    folder = mkdtempSync(join(tmpdir(), 'tombolo-set-up-'))
    for (const name of ['bin', 'cache', 'ready']) mkdirSync(path(name))
    executable(path('bin'), 'go', goThatBuilds(folder))
    // One package that has all the files which making images asks for.
    const files = ['etc/hosts', 'usr/share/base-passwd/passwd.master', 'usr/share/base-passwd/group.master']
    for (const file of [...files, 'usr/sbin/charon-systemd', 'usr/lib/ipsec/charon', 'usr/bin/nc.openbsd']) {
      mkdirSync(path('package', file, '..'), { recursive: true })
      writeFileSync(path('package', file), '')
    }
    const archives = `$(echo "$*" | sed 's/.*Dir::Cache::Archives=\\([^ ]*\\).*/\\1/')`
    executable(
      path('bin'),
      'apt-get',
      `archives=${archives}\necho $(basename $archives) >>${path('downloaded')}\ntouch $archives/$(basename $archives).deb`,
    )
    executable(path('bin'), 'dpkg-deb', `exec tar -C ${path('package')} -cf - .`)
    executable(path('bin'), 'chroot', 'exit 0')
    executable(path('ready'), 'containerd', `touch "$(sed -n 's/.*address = "\\(.*c.sock\\)"/\\1/p' "$2")"\nexec sleep 60`)
    executable(path('ready'), 'ctr', `echo "$*" >>${path('imported')}`)
  })
  teardown(() => rmSync(folder, { recursive: true, force: true }))

  const lines = (name: string) => readFileSync(path(name), 'utf8').trim().split('\n')
  const start = (args: readonly string[]) => {
    const child = spawn(process.execPath, args, {
      cwd: root,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { PATH: `${path('bin')}:/usr/sbin:/usr/bin:/sbin:/bin`, HOME: folder, XDG_CACHE_HOME: path('cache') },
    })
    let said = ''
    child.stderr.setEncoding('utf8').on('data', (more: string) => (said += more))
    const closed = new Promise<number | null>((resolve) => child.on('close', resolve))
    const ended = Promise.all([closed, text(child.stdout)]).then(([code, stdout]) => ({ code, stdout, stderr: said }))
    return { child, ended, said: () => said }
  }
  /** Sets up, then says where things are. */
  const program = `
    const { setUp } = await import('#hack/setup/set-up.ts')
    const { signal } = new AbortController()
    const assets = await setUp(signal)
    console.log(assets.bin('kubectl'), await assets.images.base(signal))`
  const setsUp = () => start(['--input-type=module', '-e', program])

  test('two at once make each thing once: the second waits, and finds all of it made', async () => {
    writeFileSync(path('hang'), middle)
    const both = [setsUp(), setsUp()] as const
    await eventually(() => assert.equal(both.filter(({ said }) => said().includes(waiting)).length, 1))
    await eventually(() => assert.deepEqual(lines('built'), [before, middle]))
    rmSync(path('hang'))
    const [one, other] = await Promise.all([both[0].ended, both[1].ended])
    for (const { code, stderr } of [one, other]) assert.equal(code, 0, stderr)
    assert.equal(one.stdout, other.stdout)
    assert.equal(new Set(lines('built')).size, programNames.length)
    assert.equal(lines('built').length, programNames.length)
    assert.deepEqual(lines('downloaded'), ['base', 'both'])
    assert.equal(lines('imported').length, 1)
    // It did nothing of its own after that.
    assert.ok([one.stderr, other.stderr].includes(`${waiting}\n`), `${one.stderr}\n${other.stderr}`)
  })

  const commands = [
    ['hack/test.ts', 143],
    ['hack/playground.ts', 130],
  ] as const
  for (const [command, ends] of commands) {
    test(`${command} that is told to end in the middle of a build ends what it started before another set-up goes on from there`, async () => {
      writeFileSync(path('hang'), middle)
      const first = start(['hack/setup/bootstrap.mjs', command])
      await eventually(() => assert.deepEqual(lines('built'), [before, middle]))
      const second = setsUp()
      await eventually(() => assert.match(second.said(), new RegExp(waiting)))
      first.child.kill('SIGTERM')
      const { code, stderr } = await first.ended
      assert.equal(code, ends, stderr)
      assert.match(stderr, /^interrupted/m)
      await eventually(() => assert.deepEqual(lines('built'), [before, middle, middle], second.said()))
      rmSync(path('hang'))
      const next = await second.ended
      assert.equal(next.code, 0, next.stderr)
      assert.equal(lines('built').length, programNames.length + 1)
    })

    test(`${command} that is told to end does not blame the machine for what that broke off`, async () => {
      executable(path('bin'), 'unshare', `touch ${path('asked')}\nexec sleep 60`)
      const { child, ended } = start(['hack/setup/bootstrap.mjs', command])
      await eventually(() => assert.ok(existsSync(path('asked'))))
      child.kill('SIGTERM')
      const { code, stderr } = await ended
      assert.equal(code, ends, stderr)
      assert.equal(stderr.split('\n').length, 2, stderr)
      assert.match(stderr, /^interrupted/)
    })
  }
})
