import assert from 'node:assert/strict'
import fc from 'fast-check'
import { FakeTables } from './fake-nft.ts'
import type { NftChain, NftTable } from './nft.ts'
import { chain, digestOf, parseTable, replaceTable } from './nft.ts'

const out = (...rules: string[]) => chain('out', 'filter', 'postrouting', 'filter', rules)
const into = (...rules: string[]) => chain('in', 'filter', 'input', 'filter', rules)
const table = (...chains: readonly NftChain[]): NftTable => ({ name: 't', chains })

const found = (tables: FakeTables) => {
  const text = tables.list('t')
  return text === undefined ? undefined : parseTable('t', text)
}
const bring = (tables: FakeTables, want: NftTable) => {
  for (const script of replaceTable(want, found(tables))) tables.run(script)
}
/** The rules that a packet meets in a chain, in order. */
const met = (tables: FakeTables, name: string): readonly string[] => {
  const lines = new RegExp(`chain ${name.replace('.', '\\.')} \\{\\n([^}]*)\\}`).exec(tables.list('t') ?? '')?.[1] ?? ''
  return lines
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('type '))
    .flatMap((line) => (line.startsWith('jump ') ? met(tables, line.slice('jump '.length)) : [line]))
}

suite('a table of packet filters', () => {
  test('becomes what is wanted, from whatever it was, and is known to be it', () => {
    const rules = fc.uniqueArray(fc.constantFrom('a', 'b', 'c'), { maxLength: 3 })
    const wanted = fc
      .tuple(fc.option(rules), fc.option(rules))
      .map(([o, i]) => table(...(o ? [out(...o)] : []), ...(i ? [into(...i)] : [])))
    fc.assert(
      fc.property(fc.array(wanted, { minLength: 1, maxLength: 5 }), (wants) => {
        const tables = new FakeTables()
        for (const want of wants) {
          bring(tables, want)
          for (const { name, rules: of } of want.chains) assert.deepEqual(met(tables, name), of)
          assert.equal(found(tables)?.chains.length ?? 0, 2 * want.chains.length)
          if (want.chains.length > 0) assert.equal(found(tables)?.digest, digestOf(want))
        }
      }),
    )
  })

  test('a packet meets the old rules or the new; what they ask is made before, and goes after', () => {
    const tables = new FakeTables()
    bring(tables, table(out('old 1', 'old 2')))
    const before = found(tables)?.chains ?? []
    const seen = replaceTable(table(out('new')), found(tables)).map((script) => {
      tables.run(script)
      return [met(tables, 'out'), before.every((name) => found(tables)?.chains.includes(name))]
    })
    assert.deepEqual(seen, [
      [['old 1', 'old 2'], true],
      [['new'], true],
      [['new'], false],
    ])
  })

  test('is never deleted, nor what hooks into the kernel, as packets would be lost', () => {
    const tables = new FakeTables()
    bring(tables, table(out('old')))
    const scripts = replaceTable(table(out('new')), found(tables)).join('')
    assert.doesNotMatch(scripts, /delete table|delete chain inet t out$/m)
  })

  test('one that was left half way is brought to the end, or to another', () => {
    for (const steps of [1, 2])
      for (const rule of ['new', 'another']) {
        const tables = new FakeTables()
        bring(tables, table(out('old')))
        for (const script of replaceTable(table(out('new'), into('new')), found(tables)).slice(0, steps)) tables.run(script)
        assert.equal(found(tables)?.digest, undefined)
        const want = table(out(rule), into(rule))
        bring(tables, want)
        assert.deepEqual([met(tables, 'out'), met(tables, 'in'), found(tables)?.digest], [[rule], [rule], digestOf(want)])
      }
  })

  test('one in which others wrote or flushed is not taken for ours', () => {
    for (const meddle of [
      'flush chain inet t out',
      'add rule inet t out accept',
      'flush chain inet t out\nadd rule inet t out jump other',
    ]) {
      const tables = new FakeTables()
      const want = table(out('new'))
      bring(tables, want)
      tables.run(meddle)
      assert.equal(found(tables)?.digest, undefined, meddle)
      bring(tables, want)
      assert.deepEqual([met(tables, 'out'), found(tables)?.digest], [['new'], digestOf(want)])
    }
  })
})
