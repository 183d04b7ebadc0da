// A program of a few lines stands for the suite: what matters here is how it is started, followed and ended.
import assert from 'node:assert/strict'
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Progress } from './run.ts'
import { namespacesIn, progressOf, runSuite } from './run.ts'

const output = `Running Suite: Conformance Suite - /work
Random Seed: 1

Will run 3 of 27 specs
------------------------------
[BeforeSuite] PASSED [0.100 seconds]
------------------------------
A DNS lookup of the <service>.<ns>.svc.clusterset.local domain
  STEP: Service "mcs-conformance-77/hello" exported on cluster "east" @ 11/27/26 20:00:00.000
• [7.123 seconds]
------------------------------
SSS
------------------------------
Connectivity to a service that is not exported should be inaccessible
  STEP: Service "mcs-conformance-78/hello" deployed on cluster "east" @ 11/27/26 20:00:09.000
  STEP: Service "mcs-conformance-78/hello" deployed on cluster "west" @ 11/27/26 20:00:09.000
  [FAILED] in [It] - connectivity.go:57 @ 11/27/26 20:00:11.000
• [FAILED] [4.000 seconds]
`

suite('a run of the conformance suite', () => {
  let folder: string
  setup(() => {
    folder = mkdtempSync(join(tmpdir(), 'tombolo-suite-'))
  })
  teardown(() => rmSync(folder, { recursive: true, force: true }))

  const program = (script: string): string => {
    const path = join(folder, 'suite')
    writeFileSync(path, `#!/bin/sh\n${script}\n`)
    chmodSync(path, 0o755)
    return path
  }

  test('what has run, what failed and which namespaces there are is read from what it says', () => {
    assert.deepEqual(progressOf(output), { planned: 3, ran: 2, failed: 1 })
    assert.deepEqual(progressOf(''), { planned: 0, ran: 0, failed: 0 })
    assert.deepEqual(namespacesIn(output), ['mcs-conformance-77', 'mcs-conformance-78'])
    assert.deepEqual(namespacesIn(''), [])
  })

  test('it runs in its folder, is followed spec by spec, and ends with its own code', async () => {
    const seen: Progress[] = []
    const script = `echo "$@" >args; echo 'Will run 2 of 2 specs'; for i in 1 2; do echo "• [$i.0 seconds]"; sleep 0.1; done; exit 1`
    const { code, said } = await runSuite(
      program(script),
      ['-contexts=a,b'],
      folder,
      (p) => seen.push(p),
      new AbortController().signal,
    )
    assert.equal(code, 1)
    assert.match(said, /Will run 2/)
    assert.equal(readFileSync(join(folder, 'args'), 'utf8'), '-contexts=a,b\n')
    assert.deepEqual(seen.at(-1), { planned: 2, ran: 2, failed: 0 })
  })

  test('an interrupt reaches it once, and it is waited for', async () => {
    const stop = new AbortController()
    const script = `trap 'echo interrupted; sleep 0.2; echo cleaned; exit 1' INT; echo '• [1.0 seconds]'; while :; do sleep 0.05; done`
    const { code, said } = await runSuite(program(script), [], folder, () => stop.abort(), stop.signal)
    assert.equal(code, 1)
    assert.equal(said, '• [1.0 seconds]\ninterrupted\ncleaned\n')
  })

  test('a kubeconfig that is named from here is found from there', async () => {
    const before = process.env.KUBECONFIG
    process.env.KUBECONFIG = 'one.yaml:/two.yaml'
    try {
      const { said } = await runSuite(program('echo "$KUBECONFIG"'), [], folder, () => undefined, new AbortController().signal)
      assert.equal(said, `${process.cwd()}/one.yaml:/two.yaml\n`)
    } finally {
      if (before === undefined) delete process.env.KUBECONFIG
      else process.env.KUBECONFIG = before
    }
  })

  test('a program that cannot be started is an error that names it', async () => {
    const signal = new AbortController().signal
    await assert.rejects(
      runSuite(join(folder, 'gone'), [], folder, () => undefined, signal),
      /gone cannot be started/,
    )
  })
})
