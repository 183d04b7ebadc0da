import assert from 'node:assert/strict'
import fc from 'fast-check'
import { chosenRelays, maxRelays } from './relay-set.ts'

const none: ReadonlySet<string> = new Set()
const relays = (...names: readonly string[]) => names.map((name) => ({ name }))
const names = (of: readonly { readonly name: string }[]) => of.map(({ name }) => name).join(' ')

suite('the relays that a gateway is connected to', () => {
  const rows: readonly (readonly [string, readonly string[], readonly string[], readonly string[], string])[] = [
    ['are one of each cluster first', ['a/2', 'a/1', 'b/1', 'c/1', 'd/1', 'e/1'], [], [], 'a/1 b/1 c/1 d/1'],
    ['then a second', ['b/2', 'a/1', 'a/2', 'b/1'], [], [], 'a/1 b/1 a/2 b/2'],
    ['never a third of the same', ['a/1', 'a/2', 'a/3'], [], [], 'a/1 a/2'],
    ['one that is lost gives its place to the next, and is asked on', ['a/1', 'a/2', 'a/3'], ['a/1'], [], 'a/2 a/3 a/1'],
    ['with a whole cluster lost, they are of others', ['a/1', 'a/2', 'b/1', 'c/1'], ['a/1', 'a/2'], [], 'b/1 c/1 a/1 a/2'],
    ['one that a cable uses stays', ['a/1', 'b/1', 'c/1', 'd/1', 'e/1'], [], ['e/1'], 'a/1 b/1 c/1 d/1 e/1'],
    ['of none there are none', [], ['a/1'], ['a/1'], ''],
  ]
  for (const [name, all, lost, used, want] of rows)
    test(name, () => assert.equal(names(chosenRelays(relays(...all), new Set(lost), new Set(used))), want))

  test('two gateways, of whatever clusters, have one in common where there is one of a third cluster among those of three', () => {
    const cluster = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h')
    const all = fc.uniqueArray(fc.tuple(cluster, fc.integer({ min: 1, max: 9 })).map(([id, node]) => `${id}/${node}`))
    fc.assert(
      fc.property(all, cluster, cluster, (there, one, other) => {
        const seenBy = (own: string) => chosenRelays(relays(...there.filter((name) => name[0] !== own)), none, none)
        const [ours, theirs] = [seenBy(one), seenBy(other)]
        assert.ok(ours.length <= maxRelays)
        const third = there.some((name) => name[0] !== one && name[0] !== other)
        if (third)
          assert.ok(
            ours.some(({ name }) => theirs.some((r) => r.name === name)),
            `${names(ours)} | ${names(theirs)}`,
          )
      }),
      { numRuns: 1000 },
    )
  })
})
