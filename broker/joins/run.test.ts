// Addresses, whatever the interleaving: two controllers at once, each of which takes itself for the leader, on one apiserver. Either is
// stopped between any two of its requests and goes on later, or is started anew; what it wrote comes late, within the bound that
// reservations.ts gives, or is answered to nobody. Clusters ask, take back, lose their keys and leave meanwhile, and time passes.
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { fleet as fleetKind } from '#crds/fleet.ts'
import { joinGrant } from '#crds/join-grant.ts'
import { joinRequest } from '#crds/join-request.ts'
import { member as memberKind } from '#crds/member.ts'
import { toleratedSkewMs } from '#crds/rules/tokens.ts'
import type { Kube } from '#lib/kube/client.ts'
import { endpointSlices } from '#lib/kube/kinds.ts'
import { clusterState } from '#test/kit/cluster-state.ts'
import { apiserverAt, fleetWith, grantFor, requestBy } from '#test/kit/joining.ts'
import { placeOf, steppedKube } from '#test/kit/stepped-kube.ts'
import type { Turn, World } from '#test/kit/two-brokers.ts'
import { controllers, ids, iso, put, worldOf } from '#test/kit/two-brokers.ts'
import { reservedMs } from './reservations.ts'
import { joinsRuns } from './run.ts'

const [who, block, which] = [fc.nat(ids.length - 1), fc.nat(1), fc.constantFrom(...controllers)]
const about = (weight: number, what: Extract<Turn, { readonly who: number }>['do']) => ({
  weight,
  arbitrary: fc.record({ do: fc.constant(what), who, block }),
})
const of = (weight: number, what: Extract<Turn, { readonly which: number }>['do']) => ({
  weight,
  arbitrary: fc.record({ do: fc.constant(what), which }),
})
const event: fc.Arbitrary<Turn> = fc.oneof(
  about(6, 'ask'),
  about(1, 'take back'),
  about(4, 'see to'),
  about(2, 'remove'),
  about(1, 'lose keys'),
  of(3, 'step'),
  of(3, 'to the Fleet'),
  of(3, 'to a Member'),
  of(6, 'run'),
  of(2, 'lose'),
  of(1, 'restart'),
  { weight: 2, arbitrary: fc.record({ do: fc.constant('land' as const), nth: fc.nat(1) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.constantFrom(1000, 55_000, 130_000, 310_000) }) },
)

