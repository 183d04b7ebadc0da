// The rig itself: what tests and the playground rely on.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { eventually } from '#test/kit/eventually.ts'
import { onRig } from '#test/kit/rig-suite.ts'
import { runFor } from '#test/rig/exec.ts'
import { liveRigs, sweepDead } from '#test/rig/find.ts'
import type { Piece } from '#test/rig/piece.ts'
import type { Record } from '#test/rig/record.ts'
import type { Rig } from '#test/rig/rig.ts'
import { attachTo, startRig } from '#test/rig/rig.ts'
import type { Cluster } from '#test/rig/cluster.ts'
import { tracesOf } from '#test/rig/traces.ts'

const { signal } = new AbortController()
const root = join(import.meta.dirname, '../..')

suite('rig', function () {
  this.timeout(120_000)
  const at = onRig({ clusters: ['east', 'west'].map((id) => ({ id, nodes: 1 })), images: 'base' })

  test('several run side by side; what dead ones left is taken down to the last cgroup, and the living one is not touched', async () => {
    const living = at.rig
    const [dead, half] = await Promise.all([startAndKill('is up'), startAndKill('begins')])
    const left = { living: tracesOf(living.run), dead: tracesOf(dead.run), half: tracesOf(half.run) }
    for (const what of ['process', 'network namespace', 'cgroup', 'link'])
      assert.ok(
        left.dead().some((trace) => trace.startsWith(what)),
        `the killed run left no ${what}`,
      )
    assert.ok(left.half().length > 0)
    // Its processes come and go.
    const lasting = () => left.living().filter((trace) => !trace.startsWith('process'))
    const before = lasting()
    // By its record, as `down` does it, and as the next start does it.
    await attachTo(half).down()
    assert.deepEqual(left.half(), [])
    assert.deepEqual(await sweepDead(signal), [dead.run])
    assert.deepEqual(left.dead(), [])
    assert.deepEqual(lasting(), before)
    assert.match(await living.cluster('east').kubectl(['get', 'nodes']), /east-1 +Ready/)
  })

  test('every piece, and a process in a pod, can be stopped and resumed, killed and started again', async function () {
    this.timeout(240_000)
    const east = at.rig.cluster('east')
    const [{ containerd, kubelet, kubeProxy }, { etcd, apiserver, controllerManager, scheduler }] = [east.node(1), east.pieces]
    await east.apply(servers(['east-1']))
    await east.kubectl(['wait', '--for=condition=Ready', 'pod/east-1', '--timeout=60s'])

    const journeys: readonly (readonly [Piece, Stage])[] = [
      [etcd, 'no API'],
      [apiserver, 'no API'],
      [controllerManager, 'asked for'],
      [scheduler, 'made'],
      [kubelet, 'placed'],
      [containerd, 'placed'],
      [kubeProxy, 'ready'],
    ]
    for (const [piece, stuckAt] of journeys) {
      piece.stop()
      // As root may always do, SIGSTOP or not.
      assert.notEqual(piece.pid, undefined)
      const name = `during-${piece.name.split('/')[1] ?? ''}`
      const asked = await deploy(east, name).then(
        () => true,
        () => false,
      )
      await staysAt(east, name, stuckAt)
      piece.resume()
      if (!asked) await eventually(() => deploy(east, name), 30_000)
      await eventually(async () => assert.equal(await stageOf(east, name), 'answers', piece.name), 40_000)
    }

    const pieces = journeys.map(([piece]) => piece)
    for (const piece of pieces) {
      await piece.kill9()
      assert.equal(piece.pid, undefined, piece.name)
    }
    // As a supervisor would: some end again until others are there.
    const supervised = async () => {
      for (const piece of pieces) piece.start()
      await deploy(east, 'after')
      assert.equal(await stageOf(east, 'after'), 'answers')
    }
    await eventually(supervised, 90_000)

    const web = await east.process('default/east-1')
    const [address = ''] = await ipsOf(east, 'pod/east-1', '.status.podIPs[*].ip')
    const call = () => answersAt(east, `${address}:8080`)
    assert.equal(await call(), true)
    web.stop()
    assert.equal(await call(), false)
    web.resume()
    await eventually(async () => assert.equal(await call(), true))
    await web.kill9()
    assert.equal(web.pid, undefined)
    await eventually(async () => assert.notEqual((await east.process('default/east-1')).pid, undefined), 30_000)
    await eventually(async () => assert.equal(await call(), true), 30_000)
  })

  test('clusters can be cut off from each other, and packets lost', async () => {
    const { rig } = at
    const { address } = rig.cluster('west').node(1)
    const ping = (count: number) => received(rig, address, count)
    assert.equal(await ping(3), 3)
    {
      await using _cut = await rig.partition('east', 'west')
      assert.equal(await ping(3), 0)
    }
    assert.equal(await ping(3), 3)
    {
      await using _all = await rig.loss('west-1', 100)
      assert.equal(await ping(3), 0)
    }
    await using _loss = await rig.loss('west-1', 30)
    const through = await ping(200)
    assert.ok(through > 40 && through < 160, `${through} of 200 came back at 30 % loss each way`)
  })

  test('down leaves nothing, of clusters in which everything was at fault', async () => {
    const traces = tracesOf(at.rig.run)
    assert.ok(traces().length > 0)
    await at.rig.down()
    assert.deepEqual(traces(), [])
  })

  test('when a test fails, its logs are kept and said where, and its rig is not', async () => {
    const mocha = join(root, 'node_modules/mocha/bin/mocha.js')
    const { code, stdout, stderr } = await runFor(process.execPath, [mocha, join(root, 'test/e2e/rig/fails.ts')])
    assert.equal(code, 1, stderr)
    const [, run = ''] = /^run (\w+)$/m.exec(stdout) ?? []
    const [, folder = ''] = /^the logs of the rig are in (\S+)$/m.exec(stderr) ?? []
    assert.match(folder, new RegExp(`/${run}$`))
    for (const log of [
      'east/etcd.log',
      'east/apiserver.log',
      'east/scheduler.log',
      'east-1/kubelet.log',
      'east-1/containerd.log',
    ])
      assert.ok(existsSync(join(folder, log)), log)
    const pods = readdirSync(join(folder, 'east-1/pods'), { recursive: true }).map(String)
    const [said = ''] = pods.filter((path) => /^default_say_.*\.log$/.test(path))
    assert.match(readFileSync(join(folder, 'east-1/pods', said), 'utf8'), /last words/)
    assert.deepEqual(tracesOf(run)(), [])
  })

  test('dual-stack and IPv6 clusters: pods reach each other, and Services, over both families', async () => {
    await using rig = await startRig(
      {
        clusters: [
          { id: 'dual', families: ['IPv4', 'IPv6'] },
          { id: 'six', nodes: 1, families: ['IPv6'] },
        ],
        images: 'base',
      },
      { signal },
    )
    for (const [id, families] of [
      ['dual', 2],
      ['six', 1],
    ] as const) {
      const cluster = rig.cluster(id)
      await cluster.apply(servers(cluster.nodes.map(({ name }) => name)))
      await cluster.kubectl(['wait', '--for=condition=Ready', 'pod', '--all', '--timeout=60s'])
      const [caller = ''] = cluster.nodes.map(({ name }) => `default/${name}`)
      const [called = ''] = cluster.nodes.map(({ name }) => name).slice(-1)
      const addresses = [
        ...(await ipsOf(cluster, `pod/${called}`, '.status.podIPs[*].ip')),
        ...(await ipsOf(cluster, 'service/web', '.spec.clusterIPs[*]')),
      ]
      assert.equal(addresses.length, 2 * families)
      for (const address of addresses) {
        const port = addresses.indexOf(address) < families ? 8080 : 80
        const url = `http://${address.includes(':') ? `[${address}]` : address}:${port}/`
        await eventually(async () => {
          const { stdout, stderr } = await cluster.exec(caller, ['curl', '-sS', '-g', '--max-time', '2', url], signal)
          assert.match(stdout, /"pod"/, `${url}: ${stderr}`)
        }, 10_000)
      }
    }
  })
})

