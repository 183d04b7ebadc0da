import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { tombolo } from '#test/kit/cli.ts'
import { kubeconfig } from '#test/kit/kubeconfig.ts'
import { formats } from '../output/output.ts'
import { leavesOf, quietSession } from '../tree.ts'
import { program } from '../program.ts'

const main = join(import.meta.dirname, '..', 'main.ts')
const isInstalled = (shell: string) => spawnSync(shell, ['-c', 'true']).status === 0

suite('tombolo completion', () => {
  const { signal } = new AbortController()
  let folder: string
  let bash: string
  suiteSetup(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tombolo-completion-'))
    await writeFile(join(folder, 'tombolo'), `#!/bin/sh\nexec '${process.execPath}' '${main}' "$@"\n`, { mode: 0o755 })
    bash = (await tombolo(['completion', 'bash'], { signal })).out
  })
  suiteTeardown(() => rm(folder, { recursive: true }))

  /** What bash offers at the end of a line. */
  function offered(line: string, env: Readonly<Record<string, string>> = {}): readonly string[] {
    const words = line.split(/(?<==)|(?==)| /)
    const script = `${bash}
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _tombolo; printf '%s\\n' "\${COMPREPLY[@]}"`
    const ran = spawnSync('bash', ['--norc', '-c', script, 'bash', ...words], {
      encoding: 'utf8',
      env: { HOME: folder, PATH: `${folder}:${process.env.PATH ?? ''}`, ...env },
    })
    assert.equal(ran.stderr, '')
    return ran.stdout.split('\n').filter(Boolean)
  }

  test('offers every command, and every option of each', async () => {
    const root = await program([], quietSession)
    assert.deepEqual(
      offered('tombolo ').filter((word) => !word.startsWith('-')),
      root.commands.map((command) => command.name()),
    )
    for (const { path, command } of leavesOf(root)) {
      const words = offered(`tombolo ${path.join(' ')} --`)
      for (const { long, hidden } of command.options)
        assert.equal(words.includes(long ?? ''), !hidden, `${path.join(' ')} ${long ?? ''}`)
      assert.ok(words.includes('--help'))
    }
  })

  const lines: readonly [string, readonly string[]][] = [
    ['tombolo unin', ['uninstall']],
    ['tombolo export ', ['service', '--verbose', '--no-color', '--help']],
    ['tombolo --verbose show --context east -o ', formats],
    ['tombolo show --output=y', ['yaml']],
    ['tombolo show --output=', formats],
    ['tombolo show conn', ['connections']],
    ['tombolo completion ', ['bash', 'zsh', 'fish', '--verbose', '--no-color', '--help']],
    ['tombolo join --timeout ', []],
  ]
  for (const [line, words] of lines)
    test(`"${line}" ends in ${words.length === 0 ? 'nothing' : words.join(' ')}`, () => {
      assert.deepEqual(offered(line), words)
    })

  test('offers the contexts of the kubeconfig that is meant', async () => {
    await using one = await kubeconfig({ east: 'http://127.0.0.1:1', hub: 'http://127.0.0.1:1' })
    await using other = await kubeconfig({ west: 'http://127.0.0.1:1' })
    assert.deepEqual(offered('tombolo show --context ', { KUBECONFIG: `${one.path}:${other.path}` }), ['east', 'hub', 'west'])
    assert.deepEqual(offered(`tombolo show --kubeconfig ${other.path} --context `, { KUBECONFIG: one.path }), ['west'])
    assert.deepEqual(offered('tombolo show --context '), [])
  })

  for (const shell of ['zsh', 'fish'] as const)
    test(`the script for ${shell} knows the same words, and ${shell} can read it where it is installed`, async function () {
      const { out, code } = await tombolo(['completion', shell], { signal })
      assert.equal(code, 0)
      for (const { path, command } of leavesOf(await program([], quietSession))) {
        assert.ok(out.includes(`/${path.join('/')}`))
        for (const { long, hidden } of command.options)
          if (!hidden) assert.ok(out.includes(shell === 'zsh' ? (long ?? '') : `-l ${long?.slice(2) ?? ''}`), long)
      }
      if (!isInstalled(shell)) return
      const read = spawnSync(shell, ['-n'], { input: out, encoding: 'utf8' })
      assert.deepEqual({ status: read.status, err: read.stderr }, { status: 0, err: '' })
    })

  test('without a shell asks for one', async () => {
    const { code, err } = await tombolo(['completion'], { signal })
    assert.deepEqual([code, err], [2, 'error: For which shell?\n  Name one: tombolo completion bash|zsh|fish.\n'])
  })
})
