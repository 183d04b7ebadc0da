import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Problem } from '#cli/problem.ts'
import { findSuite, imagesNotIn } from './suite.ts'

suite('the conformance suite that is named', () => {
  let folder: string
  setup(() => {
    folder = mkdtempSync(join(tmpdir(), 'tombolo-suite-'))
  })
  teardown(() => rmSync(folder, { recursive: true, force: true }))
  const write = (path: string, text: string, mode = 0o644): string => {
    mkdirSync(join(folder, path, '..'), { recursive: true })
    writeFileSync(join(folder, path), text)
    chmodSync(join(folder, path), mode)
    return join(folder, path)
  }

  test('a checkout is known by the module in its folder conformance, also when that folder is named', () => {
    write('go.mod', 'module sigs.k8s.io/mcs-api\n')
    write('conformance/go.mod', 'module sigs.k8s.io/mcs-api/conformance\n\ngo 1.23.0\n')
    const found = { kind: 'module', path: join(folder, 'conformance') }
    assert.deepEqual(findSuite(folder), found)
    assert.deepEqual(findSuite(join(folder, 'conformance')), found)
  })

  test('a program is taken as it is', () => {
    const path = write('suite', '#!/bin/sh\n', 0o755)
    assert.deepEqual(findSuite(path), { kind: 'program', path })
  })

  test('what is neither is refused, and it is said how to get one', () => {
    const other = write('other/go.mod', 'module example.org/conformance\n')
    const cases: readonly (readonly [string, RegExp])[] = [
      [join(folder, 'gone'), /There is no .*gone/],
      [other, /cannot be run/],
      [join(other, '..'), /no Go module sigs\.k8s\.io\/mcs-api\/conformance/],
    ]
    for (const [path, says] of cases)
      assert.throws(
        () => findSuite(path),
        (error) => error instanceof Problem && error.exitCode === 2 && says.test(error.message) && /git clone/.test(error.remedy),
      )
  })

  test('a suite that asks for other images is known by those that it does not name', () => {
    const program = write('suite', '\0\0alpine/socat:1.7.4.4nicolaka/netshoot:v0.16\0')
    assert.deepEqual(imagesNotIn(program, ['alpine/socat:1.7.4.4', 'nicolaka/netshoot:v0.15']), ['nicolaka/netshoot:v0.15'])
  })
})
