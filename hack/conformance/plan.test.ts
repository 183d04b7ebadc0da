import assert from 'node:assert/strict'
import { explain } from '#lib/std/result.ts'
import type { Asked } from './plan.ts'
import { argsOf, planOf } from './plan.ts'

const checkout = '/src/mcs-api'
const accepted = (asked: Asked) => {
  const plan = planOf(asked)
  assert.ok(plan.ok, plan.ok ? '' : explain(plan.error))
  return plan.value
}

suite('what the conformance tool is asked for', () => {
  test('with the suite alone it makes two clusters, and keeps no report', () => {
    assert.deepEqual(accepted({ suite: checkout }), { suite: checkout, on: { kind: 'rig' }, reports: [], focus: undefined })
  })

  test('paths hold wherever the suite runs', () => {
    const {
      suite: where,
      on,
      reports,
    } = accepted({
      suite: 'mcs-api',
      contexts: 'east, west',
      kubeconfig: 'clusters.yaml',
      report: ['out/report.yaml', 'report.html'],
    })
    const here = process.cwd()
    assert.equal(where, `${here}/mcs-api`)
    assert.deepEqual(on, { kind: 'contexts', names: ['east', 'west'], kubeconfig: `${here}/clusters.yaml` })
    assert.deepEqual(reports, [
      { file: `${here}/out/report.yaml`, format: 'yaml' },
      { file: `${here}/report.html`, format: 'html' },
    ])
  })

  const refused: readonly (readonly [string, Asked, RegExp])[] = [
    ['no suite says where to get one', {}, /--suite.*git clone/],
    ['one context', { suite: checkout, contexts: 'east' }, /--contexts: "east".*two different contexts/],
    ['the same context twice', { suite: checkout, contexts: 'east,east' }, /two different contexts/],
    ['a context without a name', { suite: checkout, contexts: 'east,' }, /two different contexts/],
    ['a kubeconfig that nothing is chosen from', { suite: checkout, kubeconfig: 'k' }, /--kubeconfig: "k".*also --contexts/],
    [
      'a report of a format that the suite has not',
      { suite: checkout, report: ['report.json'] },
      /"report.json".*\.yaml or \.html/,
    ],
  ]
  for (const [what, asked, says] of refused)
    test(`${what} is refused with what would be right`, () => {
      const plan = planOf(asked)
      assert.ok(!plan.ok)
      assert.match(explain(plan.error), says)
    })

  test('the suite gets the clusters, what is in them, and which specs', () => {
    assert.deepEqual(argsOf({ names: ['east', 'west'], kubeconfig: '/k' }, '0.1.0', 'DNS SRV'), [
      '-contexts=east,west',
      '-kubeconfig=/k',
      '-project=Tombolo',
      '-version=0.1.0',
      '-ginkgo.v',
      '-ginkgo.no-color',
      '-ginkgo.focus=DNS SRV',
    ])
    assert.equal(argsOf({ names: ['east', 'west'], kubeconfig: undefined }, '0.1.0', undefined).length, 5)
  })
})
