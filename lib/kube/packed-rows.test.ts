import assert from 'node:assert/strict'
import fc from 'fast-check'
import { received } from './client.ts'
import type { EndpointSlice } from './kinds.ts'
import { endpointSlices } from './kinds.ts'
import { pack, packRows, unpack } from './packed-rows.ts'

const field = fc.constantFrom('addresses', 'conditions', 'zone', '__proto__', 'x')
/** As JSON makes it: `__proto__` is a field like any other. */
const parsed = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T
const value = fc.oneof(fc.constantFrom('a', 'b', null, 1, '1'), fc.jsonValue())
const row = fc.array(fc.tuple(field, value)).map((entries) => parsed(Object.fromEntries(entries)))

const sliceOf = (count: number): EndpointSlice => ({
  apiVersion: 'discovery.k8s.io/v1',
  kind: 'EndpointSlice',
  metadata: { name: 'web-1', namespace: 'shop' },
  addressType: 'IPv4',
  endpoints: Array.from({ length: count }, (_, i) => ({
    addresses: [`10.1.${i >> 8}.${i & 255}`],
    conditions: { ready: i % 10 > 0, serving: true, terminating: false },
  })),
})

suite('packed rows', () => {
  test('are, once unpacked, what they were', () => {
    fc.assert(
      fc.property(fc.array(row), (rows) => {
        assert.deepEqual(unpack(pack(rows)), rows)
      }),
      { numRuns: 1000 },
    )
  })

  test('are in their place for whoever reads, copies, writes or compares the object', () => {
    const [slice, same] = [received({ ...endpointSlices, rows: ['endpoints'] }, sliceOf(100)), sliceOf(100)]
    assert.deepEqual(slice.endpoints, same.endpoints)
    assert.deepEqual(Object.entries({ ...slice }), Object.entries(same))
    assert.equal(JSON.stringify(slice), JSON.stringify(same))
    assert.equal(slice.endpoints, slice.endpoints)
  })

  test('take less than a third of their text where they repeat one another', () => {
    const rows = sliceOf(100).endpoints as unknown as Record<string, unknown>[]
    assert.ok(pack(rows).length * 3 < JSON.stringify(rows).length, `${pack(rows).length} of ${JSON.stringify(rows).length}`)
  })

  test('are left alone where they are more, or have more fields, than are meant to be', () => {
    const isPacked = (endpoints: readonly object[]) => {
      const object = { endpoints }
      packRows(object, ['endpoints'])
      assert.deepEqual(object.endpoints, endpoints)
      return Object.getOwnPropertyDescriptor(object, 'endpoints')?.get !== undefined
    }
    const eachItsOwn = (count: number) => Array.from({ length: count }, (_, i) => ({ [`f${i}`]: i }))
    assert.deepEqual([64, 65, 5000].map(eachItsOwn).map(isPacked), [true, false, false])
    const alike = (count: number) => Array.from({ length: count }, () => ({ ready: true }))
    assert.deepEqual([5000, 5001].map(alike).map(isPacked), [true, false])
  })

  test('are left alone where there are none, whatever is there', () => {
    const at = (spec: unknown) => {
      const object = { spec }
      packRows(object, ['spec', 'endpoints'])
      return object.spec
    }
    for (const spec of [undefined, null, 'text', [], {}, { endpoints: null }, { endpoints: 'x' }, { endpoints: [1, [], null] }])
      assert.deepEqual(at(structuredClone(spec)), spec)
  })
})
