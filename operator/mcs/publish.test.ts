import assert from 'node:assert/strict'
import type { KubeObject } from '#lib/kube/object.ts'
import { marked } from '#lib/kube/plan.ts'
import { constituent, endpoints } from '#test/kit/services.ts'
import { fieldManager } from '../install/install.ts'
import type { Offer } from './export.ts'
import { planPublish } from './publish.ts'

const offer = (...pods: readonly number[]): Offer => ({
  kind: 'offered',
  service: constituent('east'),
  endpoints: pods.map((n) => ({ ...endpoints('east', [n]), metadata: { ...endpoints('east', []).metadata, name: `leaf-${n}` } })),
  remarks: [],
})
/** The offer as the broker holds it. */
const held = (from: Offer): readonly KubeObject[] =>
  (from.kind === 'offered' ? [from.service, ...from.endpoints] : []).map((object) => ({
    ...marked(object, fieldManager),
    metadata: { ...marked(object, fieldManager).metadata, uid: `uid of ${object.metadata.name}` },
  }))
const lines = (from: Offer, have: readonly KubeObject[]) =>
  planPublish(from, have).steps.map((step) =>
    step.do === 'apply'
      ? `put ${step.object.metadata.name.slice(0, 6)}`
      : `${step.do} ${step.kind.kind} ${step.key.name.slice(0, 6)}`,
  )

suite('publishing an offer', () => {
  const name = constituent('east').metadata.name.slice(0, 6)
  test('puts the service, then its endpoints at once', () => {
    assert.deepEqual(lines(offer(1, 2), []), [`put ${name}`])
    assert.deepEqual(lines(offer(1, 2), held(offer())), ['put leaf-1', 'put leaf-2'])
  })
  test('writes nothing that is there', () => assert.deepEqual(lines(offer(1), held(offer(1))), []))
  test('writes only what is another', () => assert.deepEqual(lines(offer(1, 2), held(offer(1))), ['put leaf-2']))
  test('drops only when everything is put', () => {
    assert.deepEqual(lines(offer(2), held(offer(1))), ['put leaf-2'])
    assert.deepEqual(lines(offer(2), [...held(offer(1)), ...held(offer(2))]), ['delete ExportedEndpoints leaf-1'])
  })
  test('leaves everything as it is while it waits', () =>
    assert.deepEqual(lines({ kind: 'waiting', message: '' }, held(offer(1))), []))
  for (const none of [{ kind: 'none' }, { kind: 'refused', reason: 'NoService', message: '' }] satisfies readonly Offer[])
    test(`withdraws all of it when it is ${none.kind}, and that very incarnation`, () => {
      const { steps } = planPublish(none, held(offer(1)))
      assert.deepEqual(lines(none, held(offer(1))), [`delete ExportedService ${name}`, 'delete ExportedEndpoints leaf-1'])
      assert.ok(steps.every((step) => step.do === 'delete' && step.uid?.startsWith('uid of') === true))
    })
})
