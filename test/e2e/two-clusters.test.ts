// The main job, on two real clusters: a pod of one reaches a service of the other by its clusterset name, and goes on doing so
// while everything that is not on its way fails.
import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { parse } from 'yaml'
import type { ServiceExport } from '#crds/service-export.ts'
import { allocation } from '#crds/allocation.ts'
import { exportedEndpoints } from '#crds/exported-endpoints.ts'
import { mostOfAMember } from '#crds/limits.ts'
import { brokerSecretName, memberNamespace, systemNamespace } from '#crds/places.ts'
import { kube } from '#lib/kube/client.ts'
import type { Connection } from '#lib/kube/connection.ts'
import type { Secret } from '#lib/kube/kinds.ts'
import { secrets } from '#lib/kube/kinds.ts'
import type { Kind, KubeObject } from '#lib/kube/object.ts'
import { logger } from '#lib/std/log.ts'
import { readCredentials } from '#operator/joining/credentials.ts'
import type { Cluster } from '#test/rig/cluster.ts'
import { eventually } from '#test/kit/eventually.ts'
import { image, tombolo } from '#test/kit/cli.ts'
import { callWeb, exportWeb, firstAnswer, fleetOf, webURL } from '#test/kit/fleet.ts'
import { lostMs, traffic } from '#test/kit/traffic.ts'
import { onPair } from './fleets.ts'
import { daemonsAreObservable } from './two-clusters/daemons.ts'
import { dualStackService } from './two-clusters/dual-stack.ts'
import { malformedObjects } from './two-clusters/malformed.ts'
import { supportBundle } from './two-clusters/support-bundle.ts'
import { trafficPolicy } from './two-clusters/traffic-policy.ts'
import { whileTrafficFlows } from './two-clusters/while-traffic-flows.ts'

