import assert from 'node:assert/strict'
import type { GatewayEndpoint } from '#crds/gateway-endpoint.ts'
import type { MemberView } from '#fleet/snapshot.ts'
import { gatewayOf, goodSnapshot } from '#test/kit/snapshot.ts'
import { changed, pairsOf, unanswered } from './pairs.ts'

type Word = { readonly id: string; readonly next?: string }
const [old, next] = ['1'.repeat(32), '2'.repeat(32)]

function seen(east: Word | undefined, west: Word | undefined): MemberView {
  const { member } = goodSnapshot
  assert.ok(member !== undefined)
  const saying = (clusterID: 'east' | 'west', to: string, word: Word | undefined): GatewayEndpoint => {
    const made = gatewayOf(clusterID, { state: 'Connected' }, { role: 'Active' })
    const pairKeys = word === undefined ? [] : [{ clusterID: to, ...word }]
    return { ...made, spec: { ...made.spec, wireguard: { ...made.spec.wireguard, pairKeys } } } as GatewayEndpoint
  }
  return { ...member, gateways: [saying('east', 'west', east), saying('west', 'east', west)] }
}

suite('changing the keys of pairs, as a person waits for it', () => {
  const before = new Map([['west', old]])
  const rows: readonly (readonly [string, Word, Word | undefined, RegExp | undefined])[] = [
    ['nothing has begun', { id: old }, { id: old }, /^west: the operator has not seen it yet$/],
    ['they do not hold the next', { id: old, next }, { id: old }, /^west: the gateway on \S+ of west does not say yet/],
    ['all hold the next', { id: old, next }, { id: old, next }, /all gateways hold the next key, and turn to it/],
    ['ours use another', { id: next }, { id: old, next }, undefined],
    [
      'they announce no key, and none is begun',
      { id: old },
      undefined,
      /^west: not begun: no key .* by the gateway on \S+ of west$/,
    ],
    ['they say nothing at all', { id: old, next }, undefined, /of west does not say yet/],
  ]
  for (const [when, east, west, waiting] of rows)
    test(`${waiting === undefined ? 'is done' : 'waits'} when ${when}`, () => {
      const probe = changed(seen(east, west), before)
      if (waiting === undefined) assert.deepEqual(probe, { done: undefined })
      else assert.match('waiting' in probe ? probe.waiting : '', waiting)
    })

  test('a pair without a key has nothing to change', () => {
    assert.deepEqual(pairsOf(seen(undefined, undefined)), new Map())
    assert.deepEqual(pairsOf(seen({ id: old }, { id: old })), before)
    assert.deepEqual(changed(seen(undefined, undefined), new Map()), { done: undefined })
  })

  test('a key that the other cluster does not announce is not waited for, and named', () => {
    assert.deepEqual(pairsOf(seen({ id: old }, undefined)), new Map())
    assert.deepEqual(unanswered(seen({ id: old }, undefined)), ['west'])
    assert.deepEqual(unanswered(seen({ id: old }, { id: old })), [])
    assert.deepEqual(unanswered(seen(undefined, undefined)), [])
  })
})
