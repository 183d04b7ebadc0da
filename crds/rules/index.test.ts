import assert from 'node:assert/strict'
import { cases, hostile } from '#test/kit/admission-cases.ts'
import { brokerController } from './account.ts'
import { evaluate, policies } from './index.ts'
import { applies } from './policy.ts'

suite('the rules', () => {
  test(`T4, T5, T7: judge all ${cases.length} cases, hostile addresses among them, as the table says, by the rule that it names`, () => {
    assert.ok(cases.length >= 300)
    assert.ok(new Set(Object.values(hostile).flat()).size >= 200)
    const wrong = cases.flatMap(({ name, review, rule }) => {
      const verdict = evaluate(review)
      const said = verdict.allowed ? undefined : verdict.rule
      return said === rule ? [] : [{ name, said, rule }]
    })
    assert.deepEqual(wrong, [])
  })

  test('no two policies refuse one write, so that it does not matter which is asked first', () => {
    for (const { name, review } of cases) {
      const refusing = policies.filter(
        (policy) =>
          applies(policy, review.request) &&
          ((policy.allocation && review.params === undefined) || policy.rules.some((rule) => !rule.holds(review))),
      )
      assert.ok(refusing.length <= 1, `${name}: ${refusing.map((p) => p.name).join(', ')}`)
    }
  })

  test('the broker controller removes what is its own by its name, and never a collection', () => {
    const deletes = cases.filter(
      ({ review: { request } }) => request.operation === 'DELETE' && brokerController.includes(request),
    )
    const verdicts = (called: (name: string) => string) =>
      new Set(
        deletes.map(({ review }) => {
          const { request } = review
          return evaluate({ ...review, request: { ...request, name: called(request.name) } }).allowed
        }),
      )
    assert.deepEqual([verdicts((name) => name).size, verdicts(() => '')], [2, new Set([false])])
  })

  test('every rule refuses something', () => {
    const named = new Set(cases.map(({ rule }) => rule))
    const idle = policies.flatMap(({ name, rules }) => rules.filter((r) => !named.has(r.name)).map((r) => `${name}: ${r.name}`))
    assert.deepEqual(idle, [])
  })

  test('judged as an update of itself, as whoever imports judges, nothing is let through that could not be made but a name that is no number', () => {
    const ofAMember = new Set(['gatewayendpoints', 'exportedservices', 'exportedendpoints'])
    const skipped = cases.flatMap(({ review, rule }) => {
      const { request, object } = review
      if (rule === undefined || request.operation !== 'CREATE' || !ofAMember.has(request.resource)) return []
      const imported = evaluate({ ...review, request: { ...request, operation: 'UPDATE' }, oldObject: object })
      return imported.allowed ? [rule] : []
    })
    assert.deepEqual([...new Set(skipped)], ['numbered'])
  })
})