suite('two clusters', function () {
  this.timeout(120_000)
  const at = onPair()
  const east = () => at.rig.cluster('east')
  const west = () => at.rig.cluster('west')
  const dig = async (...question: readonly string[]) =>
    (await west().exec('shop/client', ['dig', '+short', '+tries=1', '+time=2', ...question])).stdout
      .trim()
      .split('\n')
      .filter(Boolean)

  suite('bad input', () => {
    test('a broker that is cut off in the middle of a join is named, and the same command goes on when it is back', async () => {
      const { out: grant } = await fleetOf(at.rig, at.signal).must('grant', 'create', 'west', '--context', 'east')
      const node = west().node(1).name
      const command = ['join', '--grant', '-', '--context', 'west', '--gateway-node', node, '--kubeconfig', at.rig.kubeconfig]
      const join = (timeout: number) => tombolo([...command, '--timeout', String(timeout)], { signal: at.signal, stdin: grant })
      {
        // The person's machine still reaches both; the new member does not reach the broker.
        await using _cut = await at.rig.partition('east', 'west')
        const { code, err } = await join(15)
        assert.notEqual(code, 0)
        assert.match(err, /the broker is not reached/)
        assert.match(err, /running the command again/)
      }
      const { code, err } = await join(90)
      assert.equal(code, 0, err)
    })

    test('an export of a service that does not exist yet is told so, and works when it comes', async () => {
      const { out, err, code } = await fleetOf(at.rig, at.signal).tombolo(
        'export',
        'service',
        'later',
        '-n',
        'shop',
        '--context',
        'east',
        '--timeout',
        '5',
      )
      // MCS lets the two come in any order, so it is a caution and no error.
      assert.equal(code, 0, err)
      assert.match(out + err, /when the Service exists/)
      await condition(east(), 'later', 'Valid', 'False', 'NoService')
      await east().kubectl(['-n', 'shop', 'create', 'service', 'clusterip', 'later', '--tcp=80:8080'])
      await condition(east(), 'later', 'Valid', 'True')
      await eventually(async () => assert.equal((await dig('later.shop.svc.clusterset.local')).length, 1), 10_000)
      await east().kubectl(['-n', 'shop', 'delete', 'service/later', 'serviceexport/later'])
      await eventually(async () => assert.deepEqual(await dig('later.shop.svc.clusterset.local'), []), 10_000)
    })

    test('an export of an unsupported type is refused with its reason', async () => {
      await east().kubectl(['-n', 'shop', 'create', 'service', 'externalname', 'outside', '--external-name', 'example.com'])
      const { out, err, code } = await fleetOf(at.rig, at.signal).tombolo(
        'export',
        'service',
        'outside',
        '-n',
        'shop',
        '--context',
        'east',
        '--timeout',
        '5',
      )
      assert.notEqual(code, 0, out)
      assert.match(out + err, /ExternalName/)
      await east().apply(exportOf('outside'))
      await condition(east(), 'outside', 'Valid', 'False', 'InvalidServiceType')
      await east().kubectl(['-n', 'shop', 'delete', 'service/outside', 'serviceexport/outside'])
    })
  })

  malformedObjects(at)

  suite('an exported service', () => {
    suiteSetup(() => exportWeb(east(), at.signal))

    test('answers a pod of the other cluster, which is seen under its own address', async () => {
      const answer = await firstAnswer(west(), 30_000, at.signal)
      assert.equal(answer.client, await podIP(west(), 'client'))
      assert.match(await east().kubectl(['-n', 'shop', 'get', 'pods', '-o', 'name']), new RegExp(answer.pod))
    })

    test('answers in its own cluster under the same name', async () => {
      assert.equal((await firstAnswer(east(), 10_000, at.signal)).client, await podIP(east(), 'client'))
    })

    test('has A and SRV records, over UDP and TCP; what does not exist has none', async () => {
      const ips = (await west().kubectl(['-n', 'shop', 'get', 'serviceimport', 'web', '-o', 'jsonpath={.spec.ips[*]}'])).split(
        ' ',
      )
      assert.deepEqual(await dig('web.shop.svc.clusterset.local'), ips)
      assert.deepEqual(await dig('+tcp', 'web.shop.svc.clusterset.local'), ips)
      assert.deepEqual(await dig('AAAA', 'web.shop.svc.clusterset.local'), [])
      assert.deepEqual(await dig('SRV', '_http._tcp.web.shop.svc.clusterset.local'), ['0 100 80 web.shop.svc.clusterset.local.'])
      assert.match((await west().exec('shop/client', ['dig', 'nothing.shop.svc.clusterset.local'])).stdout, /NXDOMAIN/)
      assert.equal((await dig('kubernetes.default.svc.cluster.local')).length, 1, 'cluster.local is as it was')
    })

    test('travels through the tunnel', async () => {
      const received = async () => {
        const transfer = ['-n', 'tombolo-system', 'exec', 'daemonset/tombolo-gateway', '--', 'wg', 'show', 'tmb-wg', 'transfer']
        const [, bytes] = (await west().kubectl(transfer)).trim().split('\t')
        return Number(bytes)
      }
      const before = await received()
      const calls = `for i in $(seq 20); do curl -fsS --max-time 2 ${webURL} || exit 1; done`
      assert.equal((await west().exec('shop/client', ['sh', '-c', calls])).code, 0)
      // An answer is a handshake, 200 bytes of HTTP and a farewell: six packets or so.
      assert.ok((await received()) - before > 20 * 400, 'twenty answers are in the tunnel’s counters')
    })
  })

  suite('a member that was taken over', () => {
    const own = memberNamespace('west')
    const name = String(mostOfAMember.exportedendpoints - 1)
    const base = { apiVersion: 'tombolo.dev/v1alpha1', metadata: { name, namespace: own } }
    const service = { clusterID: 'west', namespace: 'shop', name: 'web' }
    const slice = { ...service, addressType: 'IPv4', ports: [], endpoints: [{ address: '10.242.1.9', ready: true }] }
    const attempts: readonly (readonly [string, Kind, KubeObject, RegExp])[] = [
      [
        'write into another’s namespace',
        exportedEndpoints,
        { ...base, kind: 'ExportedEndpoints', metadata: { name, namespace: memberNamespace('east') }, spec: slice },
        /cannot (create|patch)/,
      ],
      [
        'speak for another',
        exportedEndpoints,
        { ...base, kind: 'ExportedEndpoints', spec: { ...slice, clusterID: 'east' } },
        /own id/,
      ],
      [
        'announce an address of another',
        exportedEndpoints,
        { ...base, kind: 'ExportedEndpoints', spec: { ...slice, endpoints: [{ address: '10.241.1.5', ready: true }] } },
        /outside the admitted ranges: 10\.241\.1\.5/,
      ],
      [
        'admit itself to more addresses',
        allocation,
        { ...base, kind: 'Allocation', spec: { clusterID: 'west', podCIDRs: ['0.0.0.0/1'], serviceCIDRs: ['10.92.0.0/16'] } },
        /cannot (create|patch)/,
      ],
      [
        'read a Secret',
        secrets,
        { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'evil', namespace: own } },
        /cannot (create|patch)/,
      ],
    ]
    for (const [what, kind, object, says] of attempts)
      test(`cannot ${what}`, async () => {
        await using broker = kube(await connectionOfMember(west()), logger('test', 'silent'))
        await assert.rejects(broker.create(kind, object, {}, at.signal), says)
        if (kind === secrets) await assert.rejects(broker.list(secrets, { namespace: own }, at.signal), /cannot list/)
      })

    test('can do what it is there for', async () => {
      await using broker = kube(await connectionOfMember(west()), logger('test', 'silent'))
      await broker.create(exportedEndpoints, { ...base, kind: 'ExportedEndpoints', spec: slice }, { dryRun: true }, at.signal)
      assert.ok((await broker.list(allocation, {}, at.signal)).items.length >= 2)
    })
  })

  dualStackService(at)
  trafficPolicy(at)
  daemonsAreObservable(at)
  whileTrafficFlows(at)

  suite('an upgrade', () => {
    test('of a member replaces everything of ours while traffic flows, and only the hand-over of its gateway is felt', async function () {
      this.timeout(240_000)
      const next = 'localhost/tombolo:next'
      for (const { nodes } of at.rig.clusters) for (const node of nodes) await node.tagImage(image, next, at.signal)
      const fleet = fleetOf(at.rig, at.signal)
      await using requests = await traffic(west(), { pod: 'shop/client', url: webURL })
      const began = Date.now()
      await fleet.must('upgrade', '--context', 'west', '--image', next)
      const took = Date.now() - began
      // One gateway: what is felt is its restart, and how long that takes is the machine's.
      await firstAnswer(west(), 30_000, at.signal)
      // Until it is known of the last request whether it was lost.
      await sleep(lostMs + 500)
      const during = requests.requests.filter((r) => r.at >= began).toSorted((a, b) => a.at - b.at)
      const answered = during.filter((r) => r.lost === undefined)
      const silence = Math.max(...answered.map((r, i) => r.at - (answered[i - 1]?.at ?? began)))
      process.stdout.write(
        `      upgrade in ${(took / 1000).toFixed(1)} s: ${during.length - answered.length} of ${during.length} requests lost, the longest silence ${silence} ms\n`,
      )
      assert.ok(silence < 30_000)
      assert.ok(await callWeb(west(), at.signal))
      // A pod that was replaced runs until it has said farewell.
      await eventually(async () => {
        const images = await west().kubectl([
          ...['-n', systemNamespace, 'get', 'pods', '-o'],
          'jsonpath={range .items[?(@.status.phase=="Running")]}{.spec.containers[0].image}{"\\n"}{end}',
        ])
        assert.deepEqual([...new Set(images.trim().split('\n'))], [next])
      }, 15_000)
      const versions = JSON.parse((await fleet.must('version', '--context', 'west', '-o', 'json')).out) as {
        readonly versions: readonly { readonly component: string; readonly skew?: string }[]
      }
      assert.deepEqual([...new Set(versions.versions.slice(1).map(({ skew }) => skew))], ['same'])
    })
  })

  supportBundle(at)
})

