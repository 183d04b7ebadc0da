import assert from 'node:assert/strict'
import { Crossing, crossingMs } from './crossing.ts'

/** By type and by the number of its sender, as WireGuard writes it. */
const message = (type: number, sender: number): Buffer => Buffer.from([type, 0, 0, 0, sender, 0, 0, 0])
const begin = (sender: number) => message(1, sender)
const answer = (sender: number) => message(2, sender)
const data = (sender: number) => message(4, sender)

suite('handshakes that cross', () => {
  test('one of the two is answered, whichever was sent first', () => {
    for (const [first, second] of [
      [0, 30],
      [30, 0],
    ] as const) {
      const [east, west] = [new Crossing(), new Crossing()]
      east.sent(begin(7), first)
      west.sent(begin(9), second)
      assert.deepEqual([east.takes(begin(9), 60), west.takes(begin(7), 60)], [false, true])
    }
  })

  test('what does not cross is taken: alone, after an answer, or when ours was lost', () => {
    const east = new Crossing()
    assert.ok(east.takes(begin(9), 0))
    east.sent(begin(7), 100)
    assert.ok(east.takes(answer(9), 150))
    assert.ok(east.takes(begin(9), 160))
    east.sent(begin(8), 200)
    assert.ok(!east.takes(begin(9), 199 + crossingMs))
    assert.ok(east.takes(begin(9), 200 + crossingMs))
  })

  test('all else passes meanwhile, also what is empty', () => {
    const east = new Crossing()
    east.sent(begin(7), 0)
    assert.ok(east.takes(data(9), 1))
    assert.ok(east.takes(Buffer.alloc(0), 1))
    assert.ok(!east.takes(begin(9), 2))
  })

  test('the message is kept as it was, whatever becomes of where it lay', () => {
    const east = new Crossing()
    const lying = begin(7)
    east.sent(lying, 0)
    lying.fill(0xff)
    assert.ok(!east.takes(begin(9), 1))
  })
})
