// The first command on a fresh machine, on a scratch copy and with an npm of our own: what it brings, and what it says when it cannot.
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { transformSync } from 'esbuild'

const root = join(import.meta.dirname, '../..')

suite('bootstrap', function () {
  this.timeout(30_000)
  let scratch: string
  let bin: string
  setup(() => {
    scratch = mkdtempSync(join(tmpdir(), 'tombolo-bootstrap-'))
    bin = join(scratch, 'bin')
    mkdirSync(bin)
    mkdirSync(join(scratch, 'hack/setup'), { recursive: true })
    copyFileSync(join(root, 'package-lock.json'), join(scratch, 'package-lock.json'))
    copyFileSync(join(root, 'hack/setup/bootstrap.mjs'), join(scratch, 'hack/setup/bootstrap.mjs'))
    writeFileSync(join(scratch, 'hack/program.mjs'), 'console.log(`goes on with ${process.argv[2]}`)\n')
  })
  teardown(() => rmSync(scratch, { recursive: true, force: true }))

  const npm = (script: string): void => {
    writeFileSync(join(bin, 'npm'), `#!/bin/sh\n${script}\n`)
    chmodSync(join(bin, 'npm'), 0o755)
  }
  /** As slow as the test wants it: `hold` comes between what npm takes away and what it brings. */
  const bringsNode = (hold: string) => `
    echo "$*" >>npm.log
    rm -rf node_modules
    ${hold}
    mkdir -p node_modules/.bin
    ln -s ${process.execPath} node_modules/.bin/node`
  const command = ['hack/setup/bootstrap.mjs', 'hack/program.mjs', 'word'] as const
  const started = async (onStderr: (said: string) => void = () => undefined) => {
    const child = spawn(process.execPath, command, {
      cwd: scratch,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { PATH: `${bin}:/usr/bin:/bin` },
    })
    child.stderr.setEncoding('utf8').on('data', onStderr)
    const code = new Promise((resolve) => child.on('close', resolve))
    const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)])
    return { code: await code, stdout, stderr }
  }
  const npmRuns = (): readonly string[] => readFileSync(join(scratch, 'npm.log'), 'utf8').trim().split('\n')

  test('two first commands at once run npm ci once, and both go on', async () => {
    npm(bringsNode('for i in $(seq 200); do [ ! -e go ] || break; sleep 0.1; done'))
    const go = (said: string): void => {
      if (said.includes('waiting for it')) writeFileSync(join(scratch, 'go'), '')
    }
    const both = await Promise.all([started(go), started(go)])
    for (const { code, stdout, stderr } of both) {
      assert.equal(code, 0, stderr)
      assert.equal(stdout, 'goes on with word\n')
    }
    assert.equal(npmRuns().length, 1)
    assert.match(npmRuns()[0] ?? '', /^ci /)
    assert.equal(both.filter(({ stderr }) => stderr.includes('waiting for it')).length, 1)
  })

  test('the next command finds the packages and runs no npm; a changed lock file brings them anew', async () => {
    npm(bringsNode(':'))
    await started()
    assert.equal((await started()).stderr, '')
    assert.equal(npmRuns().length, 1)
    writeFileSync(join(scratch, 'package-lock.json'), '{}')
    assert.equal((await started()).code, 0)
    assert.equal(npmRuns().length, 2)
  })

  /** The sentences of ours that are no progress, of a run that must end with exit code 2 and no packages. */
  const refusals = (path: string, args: readonly string[] = command): readonly string[] => {
    const ran = spawnSync(process.execPath, args, { cwd: scratch, encoding: 'utf8', env: { PATH: path } })
    assert.equal(ran.status, 2, ran.stderr)
    assert.equal(ran.stdout, '')
    assert.equal(existsSync(join(scratch, 'node_modules/.tombolo-lock')), false)
    return ran.stderr.split('\n').filter((line) => line.startsWith('tombolo: '))
  }

  for (const [name, prepare] of [
    ['and with flock', () => symlinkSync('/usr/bin/flock', join(bin, 'flock'))],
    ['and without flock', () => undefined],
  ] as const)
    test(`Node without npm, ${name}, is one sentence with the remedy, and exit code 2`, () => {
      prepare()
      const said = refusals(bin)
      assert.equal(said.length, 1)
      assert.match(said[0] ?? '', /npm could not be started .*: install npm beside Node\.$/)
    })

  const as = (what: string, value: string) => `Object.defineProperty(process, '${what}', { value: ${value} })`
  const machines: readonly (readonly [name: string, preload: string, says: RegExp])[] = [
    ['an old Node', as('versions', "{ ...process.versions, node: '16.20.2' }"), /Node 16\.20\.2 is too old .*: install Node 18/],
    ['another system than Linux', as('platform', "'darwin'"), /this is darwin: run it in a Linux virtual machine\.$/],
    ['another user than root', as('getuid', '() => 1000'), /needs root: run the same command with sudo\.$/],
  ]
  for (const [name, preload, says] of machines)
    test(`${name} is one sentence with the remedy, and exit code 2, before anything is brought`, () => {
      npm(bringsNode(':'))
      const said = refusals(`${bin}:/usr/bin:/bin`, [
        ...['--import', `data:text/javascript,${encodeURIComponent(preload)}`],
        ...['hack/setup/bootstrap.mjs', 'hack/test.ts'],
      ])
      assert.equal(said.length, 1)
      assert.match(said[0] ?? '', says)
      assert.equal(existsSync(join(scratch, 'npm.log')), false)
    })

  test('what needs no clusters needs no root', () => {
    npm(bringsNode(':'))
    writeFileSync(join(scratch, 'hack/test.ts'), 'console.log(`goes on with ${process.argv[2]}`)\n')
    const preload = `data:text/javascript,${encodeURIComponent(as('getuid', '() => 1000'))}`
    const ran = spawnSync(process.execPath, ['--import', preload, 'hack/setup/bootstrap.mjs', 'hack/test.ts', '--verify'], {
      cwd: scratch,
      encoding: 'utf8',
      env: { PATH: `${bin}:/usr/bin:/bin` },
    })
    assert.equal(ran.stdout, 'goes on with --verify\n', ran.stderr)
  })

  test('a disk without room for the packages is one sentence with the remedy, and exit code 2, before anything is brought', () => {
    npm(bringsNode(':'))
    const small = 'mount -t tmpfs -o size=8m tmpfs /mnt && cp -R . /mnt && cd /mnt'
    const ran = spawnSync(
      'unshare',
      ['--mount', 'sh', '-ec', `${small} && code=0 && "$0" "$@" || code=$?; ls; exit $code`, process.execPath, ...command],
      {
        cwd: scratch,
        encoding: 'utf8',
        env: { PATH: `${bin}:/usr/sbin:/usr/bin:/sbin:/bin` },
      },
    )
    assert.equal(ran.status, 2, ran.stderr)
    assert.match(ran.stderr, /^tombolo: \/mnt has 0\.0 GB free and the npm packages need 1 GB: free some space\.\n$/)
    assert.deepEqual(ran.stdout.trim().split('\n'), ['bin', 'hack', 'package-lock.json'])
  })

  test('is written in the words of Node 16, which is told by it that it is too old', () => {
    const source = readFileSync(join(root, 'hack/setup/bootstrap.mjs'), 'utf8')
    const inWordsOf = (target: string) => transformSync(source, { format: 'esm', target }).code
    assert.equal(inWordsOf('node16.20'), inWordsOf('esnext'))
  })

  const failures: readonly (readonly [code: string, says: RegExp])[] = [
    ['EACCES', /the right to write .*tombolo-bootstrap-/],
    ['ENOSPC', /free some disk space/],
    ['ENOTFOUND', /check the network or the npm registry/],
    ['E404', /check the network or the npm registry/],
    ['EUSAGE', /mend what npm names/],
  ]
  for (const [code, says] of failures)
    test(`npm ci that fails with ${code} is one sentence with the remedy for it, and exit code 2`, () => {
      npm(`echo 'npm error code ${code}' >&2; exit 243`)
      const said = refusals(`${bin}:/usr/bin:/bin`)
      assert.equal(said.length, 1)
      assert.match(said[0] ?? '', /npm ci failed, see above: .*, then run the same command again\.$/)
      assert.match(said[0] ?? '', says)
      assert.equal(/network/.test(said[0] ?? ''), says.source.includes('network'))
    })
})
