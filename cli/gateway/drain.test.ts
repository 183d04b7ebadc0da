import assert from 'node:assert/strict'
import type { GatewayEndpoint } from '#crds/gateway-endpoint.ts'
import type { NodeFact } from '#fleet/facts/platform.ts'
import type { MemberView, Snapshot } from '#fleet/snapshot.ts'
import { conditionOf, gatewayOf, goodSnapshot } from '#test/kit/snapshot.ts'
import { drained, gatewayNode, objection } from './drain.ts'

type Change = Partial<NodeFact> & {
  readonly role?: 'Active' | 'Standby'
  readonly state?: string
  readonly reaches?: boolean
  readonly runs?: boolean
}

/** East with two gateways, of which east-1 leads. */
function seen(first: Change = {}, second: Change = {}): { readonly snapshot: Snapshot; readonly member: MemberView } {
  const { platform, ...rest } = goodSnapshot
  const { member } = rest
  assert.ok(member !== undefined)
  const gateways = [first, second].map(({ role, state, reaches }, i): GatewayEndpoint => {
    const electable = state === undefined ? [] : [conditionOf('Electable', 'False', '', state)]
    const made = gatewayOf(
      'east',
      { state: reaches === false ? 'Error' : 'Connected' },
      { role: role ?? (i === 0 ? 'Active' : 'Standby'), conditions: electable },
    )
    return { ...made, metadata: { ...made.metadata, name: `gw-east-${i + 1}` }, spec: { ...made.spec, node: `east-${i + 1}` } }
  })
  const nodes = platform.nodes.map((node, i) => {
    const { gateway = true, drained = false } = i === 0 ? first : second
    return { ...node, gateway, drained }
  })
  const running = ['east-1', 'east-2'].filter((_, i) => (i === 0 ? first : second).runs !== false)
  const others = member.gateways.filter((g) => g.spec.clusterID !== 'east')
  const view = { ...member, gateways: [...gateways, ...others], running }
  return { snapshot: { ...rest, platform: { ...platform, nodes }, member: view }, member: view }
}
const against = (...changes: readonly Change[]) => {
  const { snapshot, member } = seen(...changes)
  return objection(member, snapshot, 'east-1', 'east')
}

suite('draining a gateway', () => {
  test('is refused for a node that there is not, and for one that is no gateway, and says which are', () => {
    const { snapshot } = seen({}, { gateway: false })
    assert.match(gatewayNode(snapshot, 'east-9', 'east')?.message ?? '', /no node "east-9" in context "east"/)
    assert.match(gatewayNode(snapshot, 'east-2', 'east')?.message ?? '', /no gateway: it has no label tombolo\.dev\/gateway=true/)
    assert.match(gatewayNode(snapshot, 'east-2', 'east')?.remedy ?? '', /Gateways are on east-1/)
    assert.equal(gatewayNode(snapshot, 'east-1', 'east'), undefined)
  })

  const cases: readonly (readonly [string, readonly Change[], RegExp | undefined])[] = [
    ['goes where another one can take over', [], undefined],
    ['is refused of the only one', [{}, { gateway: false }], /No other gateway of "east" can take over/],
    ['is refused where the other was drained', [{}, { drained: true }], /No other gateway/],
    ['is refused where the other does not run', [{}, { runs: false }], /No other gateway/],
    [
      'is refused where the other does not reach what this one does',
      [{}, { reaches: false }],
      /^west is reached by "east-1" alone/,
    ],
    ['goes where neither does', [{ reaches: false }, { reaches: false }], undefined],
    [
      'goes of one that does not lead, whatever the others reach',
      [{ role: 'Standby' }, { role: 'Active', reaches: false }],
      undefined,
    ],
  ]
  for (const [name, changes, says] of cases)
    test(name, () => {
      const problem = against(...changes)
      if (says === undefined) assert.equal(problem, undefined)
      else {
        assert.match(problem?.message ?? '', says)
        assert.match(problem?.remedy ?? '', /--force/)
      }
    })

  const ends: readonly (readonly [string, readonly Change[], boolean, string])[] = [
    ['not before its gateway has seen it', [], true, 'east-1 has not seen it yet'],
    ['not before another one leads', [{ state: 'Drained' }], true, 'leads until another'],
    ['not while both say that they lead', [{ state: 'Drained' }, { role: 'Active' }], true, 'leads until another'],
    ['when another one leads', [{ state: 'Drained', role: 'Standby' }, { role: 'Active' }], true, 'east-2'],
    ['at once where none can', [{ state: 'Drained' }], false, 'east-1'],
    ['at once where its gateway does not run', [{ runs: false }, { role: 'Active' }], true, 'east-2'],
  ]
  for (const [name, changes, handsOver, says] of ends)
    test(`is done ${name}`, () => {
      const probe = drained(seen(...changes).member, 'east-1', handsOver)
      if ('done' in probe) assert.equal(probe.done?.spec.node, says)
      else assert.match(probe.waiting, new RegExp(says))
    })
})
