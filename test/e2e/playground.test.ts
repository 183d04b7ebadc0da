// The playground as a newcomer uses it: every sub-command, from `up` to `down`.
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { eventually } from '#test/kit/eventually.ts'
import { liveRigs } from '#test/rig/find.ts'
import { attachTo } from '#test/rig/rig.ts'
import { tracesOf } from '#test/rig/traces.ts'
import { failOver } from './playground/fail-over.ts'

const root = join(import.meta.dirname, '../..')
const playground = (...args: readonly string[]) =>
  spawnSync(process.execPath, ['hack/playground.ts', ...args], { cwd: root, encoding: 'utf8', timeout: 240_000 })

const mine = () => liveRigs().filter(({ spec }) => spec.purpose === 'playground')

type Info = {
  readonly run: string
  readonly clusters: readonly {
    readonly id: string
    readonly kubeconfig: string
    readonly podCIDR: string
    readonly serviceCIDR: string
    readonly nodes: readonly { readonly name: string; readonly netns: string; readonly address: string }[]
  }[]
  readonly broker: { readonly cluster: string; readonly kubeconfig: string }
  readonly kubectl: string
}

/** In a group of its own, as of a command in a terminal, which sends Ctrl-C to all of it. */
function beginOnce() {
  const child = spawn(process.execPath, ['hack/setup/bootstrap.mjs', 'hack/playground.ts', '--once', '--nodes', '1'], {
    cwd: root,
    stdio: ['ignore', 'ignore', 'pipe'],
    detached: true,
  })
  let text = ''
  child.stderr.setEncoding('utf8').on('data', (more: string) => (text += more))
  return { child, said: () => text, exit: once(child, 'exit') }
}

const clustersRun = /clusters east, west/

