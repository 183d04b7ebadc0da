// The rig itself: what tests and the playground rely on.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { eventually } from '#test/kit/eventually.ts'
import { sweepDead } from '#test/rig/find.ts'
import { dataRoot, runDirOf } from '#test/rig/record.ts'
import type { Rig } from '#test/rig/rig.ts'
import { startRig } from '#test/rig/rig.ts'
import type { Cluster } from '#test/rig/cluster.ts'
import type { RigSpec } from '#test/rig/spec.ts'
import { processesOf } from '#test/rig/take-down.ts'

const { signal } = new AbortController()
const small = (id: string): RigSpec => ({ clusters: [{ id, nodes: 1 }], images: 'base' })

suite('rig', function () {
  this.timeout(120_000)

  test('several run side by side; a dead one’s remains are swept, to the last cgroup, and the living one is not touched', async () => {
    await using living = await startRig(small('living'), { signal })
    const dead = await startAndKill()
    assert.ok(traces(dead).length > 0, 'the killed run left something')
    const nodes = await living.cluster('living').kubectl(['get', 'nodes', '-o', 'name'])
    assert.deepEqual(await sweepDead(signal), [dead])
    assert.deepEqual(traces(dead), [])
    assert.equal(await living.cluster('living').kubectl(['get', 'nodes', '-o', 'name']), nodes)
    await living.down()
    assert.deepEqual(traces(living.run), [])
  })

  test('a piece can be killed, started again, stopped and resumed', async () => {
    await using rig = await startRig(small('east'), { signal })
    const east = rig.cluster('east')
    const answers = async () => (await east.kubectl(['get', '--raw', '/readyz'], '', AbortSignal.timeout(2000))) === 'ok'
    const { apiserver } = east.pieces
    await apiserver.kill9()
    assert.equal(apiserver.pid, undefined)
    await assert.rejects(answers())
    apiserver.start()
    await eventually(async () => assert.ok(await answers()), 30_000)
    apiserver.stop()
    await assert.rejects(answers())
    apiserver.resume()
    await eventually(async () => assert.ok(await answers()), 30_000)
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

  test('clusters can be cut off from each other, and packets lost', async () => {
    await using rig = await startRig(
      {
        clusters: [
          { id: 'a', nodes: 1 },
          { id: 'b', nodes: 1 },
        ],
        images: 'base',
      },
      { signal },
    )
    const { address } = rig.cluster('b').node(1)
    const ping = (count: number) => received(rig, address, count)
    assert.equal(await ping(3), 3)
    {
      await using _cut = await rig.partition('a', 'b')
      assert.equal(await ping(3), 0)
    }
    assert.equal(await ping(3), 3)
    await using _loss = await rig.loss('b-1', 30)
    const through = await ping(200)
    assert.ok(through > 40 && through < 160, `${through} of 200 came back at 30 % loss each way`)
  })
})

/** Starts a rig in a process of its own, kills that when the rig is up, and returns the run. */
async function startAndKill(): Promise<string> {
  const program = `
    const { startRig } = await import('#test/rig/rig.ts')
    const rig = await startRig(${JSON.stringify(small('dead'))})
    console.log(rig.run)
    setInterval(() => {}, 1000)`
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    cwd: join(import.meta.dirname, '../..'),
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [line] = (await once(child.stdout, 'data', { signal })) as [Buffer]
  child.kill('SIGKILL')
  await once(child, 'exit')
  return line.toString().trim()
}

/** What can be found of a run on the machine. */
function traces(run: string): readonly string[] {
  const list = (folder: string) => (existsSync(folder) ? readdirSync(folder) : [])
  const netns = list('/run/netns').filter((name) => name.includes(run))
  const dataDir = join(dataRoot(), run)
  return [
    ...netns,
    ...processesOf(run, dataDir, netns).map((pid) => `process ${pid}`),
    ...[dataDir, runDirOf(run)].filter(existsSync),
  ]
}

const servers = (nodes: readonly string[]): string =>
  [
    ...nodes.map((name) => ({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, labels: { app: 'web' } },
      spec: {
        nodeName: name,
        terminationGracePeriodSeconds: 0,
        containers: [{ name: 'web', image: 'localhost/toolbox:1', command: ['node', '/opt/demo/web.mjs'] }],
      },
    })),
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'web' },
      spec: { selector: { app: 'web' }, ipFamilyPolicy: 'PreferDualStack', ports: [{ port: 80, targetPort: 8080 }] },
    },
  ]
    .map((object) => JSON.stringify(object))
    .join('\n---\n')

const ipsOf = async (cluster: Cluster, what: string, path: string): Promise<readonly string[]> =>
  (await cluster.kubectl(['get', what, '-o', `jsonpath={${path}}`])).split(' ')

async function received(rig: Rig, address: string, count: number): Promise<number> {
  const { stdout } = await rig
    .cluster('a')
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
