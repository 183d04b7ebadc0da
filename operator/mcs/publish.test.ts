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
  test('takes back what is there twice, and keeps the first by name', () => {
    const [service, leaf] = held(offer(1)) as readonly [KubeObject, KubeObject]
    const twin = { ...leaf, metadata: { ...leaf.metadata, name: 'leaf-2', uid: 'twin' } }
    for (const have of [
      [service, leaf, twin],
      [service, twin, leaf],
    ])
      assert.deepEqual(lines(offer(1), have), ['delete ExportedEndpoints leaf-2'])
  })
  test('writes nothing and says so where a member may have no more', () => {
    const { steps, next } = planPublish(offer(1), [], () => undefined)
    assert.deepEqual(steps, [])
    assert.ok(next.kind === 'again' && /2000 exports at the broker/.test(next.because))
  })
  test('puts no endpoints of a service that has no name, and takes back what there is of them', () => {
    const noService: NameFor = (kind, content) => (kind.kind === 'ExportedService' ? undefined : content)
    const [, leaf] = held(offer(1)) as readonly [KubeObject, KubeObject]
    assert.deepEqual(planPublish(offer(1, 2), [], noService).steps, [])
    const { steps, next } = planPublish(offer(1, 2), [leaf], noService)
    assert.deepEqual(
      steps.map((step) => step.do === 'delete' && step.key.name),
      ['leaf-1'],
    )
    assert.ok(next.kind === 'again' && /2000 exports at the broker/.test(next.because))
  })
  test('where endpoints have no names left, keeps those in their object that are still offered, as they are now, and drops the others', () => {
    const noRoom: NameFor = () => undefined
    const whole = (name: string, pods: readonly number[]) => {
      const object = endpoints('east', pods)
      return { ...object, metadata: { ...object.metadata, name } }
    }
    const given = offer()
    assert.ok(given.kind === 'offered')
    const before = held({ ...given, endpoints: [whole('all', [1, 2, 3]), whole('gone', [9])] })
    const split = { ...given, endpoints: [whole('half-0', [1]), whole('half-1', [2, 4])] }
    const { steps, next } = planPublish(split, before, noRoom)
    assert.ok(next.kind === 'again' && /4000 objects of endpoints/.test(next.because))
    const [kept, dropped, ...more] = steps
    assert.ok(kept?.do === 'apply' && dropped?.do === 'delete' && more.length === 0)
    assert.deepEqual([kept.object.metadata.name, kept.object.metadata.labels?.[contentLabel]], ['all', 'all'])
    assert.deepEqual(kept.object.spec, endpoints('east', [1, 2]).spec)
    assert.equal(dropped.key.name, 'gone')
    const written = {
      ...marked(kept.object, fieldManager),
      metadata: { ...marked(kept.object, fieldManager).metadata, uid: 'all' },
    }
    const after = [before[0] as KubeObject, written]
    assert.deepEqual(planPublish(split, after, noRoom).steps, [])
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
