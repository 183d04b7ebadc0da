import assert from 'node:assert/strict'
import type { ServiceTrafficPolicy } from '#crds/service-traffic-policy.ts'
import { serviceTrafficPolicy } from '#crds/service-traffic-policy.ts'
import { web } from '#test/kit/services.ts'
import type { Choice } from './choice.ts'
import { choose } from './choice.ts'
import { policyStatus } from './traffic-status.ts'

const made = (spec: object): ServiceTrafficPolicy => ({
  apiVersion: serviceTrafficPolicy.apiVersion,
  kind: serviceTrafficPolicy.kind,
  metadata: { ...web, generation: 3 },
  spec: spec as ServiceTrafficPolicy['spec'],
})
const at = new Date('2030-01-01T00:00:00Z')

function told(spec: object) {
  const policy = made(spec)
  const read = serviceTrafficPolicy.parse(policy)
  const candidates = ['east', 'west'].map((cluster) => ({ cluster, endpoints: 1, ready: 1, path: { kind: 'here' } as const }))
  const choices = read.ok ? choose(read.value.spec, candidates, new Set()) : undefined
  return policyStatus({ policy, read, choices, members: ['west', 'east', 'north'], now: at }).status
}
const weight = (cluster: string, of: number) => ({ cluster, weight: of })
const ready = (spec: object) => {
  const [condition] = told(spec).conditions
  return [condition?.status, condition?.reason, condition?.message] as const
}

/** What is wrong, the spec, the reason, and what it says. */
const rows: readonly (readonly [string, object, string, RegExp])[] = [
  [
    'a list that names nobody of the fleet',
    { deny: ['wets'] },
    'UnknownCluster',
    /^spec\.deny names wets, which is no member of the fleet, and is passed over: members are east, north, west$/,
  ],
  [
    'an order with a cluster that is denied',
    { deny: ['west'], order: ['west', 'east'] },
    'Contradiction',
    /^spec\.order names west, which spec\.deny names too/,
  ],
  [
    'an order with a cluster that is not allowed',
    { allow: ['east'], order: ['west'] },
    'Contradiction',
    /spec\.order names west, which spec\.allow does not name/,
  ],
  [
    'an allow list without an exporter',
    { allow: ['north'] },
    'NoClusterLeft',
    /^no cluster that exports shop\/web may answer: east, west would, if spec\.allow named it$/,
  ],
  ['a deny list with every exporter', { deny: ['east', 'west'] }, 'NoClusterLeft', /if spec\.deny did not name it/],
  [
    'weights for who is no member, and for who is denied',
    { weights: [weight('wets', 1), weight('west', 1), weight('east', 1)], deny: ['west'] },
    'UnknownCluster',
    /^spec\.weights names wets, .*; spec\.weights names west, which spec\.deny names too: .* take it out of spec\.weights/,
  ],
  [
    'weights of 0 everywhere',
    { weights: [weight('east', 0), weight('west', 0)] },
    'NoWeight',
    /^spec\.weights gives east, west, which may answer shop\/web, no weight above 0, so all endpoints are called alike: give one/,
  ],
  ['weights for nobody that exports it', { weights: [weight('north', 5)] }, 'NoWeight', /^spec\.weights gives east, west, which/],
  ['a weight below 0', { weights: [weight('east', -1)] }, 'Invalid', /^spec\.weights.* is -1, want .*>=0: it holds nowhere$/],
  [
    'both lists',
    { allow: ['east'], deny: ['west'] },
    'Invalid',
    /^spec is .* want allow names all that may answer.*give one of the two: it holds nowhere$/,
  ],
  [
    'a minimum of 0',
    { order: ['east'], minReadyEndpoints: 0 },
    'Invalid',
    /^spec\.minReadyEndpoints is 0, want .*>=1: it holds nowhere$/,
  ],
  ['a locality of which nothing is known', { locality: 'Zone' }, 'Invalid', /^spec\.locality is Zone/],
]

suite('the status of a traffic policy', () => {
  for (const [what, spec, reason, message] of rows)
    test(`${what} is named, with what to type`, () => {
      const [status, found, said] = ready(spec)
      assert.deepEqual([status, found], ['False', reason])
      assert.match(said ?? '', message)
    })

  test('a policy about no service is told so', () => {
    const policy = made({})
    const read = serviceTrafficPolicy.parse(policy)
    const { status } = policyStatus({ policy, read, choices: undefined, members: ['east'], now: at })
    assert.deepEqual([status.conditions[0]?.reason, status.clusters], ['NoSuchService', undefined])
    assert.match(status.conditions[0]?.message ?? '', /^there is no ServiceImport shop\/web in this cluster: give the policy/)
  })

  test('a share that is far off is told with what it is, and the endpoints that it takes', () => {
    const policy = made({ weights: [weight('east', 90), weight('west', 10)] })
    const read = serviceTrafficPolicy.parse(policy)
    const of = (cluster: string, wantedPercent: number, gotPercent: number, usedEndpoints: number) =>
      ({
        cluster,
        state: 'Answers',
        message: 'it is allowed',
        share: { wantedPercent, gotPercent, usedEndpoints, readyEndpoints: 3 },
      }) as const
    const say = (...choices: readonly Choice[]) =>
      policyStatus({ policy, read, choices, members: ['east', 'west'], now: at }).status.conditions[0]
    assert.equal(say(of('east', 90, 85, 3), of('west', 10, 15, 1))?.reason, 'Applied')
    const told = say(of('east', 90, 75, 3), of('west', 10, 25, 1))
    assert.deepEqual(
      [told?.reason, told?.message],
      [
        'Inexact',
        'east gets 75 % of the calls instead of 90 %, west gets 25 % of the calls instead of 10 %, as near as whole endpoints come to spec.weights: with 6 ready endpoints in east (it has 3) it is off by 5 points at most',
      ],
    )
  })

  test('two faults are told in one condition, and the rest of the policy holds', () => {
    const status = told({ order: ['wets', 'west'], deny: ['sotuh'] })
    assert.match(status.conditions[0]?.message ?? '', /names sotuh.*; spec\.order names wets/)
    assert.deepEqual(
      status.clusters?.map(({ cluster, state }) => `${cluster} ${state}`),
      ['east Standby', 'west Answers'],
    )
  })

  test('so many faults as a list can hold still fit into a condition', () => {
    const order = Array.from({ length: 500 }, (_, i) => `x${i}`.padEnd(53, 'x'))
    const message = told({ order, deny: order }).conditions[0]?.message ?? ''
    assert.match(message, /; and 995 more$/)
    assert.ok(message.length < 32_768)
  })

  test('says who answers and why, of which generation, and is the same when nothing changed', () => {
    const status = told({ order: ['east'] })
    assert.deepEqual(ready({ order: ['east'] }).slice(0, 2), ['True', 'Applied'])
    assert.equal(status.observedGeneration, 3)
    assert.deepEqual(status.clusters, [
      { cluster: 'east', state: 'Answers', message: 'it comes first' },
      { cluster: 'west', state: 'Standby', message: 'east comes before it' },
    ])
    assert.ok(serviceTrafficPolicy.parse({ ...made({}), status }).ok)
  })
})