/** Starts a rig in a process of its own, kills that, and returns what is on record. */
async function startAndKill(when: 'begins' | 'is up'): Promise<Record> {
  const program = `
    const { startRig } = await import('#test/rig/rig.ts')
    await startRig(${JSON.stringify({ clusters: [{ id: 'dead', nodes: 1 }], images: 'base', purpose: when })})
    console.log('up')
    setInterval(() => {}, 1000)`
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const mine = () => liveRigs().find(({ owner }) => owner?.pid === child.pid)
  if (when === 'is up') await once(child.stdout, 'data', { signal })
  // Its namespaces are there, its nodes are being made.
  else await eventually(() => assert.ok(tracesOf(mine()?.run ?? '-')().some((trace) => trace.startsWith('process'))))
  const record = mine()
  assert.ok(record !== undefined)
  child.kill('SIGKILL')
  await once(child, 'exit')
  return record
}

/** How far a Deployment and its Service have come; each needs one more piece than the one before. */
type Stage = 'no API' | 'asked for' | 'made' | 'placed' | 'ready' | 'answers'

async function stageOf(cluster: Cluster, name: string): Promise<Stage> {
  const get = (what: string, path: string) =>
    cluster.kubectl(['get', ...what.split(' '), '-o', `jsonpath={${path}}`], '', AbortSignal.timeout(2000))
  try {
    const pods = `pods -l app=${name}`
    if ((await get(pods, '.items[*].metadata.name')) === '') return 'asked for'
    if ((await get(pods, '.items[*].spec.nodeName')) === '') return 'made'
    if (!/True/.test(await get(pods, '.items[*].status.conditions[?(@.type=="Ready")].status'))) return 'placed'
    return (await answersAt(cluster, await get(`service ${name}`, '.spec.clusterIP'))) ? 'answers' : 'ready'
  } catch {
    return 'no API'
  }
}

