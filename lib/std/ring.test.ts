import assert from 'node:assert/strict'
import fc from 'fast-check'
import { ring } from './ring.ts'

suite('ring', () => {
  test('gives back what was pushed, oldest first, however pushes and shifts are mixed', () => {
    fc.assert(
      fc.property(fc.array(fc.option(fc.integer())), (ops) => {
        const [model, tried]: [number[], ReturnType<typeof ring<number>>] = [[], ring<number>()]
        for (const op of ops) {
          if (op === null) assert.equal(tried.shift(), model.shift())
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