suite('joining, whatever the interleaving', function () {
  this.timeout(120_000)

  const never = async (skewMs: number, drainSeconds: number) => {
    await fc.assert(
      fc.asyncProperty(fc.array(event, { maxLength: 60, size: 'max' }), async (events) => {
        const world = worldOf(skewMs, drainSeconds)
        try {
          for (const event of events) {
            await world.happens(event)
            world.check(skewMs === 0)
          }
        } finally {
          world.end()
        }
      }),
      { numRuns: 300 },
    )
  }

  test('no two members ever have the same addresses, and none those of one that has just left', () => never(0, 300))
  test('nor where what a member gives up does not drain', () => never(0, 0))
  test('nor where the controllers differ in the time of day', () => never(toleratedSkewMs, 300))

  /** `ask 0 1`: the first cluster asks for the second block. `run 0`, `wait 90000`, `land`. */
  async function plays(world: World, ...lines: readonly string[]): Promise<void> {
    for (const line of lines) {
      const [, what = '', x = '0', y = '0'] = /^(.*?)(?: (\d+))?(?: (\d+))?$/.exec(line) ?? []
      const [n, block] = [Number(x), Number(y)]
      await world.happens({ do: what, who: n, which: n, nth: n, ms: n, block } as unknown as Turn)
      world.check(true)
    }
  }
  const asked = ['ask 0 0', 'ask 1 1', 'ask 2 2']

  test('who asks is let in when nothing goes wrong: the Fleet is written once before, once after, and nothing stays reserved', async () => {
    const world = worldOf(0, 300)
    await plays(world, ...asked, 'run 0')
    assert.deepEqual(world.reserved(), ['a', 'b', 'c'])
    await plays(world, 'see to 0', 'see to 1', 'see to 2', 'run 0', 'run 0')
    assert.deepEqual([world.states(), world.reserved(), world.fleetWrites()], ['a Admitted, b Admitted, c Admitted', [], 2])
    world.end()
  })

  test('a controller that was stopped before it reserved judges anew, as another has reserved meanwhile', async () => {
    const world = worldOf(0, 300)
    await plays(world, 'ask 1 0', 'to the Fleet 0', 'ask 0 0', 'to a Member 1', 'run 0')
    assert.deepEqual([world.members(), world.states(), world.reserved()], [[], 'a , b ', ['a']])
    await plays(world, 'run 0', 'run 1', 'run 1')
    assert.deepEqual([world.members(), world.states()], [['a'], 'a Pending, b Refused'])
    world.end()
  })

  test('wherever a controller is stopped while another lets somebody in, it does not let in an overlap', async () => {
    for (const steps of Array.from({ length: 8 }, (_, n) => n)) {
      const world = worldOf(0, 300)
      await plays(world, 'ask 1 0', ...Array.from({ length: steps }, () => 'step 0'))
      await plays(world, 'ask 0 0', 'run 1', 'see to 0', 'run 1', 'ask 1 0', 'run 0', 'run 0', 'run 1')
      assert.equal(world.members().length, 1, `after ${steps} steps`)
      world.end()
    }
  })

  test('a controller that was stopped for too long after it reserved writes no Member any more', async () => {
    const world = worldOf(0, 300)
    await plays(world, ...asked, 'to the Fleet 0', 'wait 61000', 'run 0')
    assert.deepEqual([world.members(), world.reserved()], [[], ['a', 'b', 'c']])
    await plays(world, 'run 0', 'to a Member 0', 'step 0')
    assert.deepEqual(world.members(), ['a', 'b', 'c'])
    world.end()
    const other = worldOf(0, 300)
    await plays(other, ...asked, 'to a Member 0', 'step 0', 'wait 61000', 'run 0')
    assert.deepEqual(other.members(), ['a'])
    other.end()
  })

  for (const skewMs of [0, toleratedSkewMs])
    test(`a Member that was never answered keeps its addresses until it cannot come any more, by a clock ${skewMs / 1000} s ahead too`, async () => {
      for (const comes of [true, false]) {
        const world = worldOf(skewMs, 300)
        await plays(
          world,
          'ask 0 0',
          'to a Member 0',
          'lose 0',
          'take back 0',
          'ask 1 0',
          'run 0',
          'run 1',
          'wait 200000',
          'run 1',
        )
        assert.deepEqual([world.members(), world.states()], [[], 'b Pending'])
        await plays(world, ...(comes ? ['land 0'] : ['forget']), `wait ${reservedMs - 200_000}`, 'run 1')
        assert.deepEqual([world.members(), world.states()], comes ? [['a'], 'b Refused'] : [['b'], 'b Pending'])
        world.end()
      }
    })

  test('a Member that comes late undoes nothing that another controller has decided since', async () => {
    // The cluster has moved meanwhile, and another has what it left.
    const world = worldOf(0, 0)
    await plays(world, 'ask 0 0', 'to a Member 0', 'ask 0 1', 'run 1', 'see to 0', 'run 1', 'step 0', 'run 0')
    assert.deepEqual(world.podsOf('a'), ['10.2.0.0/15'])
    world.end()
    // It has left meanwhile.
    const other = worldOf(0, 0)
    await plays(other, 'ask 0 0', 'to a Member 0', 'run 1', 'see to 0', 'run 1', 'remove 0', 'run 1', 'see to 0', 'take back 0')
    await plays(other, 'wait 130000', 'ask 1 0', 'run 1')
    assert.deepEqual([other.members(), other.states()], [[], 'b Pending'])
    await plays(other, 'step 0', 'run 1')
    assert.deepEqual([other.members(), other.states()], [['a'], 'b Refused'])
    other.end()
  })

  test('an apiserver whose Fleet knows no reservations lets nobody in, and is told', async () => {
    const state = clusterState()
    put(state, fleetKind, fleetWith())
    put(state, endpointSlices, apiserverAt('192.0.2.1'))
    const [one] = ids
    assert.ok(one !== undefined)
    put(state, joinGrant, grantFor(one, { expiresAt: iso(Date.now() + 900_000) }))
    put(state, joinRequest, requestBy(one))
    const kube = steppedKube(state, [], () => undefined)
    const older: Kube['apply'] = (kind, object, options, signal) =>
      kube.apply(kind, { ...object, ...(kind.kind === 'Fleet' ? { status: { observedGeneration: 1 } } : {}) }, options, signal)
    const run = joinsRuns({
      kube: { ...kube, apply: older },
      placed: () => new Set(['a']),
      resolve: () => Promise.resolve(new Map()),
      clock: { now: () => new Date(), monotonicMs: () => performance.now() },
    })
    await assert.rejects(run(new AbortController().signal), /knows no reservations.*deploy-broker/)
    assert.deepEqual(state.list(placeOf(memberKind, {}).resource, ''), [])
  })
})
