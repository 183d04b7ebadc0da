import assert from 'node:assert/strict'
import { parseClusterID } from './cluster-id.ts'

suite('cluster ids', () => {
  for (const id of ['east', 'a', '1-2', 'x'.repeat(53)]) test(`${id} is accepted`, () => assert.ok(parseClusterID(id).ok))
  for (const id of ['', 'East', 'a.b', '-a', 'a-', 'x'.repeat(54), 'a_b', 'a\n']) {
    test(`[mcs 3] ${JSON.stringify(id)} is refused with an example`, () => {
      const parsed = parseClusterID(id)
      assert.ok(!parsed.ok)
      assert.match(parsed.error.want, /"east"/)
    })
  }
})
