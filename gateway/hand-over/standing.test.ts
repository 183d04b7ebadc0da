import assert from 'node:assert/strict'
import type { Standing, StandingFacts } from './standing.ts'
import { dutyOf, outranks, standingOf } from './standing.ts'

const facts = (change: Partial<StandingFacts> = {}): StandingFacts => ({
  ...{ duty: 'Full', ends: false, leads: false, connecting: false },
  ...change,
})

suite('whether a gateway would lead', () => {
  const cases: readonly (readonly [string, StandingFacts, Standing])[] = [
    ['one that is well', facts(), 'Ready'],
    ['one that was drained', facts({ duty: 'Drained', leads: true }), 'Never'],
    ['one that ends', facts({ ends: true, leads: true }), 'Never'],
    ['one whose node is cordoned', facts({ duty: 'Cordoned' }), 'Reserve'],
    ['one whose cables come about', facts({ connecting: true }), 'NotYet'],
    ['one in the lead that got a new peer', facts({ connecting: true, leads: true }), 'Ready'],
  ]
  for (const [name, given, standing] of cases) test(`${name}: ${standing}`, () => assert.equal(standingOf(given), standing))

  test('is asked of its Node: drained by a label of ours, cordoned as with kubectl', () => {
    const node = (labels: Record<string, string>, unschedulable: boolean) =>
      dutyOf({ metadata: { name: 'n1', labels }, spec: { unschedulable } })
    const label = { 'tombolo.dev/gateway-drained': 'true' }
    assert.deepEqual(
      [node({}, false), node({}, true), node(label, true), node(label, false)],
      ['Full', 'Cordoned', 'Drained', 'Drained'],
    )
  })

  test('the lead is taken only by one that would rather: of two alike it stays where it is', () => {
    const order: readonly Standing[] = ['Ready', 'Reserve', 'Never']
    for (const [i, standby] of order.entries())
      for (const [j, leader] of order.entries()) assert.equal(outranks(standby, leader), i < j, `${standby} from ${leader}`)
    assert.ok(order.every((leader) => !outranks('NotYet', leader)))
  })
})
