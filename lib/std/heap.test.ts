import assert from 'node:assert/strict'
import fc from 'fast-check'
import { heap } from './heap.ts'

suite('heap', () => {
  test('gives the smallest first, however pushes and pops are mixed', () => {
    fc.assert(
      fc.property(fc.array(fc.option(fc.integer())), (ops) => {
        const model: number[] = []
        const tried = heap<number>((value) => value)
        for (const op of ops) {
          model.sort((a, b) => a - b)
          assert.equal(tried.peek(), model[0])
          if (op === null) assert.equal(tried.pop(), model.shift())
          else {
            model.push(op)
            tried.push(op)
          }
          assert.equal(tried.size, model.length)
        }
      }),
    )
  })
})
