import assert from 'node:assert/strict'
import type { RefusedToken } from './refused-token.ts'
import { whyRefused } from './refused-token.ts'

const seen: RefusedToken = {
  clusterID: 'east',
  expiresAt: new Date('2030-01-01T00:15:00Z'),
  taken: false,
  now: new Date('2030-01-01T00:10:00Z'),
}
const late = new Date('2030-01-01T00:15:00Z')
const cases: readonly (readonly [string, Partial<RefusedToken>, RegExp])[] = [
  ['a grant whose time is over expired', { now: late }, /^The grant for "east" expired at 2030-01-01T00:15:00\.000Z\./],
  ['one that would be good for longer was taken back', {}, /^The grant for "east" would be good until .*, and was taken back/],
  [
    'one that was taken a moment ago was taken back',
    { taken: true },
    /^The grant for "east" was taken back while it was asked for\./,
  ],
  [
    'also where its time is over meanwhile, as who waits for approval may',
    { taken: true, now: late },
    /taken back while it was asked/,
  ],
  [
    'a member, which has none, was revoked or away',
    { expiresAt: undefined },
    /^The broker does not take the token of "east" any more: it was revoked/,
  ],
]

suite('a token that the broker does not take', () => {
  for (const [name, is, says] of cases)
    test(name, () => {
      const why = whyRefused({ ...seen, ...is })
      assert.match(why.says, says)
      assert.match(why.remedy, /tombolo grant create east/)
    })
})