/** To the broker, as the member itself connects: with what lies in its Secret. */
async function connectionOfMember(cluster: Cluster): Promise<Connection> {
  const secret = JSON.parse(
    await cluster.kubectl(['-n', systemNamespace, 'get', 'secret', brokerSecretName, '-o', 'json']),
  ) as Secret
  const read = readCredentials(secret)
  assert.ok(read.ok)
  const { server, ca, token } = read.value
  return { server, ca, token: () => Promise.resolve(token) }
}

const podIP = (cluster: Cluster, name: string): Promise<string> =>
  cluster.kubectl(['-n', 'shop', 'get', 'pod', name, '-o', 'jsonpath={.status.podIP}'])

const exportOf = (name: string): string =>
  JSON.stringify({ apiVersion: 'multicluster.x-k8s.io/v1beta1', kind: 'ServiceExport', metadata: { name, namespace: 'shop' } })

/** Waits until the ServiceExport has the condition. */
async function condition(cluster: Cluster, name: string, type: string, status: string, reason?: string): Promise<void> {
  await eventually(async () => {
    const object = parse(await cluster.kubectl(['-n', 'shop', 'get', 'serviceexport', name, '-o', 'yaml'])) as ServiceExport
    const found = object.status?.conditions?.find((c) => c.type === type)
    assert.equal(found?.status, status, `${type} of ${name}: ${found?.message ?? 'not there'}`)
    if (reason !== undefined) assert.equal(found.reason, reason)
  }, 10_000)
}
