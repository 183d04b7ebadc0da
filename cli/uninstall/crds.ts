// Which CRDs go with Tombolo. Deleting one deletes every object of its kind, so those that are not only ours stay while anybody uses them.
import { brokerKinds, memberKinds } from '#crds/index.ts'
import { tomboloGroup } from '#crds/fields.ts'
import { managedByLabel } from '#crds/places.ts'
import type { Kube } from '#lib/kube/client.ts'
import type { CustomResourceDefinition } from '#lib/kube/kinds.ts'
import { customResourceDefinitions } from '#lib/kube/kinds.ts'
import type { KubeObject } from '#lib/kube/object.ts'
import { keyOf, keyText } from '#lib/kube/object.ts'
import { listIfKnown } from '../cluster/remove.ts'

/** A CRD in the cluster, and the objects there are of a kind that others may use too. */
export type Found = { readonly crd: CustomResourceDefinition; readonly used: readonly KubeObject[] }
export type Verdict = { readonly go: readonly CustomResourceDefinition[]; readonly stay: readonly string[] }

/** `leaving`: what is removed; `other`: whether the cluster goes on as the other of the two. */
export type Part = { readonly leaving: 'member' | 'broker'; readonly other: boolean }

type AnyKind = (typeof memberKinds)[number] | (typeof brokerKinds)[number]

/** The kinds that nothing else here needs. */
export function kindsToDrop({ leaving, other }: Part): readonly AnyKind[] {
  const [own, others]: readonly (readonly AnyKind[])[] =
    leaving === 'member' ? [memberKinds, brokerKinds] : [brokerKinds, memberKinds]
  return (own ?? []).filter((kind) => !other || others?.includes(kind) !== true)
}

export async function findCRDs(kube: Kube, part: Part, signal: AbortSignal): Promise<readonly Found[]> {
  const used = (kind: AnyKind) =>
    kind.group === tomboloGroup ? Promise.resolve([]) : listIfKnown<KubeObject>(kube, kind, {}, signal)
  const ours = await ourCRDs(kube, part, signal)
  return Promise.all(ours.map(async ({ kind, crd }) => ({ crd, used: await used(kind) })))
}

/** With `--keep-crds`: those that would have been considered, each with what there still is of its kind. */
export async function keptCRDs(kube: Kube, part: Part, signal: AbortSignal): Promise<readonly string[]> {
  const kept: string[] = []
  for (const { kind, crd } of await ourCRDs(kube, part, signal)) {
    const objects = await listIfKnown<KubeObject>(kube, kind, {}, signal)
    kept.push(
      `CRD ${crd.metadata.name}, as --keep-crds says, ${objects.length === 0 ? 'without objects' : `with ${namesOf(objects)}`}`,
    )
  }
  return kept
}

/** Those that somebody else installed are not ours. */
async function ourCRDs(kube: Kube, part: Part, signal: AbortSignal) {
  const found: { readonly kind: AnyKind; readonly crd: CustomResourceDefinition }[] = []
  for (const kind of kindsToDrop(part)) {
    const crd = await kube.get(customResourceDefinitions, { name: `${kind.plural}.${kind.group}` }, signal)
    if (crd?.metadata.labels?.[managedByLabel] === 'tombolo') found.push({ kind, crd })
  }
  return found
}

export function judgeCRDs(found: readonly Found[]): Verdict {
  return {
    go: found.filter(({ used }) => used.length === 0).map(({ crd }) => crd),
    stay: found.flatMap(({ crd, used }) => {
      if (used.length === 0) return []
      return [
        `CRD ${crd.metadata.name}, as ${namesOf(used)} would go with it: kubectl delete crd ${crd.metadata.name} removes both`,
      ]
    }),
  }
}

/** `ServiceExport shop/web and 1 more`. Of one object at least. */
function namesOf([first, ...more]: readonly KubeObject[]): string {
  if (first === undefined) return 'nothing'
  return `${first.kind} ${keyText(keyOf(first))}${more.length === 0 ? '' : ` and ${more.length} more`}`
}
