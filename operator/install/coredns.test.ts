import assert from 'node:assert/strict'
import type { ConfigMap, Deployment } from '#lib/kube/kinds.ts'
import type { Seen } from './coredns.ts'
import { unwirePatches, wirePatches, wiredAnnotation } from './coredns.ts'

const corefile = '.:53 {\n    errors\n}\n'
const seen = (text: string, mark?: string): Seen => ({
  configMap: { metadata: { name: 'coredns', resourceVersion: '7' }, data: { Corefile: text } } as unknown as ConfigMap,
  deployment: {
    metadata: { name: 'coredns' },
    spec: { template: { metadata: { annotations: mark === undefined ? {} : { [wiredAnnotation]: mark } } } },
  } as unknown as Deployment,
})

/** The world after the patches, as a merge patch makes it. */
function after(before: Seen, patches: { configMap?: object; deployment?: object }): Seen {
  const data = patches.configMap as { data: { Corefile: string } } | undefined
  const rolled = patches.deployment as
    { spec: { template: { metadata: { annotations: Record<string, string | null> } } } } | undefined
  const mark =
    rolled === undefined
      ? before.deployment?.spec?.template.metadata?.annotations?.[wiredAnnotation]
      : rolled.spec.template.metadata.annotations[wiredAnnotation]
  return seen(data?.data.Corefile ?? before.configMap?.data?.['Corefile'] ?? '', mark ?? undefined)
}

const wiring = (at: Seen) => wirePatches(at, 'clusterset.local', '10.91.0.7')
const wire = (at: Seen) => wiring(at).patches

suite('wiring the cluster DNS', () => {
  test('patches the Corefile and rolls the pods, then has nothing left to do', () => {
    const first = wire(seen(corefile))
    assert.ok(first.configMap !== undefined && first.deployment !== undefined)
    assert.deepEqual(wire(after(seen(corefile), first)), {})
  })

  test('a roll that was interrupted after the Corefile was written is made up for', () => {
    const first = wire(seen(corefile))
    const half = after(seen(corefile), { ...(first.configMap === undefined ? {} : { configMap: first.configMap }) })
    assert.deepEqual(wire(half), { deployment: first.deployment })
  })

  test('undoing it restores the Corefile byte for byte and takes the mark away', () => {
    const wired = after(seen(corefile), wire(seen(corefile)))
    const undone = after(wired, unwirePatches(wired))
    assert.deepEqual(undone, seen(corefile))
    assert.deepEqual(unwirePatches(undone), {})
  })

  test('the file is written over the version that was read, so that what others write meanwhile is not lost', () => {
    const wired = wire(seen(corefile))
    const unwired = unwirePatches(after(seen(corefile), wired))
    for (const patches of [wired, unwired])
      assert.deepEqual((patches.configMap as ConfigMap | undefined)?.metadata, { resourceVersion: '7' })
  })

  test('where another block has the zone ours is not put in, and taken out where it was', () => {
    const theirs = `${corefile}clusterset.local:53 {\n    forward . 10.96.0.9\n}\n`
    assert.deepEqual(wiring(seen(theirs)), { state: 'foreignZone', patches: {} })
    const ours = after(seen(corefile), wire(seen(corefile)))
    const both = seen(`${ours.configMap?.data?.['Corefile'] ?? ''}clusterset.local:53 {\n    forward . 10.96.0.9\n}\n`, 'x')
    const { state, patches } = wiring(both)
    assert.equal(state, 'foreignZone')
    assert.deepEqual(after(both, patches), seen(theirs))
  })

  test('without a Corefile there is nothing to wire', () => {
    assert.deepEqual(wiring({ configMap: undefined, deployment: undefined }), { state: 'noCoreDNS', patches: {} })
    assert.deepEqual(unwirePatches({ configMap: undefined, deployment: undefined }), {})
  })
})
