import assert from 'node:assert/strict'
import type { GatewayEndpoint } from '#crds/gateway-endpoint.ts'
import type { MemberView } from '#fleet/snapshot.ts'
import { judgeWatched, verdictOf, victimOf } from './failover.ts'
import { spotsOf } from './objects.ts'
import type { Case, Side, Want } from './plan.ts'
import { connectivityCases, discoveryCases, goneCases, wrongIn } from './plan.ts'
import type { Said } from './programs.ts'
import { parseSaid } from './programs.ts'
import { linesOf, nameOf } from './render.ts'

const side = (cluster: string, service: string, probes: Side['probes']): Side => ({ context: cluster, cluster, service, probes })
const west = side('west', 'near', [
  { place: 'gateway', addresses: ['10.2.0.5', 'fd00:2::5'] },
  { place: 'worker', addresses: ['10.2.1.5', 'fd00:2:1::5'] },
])
const east = side('east', 'far', [
  { place: 'gateway', addresses: ['10.1.0.5', 'fd00:1::5'] },
  { place: 'worker', addresses: ['10.1.1.5', 'fd00:1:1::5'] },
])
/** Of a single node, and of one family. */
const small = side('small', 'far', [{ place: 'gateway', addresses: ['10.3.0.5'] }])

const lineOf = (c: Case): string =>
  'skipped' in c ? `${c.name}: skipped, ${c.skipped}` : `${c.name}: ${c.from.context}/${c.place} asks ${c.to.host}:${c.to.port}`

suite('what verify asks', () => {
  test('pods of both clusters, of both kinds of node, over both families', () => {
    const cases = connectivityCases(west, east)
    assert.equal(cases.length, 12)
    assert.deepEqual(cases.slice(0, 3).map(lineOf), [
      'pod to pod, west → east, IPv4, from the node of a gateway: west/gateway asks 10.1.1.5:8080',
      'pod to pod, west → east, IPv4, from another node than a gateway: west/worker asks 10.1.1.5:8080',
      'source address kept, west → east, IPv4: west/worker asks 10.1.1.5:8080',
    ])
    assert.ok(cases.map(lineOf).includes('source address kept, east → west, IPv6: east/worker asks fd00:2:1::5:8080'))
  })

  test('what a cluster has not is skipped, and said', () => {
    assert.deepEqual(
      connectivityCases(small, west).flatMap((c) => ('skipped' in c ? [lineOf(c)] : [])),
      [
        'pod to pod, small → west, IPv4, from another node than a gateway: skipped, small has no ready node of this kind',
        'small → west, IPv6: skipped, pods of small have no IPv6 address',
        'west → small, IPv6: skipped, pods of small have no IPv6 address',
      ],
    )
  })

  test('the service of the other cluster by its name, and its name again when it is gone', () => {
    assert.deepEqual([...discoveryCases(west, east, 'ns'), ...goneCases(west, east, 'ns')].map(lineOf), [
      'service by name, west → east: west/worker asks far.ns.svc.clusterset.local.:80',
      'service by name, east → west: east/worker asks near.ns.svc.clusterset.local.:80',
      'name gone after unexport, west → east: west/worker asks far.ns.svc.clusterset.local.:80',
      'name gone after unexport, east → west: east/worker asks near.ns.svc.clusterset.local.:80',
    ])
  })

  test('pods go to the first ready node of each kind', () => {
    const nodes = [
      { name: 'a', ready: false, gateway: true },
      { name: 'b', ready: true, gateway: false },
      { name: 'c', ready: true, gateway: true },
      { name: 'd', ready: true, gateway: true },
    ]
    assert.deepEqual(spotsOf(nodes), [
      { place: 'gateway', node: 'c' },
      { place: 'worker', node: 'b' },
    ])
  })
})

suite('when an answer is the right one', () => {
  const worker: Said = { kind: 'answer', pod: 'worker', from: '10.2.1.5' }
  const unknown: Said = { kind: 'unknown name' }
  const cases: readonly (readonly [said: Said, want: Want, wrong: RegExp | undefined])[] = [
    [worker, { kind: 'pod', pod: 'worker' }, undefined],
    [worker, { kind: 'pod', pod: 'gateway' }, /pod worker answered, not gateway/],
    [worker, { kind: 'source', addresses: ['10.2.1.5', 'fd00::5'] }, undefined],
    [worker, { kind: 'source', addresses: ['10.2.9.9'] }, /the far pod sees 10\.2\.1\.5/],
    [worker, { kind: 'any' }, undefined],
    [worker, { kind: 'unknown name' }, /still has an answer/],
    [unknown, { kind: 'any' }, /the name is unknown/],
    [unknown, { kind: 'unknown name' }, undefined],
    // That nothing answered does not show that the name is gone.
    [{ kind: 'none', why: 'EAI_AGAIN' }, { kind: 'unknown name' }, /still/],
    [{ kind: 'none', why: 'no answer within 3000 ms' }, { kind: 'any' }, /no answer/],
  ]
  for (const [said, want, wrong] of cases)
    test(`${JSON.stringify(said)} for ${JSON.stringify(want)}: ${wrong === undefined ? 'right' : 'wrong'}`, () => {
      const found = wrongIn(said, want)
      if (wrong === undefined) assert.equal(found, undefined)
      else assert.match(found ?? '', wrong)
    })

  test('what is not one of our answers is none', () => {
    assert.deepEqual(parseSaid('{"kind":"answer","pod":"worker","from":"10.2.1.5"}\n'), worker)
    for (const text of ['', '<html>', '{"kind":"answer"}']) assert.equal(parseSaid(text).kind, 'none', text)
  })
})

