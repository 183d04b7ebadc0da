import assert from 'node:assert/strict'
import fc from 'fast-check'
import { clusterIDPattern } from '#lib/net/cluster-id.ts'
import { exportToOf, importers, isSharedWith, mostExportTo, parseExportTo } from './export-to.ts'

const id = fc.stringMatching(clusterIDPattern)
const annotated = (text: string) => exportToOf({ metadata: { name: 'web', annotations: { 'tombolo.dev/export-to': text } } })

suite('who may import an export', () => {
  test('is every member, unless its annotation names clusters; what it names is in order, each once', () => {
    assert.deepEqual(exportToOf({ metadata: { name: 'web' } }), { ok: true, value: undefined })
    assert.deepEqual(annotated(' west, south,west'), { ok: true, value: ['south', 'west'] })
  })

  for (const [text, part] of [
    ['', ''],
    ['west,', ''],
    ['west;south', 'west;south'],
    ['west,*', '*'],
    ['West', 'West'],
    ['x'.repeat(200_000), 'x'.repeat(64)],
  ] as const)
    test(`is nobody while it names ${JSON.stringify(text.slice(0, 20))}, of which the part that is wrong is told`, () => {
      const read = annotated(text)
      assert.ok(!read.ok)
      assert.deepEqual([read.error.field, read.error.value], ['metadata.annotations["tombolo.dev/export-to"]', part])
      assert.match(read.error.want, /ids of clusters with commas between/)
    })

  test('is no more than a fleet has members', () => {
    const ids = Array.from({ length: mostExportTo + 1 }, (_, i) => `c${i}`)
    assert.ok(parseExportTo(ids.slice(1).join()).ok)
    assert.ok(!parseExportTo(ids.join()).ok)
  })

  test('is whom it names and nobody else, however they are written', () => {
    fc.assert(
      fc.property(fc.array(id, { minLength: 1, maxLength: 6 }), id, fc.constantFrom(',', ', ', ' , '), (ids, other, comma) => {
        const read = parseExportTo(ids.join(comma))
        assert.ok(read.ok)
        assert.deepEqual(read.value, [...new Set(ids)].sort())
        for (const one of [...ids, other])
          assert.equal(isSharedWith({ clusterID: 'the-exporter', exportTo: read.value }, one), ids.includes(one))
      }),
    )
  })

  test('never is by accident: any text is a list of ids, or understood as nothing', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const read = annotated(text)
        assert.ok(!read.ok || read.value?.every((one) => clusterIDPattern.test(one)) === true)
      }),
    )
  })

  test('is always the exporting cluster itself', () => {
    assert.ok(isSharedWith({ clusterID: 'east', exportTo: ['west'] }, 'east'))
    assert.ok(isSharedWith({ clusterID: 'east' }, 'west'))
  })

  test('is told in a few words', () => {
    const many = Array.from({ length: 8 }, (_, i) => `c${i}`)
    assert.deepEqual([undefined, ['west'], ['south', 'west'], many].map(importers), [
      'the other clusters',
      'west',
      'south and west',
      'c0, c1, c2, c3, c4 and 3 more',
    ])
  })
})
