import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { tarball } from './tar.ts'

suite('an archive', () => {
  const long = `${'d'.repeat(90)}/${'e'.repeat(90)}.txt`
  const files = [
    { path: 'a.txt', text: 'hällo\n' },
    { path: long, text: 'x'.repeat(512) },
    { path: 'empty', text: '' },
  ]
  const archive = tarball(files, new Date('2026-11-25T20:00:00Z'))

  test('is what tar reads', () => {
    const list = spawnSync('tar', ['-tzvf', '-', '--utc'], { input: archive, encoding: 'utf8' })
    assert.equal(list.stderr, '')
    assert.deepEqual(
      list.stdout
        .trim()
        .split('\n')
        .map((line) => line.split(/\s+/)),
      files.map(({ path, text }) => ['-rw-------', '0/0', String(Buffer.byteLength(text)), '2026-11-25', '20:00', path]),
    )
    for (const { path, text } of files)
      assert.equal(spawnSync('tar', ['-xzOf', '-', path], { input: archive, encoding: 'utf8' }).stdout, text)
  })

  test('refuses a path that does not fit, rather than cut it', () => {
    assert.throws(() => tarball([{ path: 'x'.repeat(101), text: '' }], new Date(0)), /too long/)
  })
})
