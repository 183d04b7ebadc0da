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

suite('wiring the cluster DNS', () => {
  test('patches the Corefile and rolls the pods, then has nothing left to do', () => {
    const first = wirePatches(seen(corefile), 'clusterset.local', '10.91.0.7')
    assert.ok(first?.configMap !== undefined && first.deployment !== undefined)
    assert.deepEqual(wirePatches(after(seen(corefile), first), 'clusterset.local', '10.91.0.7'), {})
  })

  test('a roll that was interrupted after the Corefile was written is made up for', () => {
    const first = wirePatches(seen(corefile), 'clusterset.local', '10.91.0.7')
    assert.ok(first !== undefined)
    const half = after(seen(corefile), { ...(first.configMap === undefined ? {} : { configMap: first.configMap }) })
    assert.deepEqual(wirePatches(half, 'clusterset.local', '10.91.0.7'), { deployment: first.deployment })
  })

  test('undoing it restores the Corefile byte for byte and takes the mark away', () => {
    const wired = after(seen(corefile), wirePatches(seen(corefile), 'clusterset.local', '10.91.0.7') ?? {})
    const undone = after(wired, unwirePatches(wired))
    assert.deepEqual(undone, seen(corefile))
    assert.deepEqual(unwirePatches(undone), {})
  })

  test('the file is written over the version that was read, so that what others write meanwhile is not lost', () => {
    const wired = wirePatches(seen(corefile), 'clusterset.local', '10.91.0.7')
    const unwired = unwirePatches(after(seen(corefile), wired ?? {}))
    for (const patches of [wired, unwired])
      assert.deepEqual((patches?.configMap as ConfigMap | undefined)?.metadata, { resourceVersion: '7' })
  })

  test('without a Corefile there is nothing to wire', () => {
    assert.equal(wirePatches({ configMap: undefined, deployment: undefined }, 'clusterset.local', '10.91.0.7'), undefined)
    assert.deepEqual(unwirePatches({ configMap: undefined, deployment: undefined }), {})
  })
})