suite('playground', function () {
  this.timeout(300_000)
  let another = false
  suiteSetup(function () {
    another = mine().length > 0
    if (another) this.skip() // Somebody's own playground is up, and not ours to take down.
  })
  suiteTeardown(() => {
    // Mocha calls this also when all was skipped.
    if (another) return
    playground('down')
    assert.deepEqual(mine(), [])
  })

  test('without one, its sub-commands say how to start it', () => {
    for (const args of [['status'], ['info'], ['kubectl', 'east', 'get', 'nodes']]) {
      const { status, stderr } = playground(...args)
      assert.equal(status, 1)
      assert.match(stderr, /npm run playground/)
    }
  })

  test('what makes no fleet is refused', () => {
    for (const [says, ...args] of [
      [/a number from/, '--clusters', '1'],
      [/a number from/, '--clusters', 'many'],
      [/a number from/, '--nodes', '0'],
      [/there is no "gre": name wireguard or ipsec/, '--cable', 'wireguard,gre'],
    ] as const) {
      const { status, stderr } = playground(...args)
      assert.equal(status, 2, stderr)
      assert.match(stderr, says)
    }
  })

  test('Ctrl-C in the middle of --once leaves nothing', async () => {
    const { child, said, exit } = beginOnce()
    // Pods run, and the broker is being made.
    await eventually(() => {
      assert.match(said(), clustersRun)
      const there = tracesOf(mine()[0]?.run ?? '-')()
      for (const what of ['process', 'cgroup', 'link'])
        assert.ok(
          there.some((trace) => trace.startsWith(what)),
          what,
        )
    }, 120_000)
    const [record] = mine()
    assert.ok(record !== undefined && child.pid !== undefined)
    const traces = tracesOf(record.run)
    process.kill(-child.pid, 'SIGINT')
    assert.deepEqual(await exit, [130, null], said())
    assert.match(said(), /^interrupted; nothing of it is left$/m)
    assert.deepEqual(traces(), [])
  })

  test('--once that fails ends with 1, says where the logs are, and leaves nothing else', async () => {
    const { said, exit } = beginOnce()
    await eventually(() => assert.match(said(), clustersRun), 120_000)
    const [record] = mine()
    assert.ok(record !== undefined)
    const traces = tracesOf(record.run)
    await attachTo(record).cluster('west').pieces.apiserver.kill9()
    assert.deepEqual(await exit, [1, null], said())
    const [, logs] = /^tombolo: the fleet did not come up; the logs are in (\S+)$/m.exec(said()) ?? []
    assert.ok(logs !== undefined, said())
    assert.ok(existsSync(join(logs, 'west', 'apiserver.log')), logs)
    assert.deepEqual(traces(), [])
  })

  test('--once, with two clusters of two nodes as long as nobody wants others, gives the proof, ends well and leaves nothing', () => {
    const { status, stdout, stderr } = playground('--once')
    assert.match(stderr, /clusters east, west with 2 nodes each/)
    assert.equal(status, 0, stderr)
    assert.match(stdout, /A pod in west was answered by pod web-\S+ in east/)
    assert.deepEqual(mine(), [])
  })

  test('a word that is no sub-command is answered with those there are', () => {
    const { status, stderr } = playground('stauts')
    assert.equal(status, 2)
    assert.match(stderr, /there is no stauts: there are up, status, kubectl, exec, info, down/)
  })

  test('it comes up with the proof on the screen, says what to try next, and stays', () => {
    const { status, stdout, stderr } = playground('--clusters', '3', '--nodes', '1')
    assert.equal(status, 0, stderr)
    assert.match(stdout, /\beast\b.*Ready/)
    assert.match(stdout, /Connected.* ms/)
    assert.match(stdout, /A pod in west was answered by pod web-\S+ in east, which saw the caller's own address, 10\.242\./)
    assert.match(stdout, /Try next:/)
  })

  test('up again finds it', () => {
    const { status, stdout, stderr } = playground()
    assert.equal(status, 0, stderr)
    assert.match(stderr, /is up already/)
    assert.match(stdout, /answered by pod/)
  })

  test('status shows the fleet and proves again that it works', () => {
    const { status, stdout, stderr } = playground('status')
    assert.equal(status, 0, stderr)
    assert.match(stdout, /\beast\b.*Ready/)
    assert.match(stdout, /answered by pod/)
  })

  test('info is for scripts: its kubeconfigs and kubectl work as they are', () => {
    const info = JSON.parse(playground('info', '-o', 'json').stdout) as Info
    assert.deepEqual(
      info.clusters.map(({ id, podCIDR, serviceCIDR }) => [id, podCIDR, serviceCIDR]),
      [
        ['east', '10.241.0.0/16', '10.91.0.0/16'],
        ['west', '10.242.0.0/16', '10.92.0.0/16'],
        ['north', '10.243.0.0/16', '10.93.0.0/16'],
      ],
    )
    assert.equal(info.broker.cluster, 'east')
    for (const { id, kubeconfig, nodes } of info.clusters) {
      const get = ['--kubeconfig', kubeconfig, 'get', 'nodes', '-o', 'jsonpath={.items[*].metadata.name}']
      assert.equal(spawnSync(info.kubectl, get, { encoding: 'utf8' }).stdout, nodes.map(({ name }) => name).join(' '), id)
      assert.ok(nodes.every(({ netns, address }) => existsSync(`/run/netns/${netns}`) && /^[0-9.]+$/.test(address)))
    }
  })

  test('kubectl and exec reach a cluster and a node, and hand on what they end with', () => {
    assert.match(playground('kubectl', 'west', 'get', 'serviceimports', '-A').stdout, /shop\s+web/)
    assert.equal(playground('kubectl', 'west', 'get', 'nothing').status, 1)
    assert.match(playground('exec', 'east', 'east-1', '--', 'ip', '-o', 'link').stdout, /vx-tombolo/)
    assert.equal(playground('exec', 'east', '1', '--', 'hostname').stdout.trim(), 'east-1')
    assert.equal(playground('exec', 'east', '1', 'sh', '-c', 'exit 7').status, 7)
    assert.match(playground('exec', 'south', '1', 'true').stderr, /no cluster south.*east, west, north/)
  })

  test('examples/fail-over is played on it: from the first to the second to the third and back, and no request is lost', async () => {
    const [record] = mine()
    assert.ok(record !== undefined)
    await failOver(attachTo(record), new AbortController().signal)
  })

  test('status of what does not work says so, and ends with 1', async () => {
    assert.equal(playground('kubectl', 'east', '-n', 'shop', 'delete', 'serviceexport/web').status, 0)
    // Others may export it too: then somebody else answers.
    await eventually(() => {
      const { status, stdout, stderr } = playground('status')
      assert.deepEqual([status, stdout], [1, ''], stderr)
      assert.match(stderr, /^tombolo: .*web\.shop\.svc\.clusterset\.local/m)
    }, 30_000)
  })

  test('down leaves nothing, and once more says so', () => {
    const [record] = mine()
    assert.equal(playground('down').status, 0)
    assert.ok(record !== undefined && !existsSync(record.dataDir))
    assert.match(playground('down').stderr, /nothing to take down/)
  })
})
