import assert from 'node:assert/strict'
import fc from 'fast-check'
import { lastFew } from './last-few.ts'

suite('the last few answers', () => {
  test('are given again, and each is the right one', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom('a', 'b', 'c', 'd')), fc.integer({ min: 1, max: 4 }), (texts, most) => {
        const asked: string[] = []
        const ask = lastFew(most, (text: string) => {
          asked.push(text)
          return { text }
        })
        let last: string[] = []
        for (const text of texts) {
          const before = asked.length
          assert.equal(ask(text).text, text)
          assert.equal(asked.length - before, last.includes(text) ? 0 : 1)
          last = [...last.filter((other) => other !== text), text].slice(-most)
        }
      }),
    )
  })
})
