import assert from 'node:assert/strict'
import type { ConfigMap, Deployment } from '#lib/kube/kinds.ts'
import type { Patches, Seen } from './coredns.ts'
import { unwirePatches, wirePatches, wiredAnnotation } from './coredns.ts'
import { wire as wireFile } from './corefile.ts'

const corefile = '.:53 {\n    errors\n}\n'
const seen = (text: string, mark?: string): Seen => ({
  custom: undefined,
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
    const nothing: Seen = { configMap: undefined, custom: undefined, deployment: undefined }
    assert.deepEqual(wiring(nothing), { state: 'noCoreDNS', patches: {} })
    assert.deepEqual(unwirePatches(nothing), {})
  })

  suite('whose Corefile is the provider’s and imports files of others', () => {
    // As AKS has it.
    const managed = '.:53 {\n    errors\n    import custom/*.override\n}\nimport custom/*.server\n'
    const theirs = { 'corp.server': 'corp.example:53 {\n    forward . 10.0.0.2\n}\n' }
    const with_ = (data: Record<string, string> | undefined, at = seen(managed), labels: Record<string, string> = {}): Seen => ({
      ...at,
      custom:
        data === undefined
          ? undefined
          : ({ metadata: { name: 'coredns-custom', resourceVersion: '9', labels }, data } as unknown as ConfigMap),
    })
    const file = '# tombolo: kept by the tombolo operator\nclusterset.local:53 {\n    errors\n    forward . 10.91.0.7\n}\n'
    /** After the patches, as the apiserver makes it. */
    function next(before: Seen, patches: Patches): Seen {
      const { custom } = patches
      const rest = after(before, patches)
      if (custom === undefined) return { ...rest, custom: before.custom }
      if (custom.do === 'delete') return { ...rest, custom: undefined }
      if (custom.do === 'create') return with_(custom.object.data, rest, custom.object.metadata.labels)
      const { data } = custom.patch as { readonly data: Readonly<Record<string, string | null>> }
      const merged = Object.entries({ ...before.custom?.data, ...data }).flatMap(([key, text]) =>
        text === null ? [] : [[key, text]],
      )
      return with_(Object.fromEntries(merged) as Record<string, string>, rest, before.custom?.metadata.labels)
    }

    for (const [about, before] of [
      ['a ConfigMap of somebody’s', with_(theirs)],
      ['an empty one', with_({})],
      ['none yet', with_(undefined)],
    ] as const)
      test(`gets a file of ours into ${about}, and loses it again`, () => {
        const { state, patches } = wiring(before)
        const wired = next(before, patches)
        assert.equal(state, 'wired')
        assert.deepEqual(wired.custom?.data, { ...before.custom?.data, 'tombolo.server': file })
        assert.deepEqual([wired.configMap, patches.deployment !== undefined], [before.configMap, true])
        assert.deepEqual(wire(wired), {})
        const undone = next(wired, unwirePatches(wired))
        assert.deepEqual(undone, before)
        assert.deepEqual(unwirePatches(undone), {})
      })

    test('keeps a ConfigMap that we made and others have written into since', () => {
      const wired = next(with_(undefined), wire(with_(undefined)))
      const shared = with_({ ...wired.custom?.data, ...theirs }, wired, wired.custom?.metadata.labels)
      assert.deepEqual(next(shared, unwirePatches(shared)).custom?.data, theirs)
    })

    test('loses the block that an earlier operator put into the Corefile itself', () => {
      const block = after(seen(managed), {
        configMap: { data: { Corefile: wireFile(managed, 'clusterset.local', '10.91.0.7') } },
      })
      assert.deepEqual(next(block, wire(block)).configMap, seen(managed).configMap)
    })

    test('has the zone in a file of somebody else’s: ours is not put in', () => {
      const other = { 'lighthouse.server': 'clusterset.local:53 {\n    forward . 10.96.0.9\n}\n' }
      assert.deepEqual(wiring(with_(other)), { state: 'foreignZone', patches: {} })
    })

    test('without such an import no file is read, so none is written', () => {
      assert.equal(wire(with_(theirs, seen(corefile))).custom, undefined)
    })
  })
})