/** It comes that far, and no further in a second and a half: as long as an API that does not answer lets one wait. */
async function staysAt(cluster: Cluster, name: string, stage: Stage): Promise<void> {
  await eventually(async () => assert.equal(await stageOf(cluster, name), stage, name), 20_000)
  if (stage === 'no API') return
  await sleep(1500)
  assert.equal(await stageOf(cluster, name), stage, name)
}

/** A pod of the demo's web server, through its node: an exec would need the kubelet. */
async function answersAt(cluster: Cluster, address: string): Promise<boolean> {
  const ask = `fetch('http://${address}/', { signal: AbortSignal.timeout(1000) }).then(() => 0, () => 1).then(process.exit)`
  return (await cluster.node(1).exec([process.execPath, '-e', ask])).code === 0
}

const deploy = (cluster: Cluster, name: string): Promise<void> =>
  cluster.apply(
    [
      {
        apiVersion: 'apps/v1',
        kind: 'Deployment',
        metadata: { name },
        spec: {
          selector: { matchLabels: { app: name } },
          template: { metadata: { labels: { app: name } }, spec: { containers: [webServer], terminationGracePeriodSeconds: 0 } },
        },
      },
      serviceOf(name),
    ]
      .map((object) => JSON.stringify(object))
      .join('\n---\n'),
    AbortSignal.timeout(3000),
  )

const webServer = { name: 'web', image: 'localhost/toolbox:1', command: ['node', '/opt/demo/web.mjs'] }

const serviceOf = (name: string) => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name },
  spec: { selector: { app: name }, ipFamilyPolicy: 'PreferDualStack', ports: [{ port: 80, targetPort: 8080 }] },
})

const servers = (nodes: readonly string[]): string =>
  [
    ...nodes.map((name) => ({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, labels: { app: 'web' } },
      spec: {
        nodeName: name,
        terminationGracePeriodSeconds: 0,
        containers: [webServer],
      },
    })),
    serviceOf('web'),
  ]
    .map((object) => JSON.stringify(object))
    .join('\n---\n')

const ipsOf = async (cluster: Cluster, what: string, path: string): Promise<readonly string[]> =>
  (await cluster.kubectl(['get', what, '-o', `jsonpath={${path}}`])).split(' ')

async function received(rig: Rig, address: string, count: number): Promise<number> {
  const { stdout } = await rig
    .cluster('east')
    .node(1)
    .exec(['sh', '-c', pingScript(address, count)], AbortSignal.timeout(30_000))
  return Number(stdout.trim())
}

/** Not every machine has ping; every machine with the rig has Node. A refused TCP connection is an answer too. */
const pingScript = (address: string, count: number): string => `exec ${process.execPath} -e '
const { connect } = require("node:net")
let [answered, left] = [0, ${count}]
const end = (n) => { answered += n; if (--left === 0) { console.log(answered); process.exit() } }
for (let i = 0; i < ${count}; i++) {
  const socket = connect({ host: "${address}", port: 9 })
  const limit = setTimeout(() => { socket.destroy(); end(0) }, 700)
  socket.on("error", (error) => { clearTimeout(limit); end(error.code === "ECONNREFUSED" ? 1 : 0) })
}'`
