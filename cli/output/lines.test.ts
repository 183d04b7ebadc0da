import assert from 'node:assert/strict'
import { renderLines } from './lines.ts'

suite('lines for people', () => {
  test('say the same with and without colour, which is of the sign alone', () => {
    const lines = [{ text: '✗ broken', tone: 'bad' as const }, { text: '    mend it' }]
    assert.equal(renderLines(lines, false), '✗ broken\n    mend it')
    assert.equal(renderLines(lines, true), '\x1b[31m✗\x1b[39m broken\n    mend it')
  })

  test('cannot be made to speak to the terminal by what another cluster wrote', () =>
    assert.equal(renderLines([{ text: '✗ \x1b[2Jevil\nline' }], false), '✗ \\x1b[2Jevil line'))
})
