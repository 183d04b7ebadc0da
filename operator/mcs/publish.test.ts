import assert from 'node:assert/strict'
import { contentLabel } from '#crds/places.ts'
import type { KubeObject } from '#lib/kube/object.ts'
import { marked } from '#lib/kube/plan.ts'
import { constituent, endpoints } from '#test/kit/services.ts'
import { fieldManager } from '../install/install.ts'
import type { Offer } from './export.ts'
import type { NameFor } from './publish.ts'
import { planPublish } from './publish.ts'

const offer = (...pods: readonly number[]): Offer => ({
  kind: 'offered',
  service: constituent('east'),
  endpoints: pods.map((n) => ({ ...endpoints('east', [n]), metadata: { ...endpoints('east', []).metadata, name: `leaf-${n}` } })),
  remarks: [],
})
/** As if there were as many names as contents. */
const asContent: NameFor = (_, content) => content
/** The offer as the broker holds it. */
const held = (from: Offer): readonly KubeObject[] =>
  (from.kind === 'offered' ? [from.service, ...from.endpoints] : []).map((object) => {
    const { name, labels } = object.metadata
    const made = marked(
      { ...object, metadata: { ...object.metadata, labels: { ...labels, [contentLabel]: name } } },
      fieldManager,
    )
    return { ...made, metadata: { ...made.metadata, uid: `uid of ${name}` } }
  })
const lines = (from: Offer, have: readonly KubeObject[]) =>
  planPublish(from, have, asContent).steps.map((step) =>
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
  test('finds an object by what it is about and writes it under the number that it has; one from before there were numbers keeps its name', () => {
    const numbered = (object: KubeObject) => ({ ...object, metadata: { ...object.metadata, name: '17' } })
    const [service, ...rest] = held(offer(1))
    assert.deepEqual(lines(offer(1), [numbered(service as KubeObject), ...rest]), [`put 17`])
    const before = { ...service, metadata: { ...service?.metadata, labels: {} } } as KubeObject
    assert.deepEqual(lines(offer(1), [before, ...rest]), [`put ${name}`])
  })
  test('takes back what is there twice, and keeps the first', () => {
    const [service, leaf] = held(offer(1)) as readonly [KubeObject, KubeObject]
    const twin = { ...leaf, metadata: { ...leaf.metadata, name: '18', uid: 'twin' } }
    assert.deepEqual(lines(offer(1), [service, leaf, twin]), ['delete ExportedEndpoints 18'])
  })
  test('writes nothing and says so where a member may have no more', () => {
    const { steps, next } = planPublish(offer(1), [], () => undefined)
    assert.deepEqual(steps, [])
    assert.ok(next.kind === 'again' && /2000 exports at the broker/.test(next.because))
  })
  test('leaves everything as it is while it waits', () =>
    assert.deepEqual(lines({ kind: 'waiting', message: '' }, held(offer(1))), []))
  for (const none of [{ kind: 'none' }, { kind: 'refused', reason: 'NoService', message: '' }] satisfies readonly Offer[])
    test(`withdraws all of it when it is ${none.kind}, and that very incarnation`, () => {
      const { steps } = planPublish(none, held(offer(1)), asContent)
      assert.deepEqual(lines(none, held(offer(1))), [`delete ExportedService ${name}`, 'delete ExportedEndpoints leaf-1'])
      assert.ok(steps.every((step) => step.do === 'delete' && step.uid?.startsWith('uid of') === true))
    })
})