test('verify prints a heading a subject and a line a test, with the reason of what did not pass', () => {
  const lines = linesOf([
    { subject: 'connectivity', name: 'a', result: 'passed', seconds: 0.34 },
    { subject: 'connectivity', name: 'b', result: 'skipped', seconds: 0, why: 'no node' },
    { subject: 'service-discovery', name: 'c', result: 'failed', seconds: 20, why: 'the name is unknown' },
  ])
  assert.deepEqual(
    lines.map(({ text }) => text),
    ['CONNECTIVITY', '✓ a (0.3 s)', '- b: no node', '', 'SERVICE-DISCOVERY', '✗ c (20.0 s): the name is unknown'],
  )
})

test('every test of verify has a name of its own that is one word', () => {
  const names = [...connectivityCases(west, east), ...discoveryCases(west, east, 'ns'), ...goneCases(west, east, 'ns')].map(
    nameOf,
  )
  assert.equal(names[0], 'connectivity/pod-to-pod-west-east-IPv4-from-the-node-of-a-gateway')
  assert.ok(names.includes('service-discovery/name-gone-after-unexport-east-west'))
  assert.equal(new Set(names).size, names.length)
})

suite('a gateway that is killed', () => {
  const endpoint = (node: string, role: 'Active' | 'Standby', term: number) =>
    ({ metadata: { name: node }, spec: { clusterID: 'east', node }, status: { role, term } }) as unknown as GatewayEndpoint
  const east = (running: readonly string[], ...gateways: readonly GatewayEndpoint[]) =>
    ({ membership: { spec: { clusterID: 'east' } }, running, gateways }) as unknown as MemberView

  test('is the active one, of the higher term where two say so; where there is one alone nothing is killed', () => {
    const both = [endpoint('e1', 'Active', 3), endpoint('e2', 'Active', 4)]
    assert.deepEqual(victimOf(east(['e1', 'e2'], ...both), 'east'), { active: 'e2' })
    // What a gateway that does not run said of itself is from before.
    assert.deepEqual(victimOf(east(['e1', 'e3'], ...both), 'east'), { active: 'e1' })
    assert.deepEqual(victimOf(east(['e1'], ...both), 'east'), {
      result: 'skipped',
      why: 'east has one gateway, on e1, so none could take over. A second: kubectl --context east label node NODE tombolo.dev/gateway=true',
    })
    const drained = { type: 'Electable', status: 'False', reason: 'Drained', message: '', lastTransitionTime: '' } as const
    const idle = { ...endpoint('e1', 'Standby', 4), status: { role: 'Standby', conditions: [drained] } } as GatewayEndpoint
    assert.deepEqual(victimOf(east(['e1', 'e2'], idle, endpoint('e2', 'Active', 4)), 'east'), {
      result: 'skipped',
      why: 'east has no other gateway that may lead: tombolo gateway uncordon e1 --context east',
    })
    assert.deepEqual(victimOf(east(['e1', 'e2'], endpoint('e1', 'Standby', 3)), 'east'), {
      result: 'failed',
      why: 'no gateway of east is active: tombolo diagnose connections --context east',
    })
  })

  test('leaves a silence from the last answer before to the first after, to whichever request', () => {
    const heard = judgeWatched({
      requests: [
        [0, 2],
        [50, 2],
        [100, null],
        [150, 1050],
        [1250, 3],
      ],
      ms: 3350,
    })
    assert.deepEqual(heard, { asked: 5, lost: 1, longestSilenceMs: 1148, atFirst: true, atLast: true })
    const never = judgeWatched({
      requests: [
        [0, 2],
        [50, null],
      ],
      ms: 20_000,
    })
    assert.deepEqual([never.longestSilenceMs, never.atLast], [19_998, false])
    assert.equal(judgeWatched({ requests: [], ms: 100 }).atLast, false)
  })

  test('is a failure when the pod is not answered again or nobody is active, and none when the same node is back in time', () => {
    const heard = { asked: 300, lost: 12, longestSilenceMs: 1300, atFirst: true, atLast: true }
    const result = (...args: Parameters<typeof verdictOf>) => verdictOf(...args).result
    assert.deepEqual(
      [
        result('e1', 'e2', heard),
        result('e1', 'e1', heard),
        result('e1', undefined, heard),
        result('e1', 'e2', { ...heard, atLast: false }),
        result('e1', 'e2', { ...heard, atFirst: false }),
      ],
      ['passed', 'passed', 'failed', 'failed', 'failed'],
    )
    const name = 'gateway failover, west → east'
    const lineOf = (tookOver: string) =>
      linesOf([{ subject: 'gateway-failover', name, seconds: 17.2, ...verdictOf('e1', tookOver, heard) }])[1]?.text
    assert.equal(lineOf('e2'), `✓ ${name} (17.2 s): e2 took over from e1; longest silence 1.3 s, 12 of 300 requests lost`)
    assert.match(lineOf('e1') ?? '', /: a new gateway on e1 was there before another took over;/)
  })
})
