import assert from 'node:assert/strict'
import { countsOf, linesOf, parseReport, verdictOf } from './report.ts'

type Marks = { readonly passed?: true; readonly failed?: true; readonly skipped?: true; readonly message?: string }
const passed = { passed: true } as const
const violated = { message: ' - the ServiceImport still exists' }
const unknown = { failed: true, message: ' - Error retrieving the local Service' } as const
const skipped = { skipped: true } as const

/** As report.go of the suite encodes it. */
const reportOf = (groups: Readonly<Record<string, readonly Marks[]>>, failure = '') => `groups:${Object.entries(groups)
  .map(
    ([name, tests]) => `
    - name: ${name}
      tests:${tests
        .map(
          ({ passed = false, failed = false, skipped = false, message = '' }, i) => `
        - desc: ${name} ${i + 1}
          ref: https://github.com/kubernetes/enhancements
          labels: [ClusterIP]
          passed: ${passed}
          failed: ${failed}
          skipped: ${skipped}
          conformant: ${passed || failed || skipped}
          message: '${message}'`,
        )
        .join('')}`,
  )
  .join('')}${Object.keys(groups).length === 0 ? ' []' : ''}
suitefailure: '${failure}'
dnsdomain: clusterset.local
passed: 0
total: 0
implementation:
    organization: ""
    project: Tombolo
    version: 0.1.0
    url: ""
`

const read = (text: string) => {
  const report = parseReport(text)
  assert.ok(report.ok)
  return report.value
}

suite('the report of the conformance suite', () => {
  const cases: readonly (readonly [string, string, ReturnType<typeof verdictOf>, readonly string[]])[] = [
    [
      'all passed',
      reportOf({ Required: [passed, passed], Optional: [passed] }),
      'passed',
      ['passed: 2 of 2 Required, 1 of 1 Optional'],
    ],
    [
      'what nobody chose is only counted',
      reportOf({ Required: [passed, skipped], Optional: [skipped] }),
      'passed',
      ['passed: 1 of 2 Required, 0 of 1 Optional; 2 were not chosen'],
    ],
    [
      'each that did not pass is told with its reason, and one violation fails it',
      reportOf({ Required: [violated, passed], Optional: [unknown, { ...skipped, message: ' - at least 2 clusters' }] }),
      'failed',
      [
        'passed: 1 of 2 Required, 0 of 2 Optional',
        'violated (Required): Required 1: the ServiceImport still exists',
        'unknown (Optional): Optional 1: Error retrieving the local Service',
        'left out (Optional): Optional 2: at least 2 clusters',
      ],
    ],
    ['nothing ran', reportOf({ Required: [skipped] }), 'nothing', ['passed: 0 of 1 Required; 1 were not chosen']],
    [
      'a suite that could not begin',
      reportOf({ Required: [skipped] }, 'error listing ServiceExports'),
      'failed',
      ['no spec could run: error listing ServiceExports'],
    ],
  ]
  for (const [what, text, verdict, lines] of cases)
    test(what, () => {
      const report = read(text)
      assert.equal(verdictOf(report, verdict === 'failed' ? 1 : 0), verdict)
      assert.deepEqual(linesOf(report), lines)
      assert.equal(report.version, '0.1.0')
    })

  test('without groups nothing ran', () => {
    const report = read(reportOf({}))
    assert.equal(verdictOf(report, 0), 'nothing')
    assert.equal(countsOf(report), '')
  })

  test('a suite that ends badly has failed, whatever its specs say', () => {
    const report = read(reportOf({ Required: [passed] }))
    for (const code of [1, undefined]) assert.equal(verdictOf(report, code), 'failed')
  })

  test('another file than a report is refused', () => {
    for (const text of ['', 'kind: Service', 'groups: 7']) assert.ok(!parseReport(text).ok, text)
  })
})
