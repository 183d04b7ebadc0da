// `npm run conformance` on clusters that are there, as a process of its own. A program of a few lines stands for the suite: it says in the
// suite's words which namespace it made, which is in the apiservers already, and writes a report.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { membership } from '#crds/membership.ts'
import { namespaces } from '#lib/kube/kinds.ts'
import type { ApiServer } from '#test/kit/apiserver.ts'
import { apiserver } from '#test/kit/apiserver.ts'
import { installedMember, membershipOf } from '#test/kit/installed.ts'
import type { Kubeconfig } from '#test/kit/kubeconfig.ts'
import { kubeconfig } from '#test/kit/kubeconfig.ts'

const root = join(import.meta.dirname, '../..')
const ours = { name: 'mcs-conformance-4711' }
const others = { name: 'mcs-conformance-1' }

const reportOf = (passed: boolean) => `groups:
    - name: Required
      tests:
        - {desc: It works, ref: "", labels: [], passed: ${passed}, failed: false, skipped: false, conformant: ${passed}, message: ""}
suitefailure: ""
dnsdomain: clusterset.local
passed: ${Number(passed)}
total: 1
implementation: {organization: "", project: Tombolo, version: 0.1.0, url: ""}
`

suite('npm run conformance', function () {
  this.timeout(60_000)
  let folder: string
  let servers: readonly ApiServer[]
  let config: Kubeconfig
  setup(async () => {
    folder = mkdtempSync(join(tmpdir(), 'tombolo-suite-'))
    const [east, west] = [await apiserver(), await apiserver()]
    servers = [east, west]
    config = await kubeconfig({ east: east.connection.server, west: west.connection.server })
    for (const [server, id] of [
      [east, 'east'],
      [west, 'west'],
    ] as const) {
      installedMember(server, id, 'alive')
      ready(server, id, 'True')
      for (const metadata of [ours, others]) server.put(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata })
    }
  })
  teardown(async () => {
    for (const server of servers) await server[Symbol.asyncDispose]()
    await config[Symbol.asyncDispose]()
    rmSync(folder, { recursive: true, force: true })
  })

  const ready = (server: ApiServer, id: string, status: 'True' | 'False') =>
    server.put(membership, {
      ...membershipOf(id),
      status: {
        conditions: [{ type: 'Ready', status, reason: 'Pending', message: '', lastTransitionTime: '2026-01-01T00:00:00Z' }],
      },
    })

  const begin = [
    "trap 'exit 1' INT",
    'echo "Will run 1 of 1 specs"',
    `echo '  STEP: Service "${ours.name}/hello" exported on cluster "east" @ 11/27/26 20:00:00.000'`,
    'echo "• [1.000 seconds]"',
  ]
  const standIn = (...lines: readonly string[]): string => {
    const path = join(folder, 'suite')
    writeFileSync(path, ['#!/bin/sh', ...begin, ...lines, ''].join('\n'))
    chmodSync(path, 0o755)
    return path
  }
  const writing = (passed: boolean) => `cat >report.yaml <<END\n${reportOf(passed)}END`

  async function conformance(program: string, more: readonly string[], interruptAt?: string) {
    const args = ['--suite', program, '--contexts', 'east,west', '--kubeconfig', config.path, ...more]
    const env = { ...process.env, TMPDIR: folder, XDG_CACHE_HOME: join(folder, 'cache') }
    const child = spawn(process.execPath, ['hack/conformance.ts', ...args], { cwd: root, env, stdio: ['ignore', 'pipe', 'pipe'] })
    const closed = once(child, 'close')
    let [said, interrupted] = ['', false]
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text: string) => {
        said += text
        if (interruptAt === undefined || interrupted || !said.includes(interruptAt)) return
        interrupted = true
        child.kill('SIGINT')
      })
    const [code] = (await closed) as [number | null]
    return { code, said }
  }

  const nothingLeft = () => {
    for (const server of servers) {
      assert.equal(server.read(namespaces, ours), undefined)
      assert.ok(server.read(namespaces, others), 'another run of the suite keeps its own')
    }
    assert.deepEqual(
      readdirSync(folder).filter((name) => name.startsWith('tombolo-conformance-')),
      [],
    )
  }

  test('all passed: it says how many, keeps the report, and takes its namespaces out', async () => {
    const kept = join(folder, 'kept.yaml')
    const { code, said } = await conformance(standIn(writing(true)), ['--report', kept])
    assert.equal(code, 0, said)
    assert.match(said, /^passed: 1 of 1 Required$/m)
    assert.equal(readFileSync(kept, 'utf8'), reportOf(true))
    nothingLeft()
  })

  test('one did not: it says which, and where all is that the suite said', async () => {
    const { code, said } = await conformance(standIn(writing(false), 'exit 1'), [])
    assert.equal(code, 1, said)
    assert.match(said, /^violated \(Required\): It works$/m)
    const log = /what the suite said is in (\S+)/.exec(said)?.[1] ?? ''
    assert.match(readFileSync(log, 'utf8'), /Will run 1 of 1 specs/)
    nothingLeft()
  })

  test('interrupted: it waits for the suite, and takes its namespaces out all the same', async () => {
    const { code, said } = await conformance(standIn('while :; do sleep 0.05; done'), [], '1 of 1 specs have run')
    assert.equal(code, 130, said)
    assert.match(said, /^interrupted; nothing of it is left$/m)
    nothingLeft()
  })

  test('a suite that ends without a report: it says what that said last', async () => {
    const { code, said } = await conformance(standIn('echo "unknown flag"', 'exit 2'), [])
    assert.equal(code, 1, said)
    assert.match(said, /without a report \(exit code 2\)[^]*unknown flag/)
    nothingLeft()
  })

  test('a member that is not ready: nothing is run', async () => {
    const [, west] = servers
    if (west !== undefined) ready(west, 'west', 'False')
    const { code, said } = await conformance(standIn(writing(true)), [])
    assert.equal(code, 2, said)
    assert.match(said, /membership of context "west" is not Ready: Pending/)
    assert.doesNotMatch(said, /specs have run/)
  })
})
