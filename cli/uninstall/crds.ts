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
  const found: Found[] = []
  for (const kind of kindsToDrop(part)) {
    const crd = await kube.get(customResourceDefinitions, { name: `${kind.plural}.${kind.group}` }, signal)
    if (crd === undefined || crd.metadata.labels?.[managedByLabel] !== 'tombolo') continue
    const used: readonly KubeObject[] = kind.group === tomboloGroup ? [] : await listIfKnown<KubeObject>(kube, kind, {}, signal)
    found.push({ crd, used })
  }
  return found
}

/** Those that somebody else installed are not found to begin with. */
export function judgeCRDs(found: readonly Found[]): Verdict {
  return {
    go: found.filter(({ used }) => used.length === 0).map(({ crd }) => crd),
    stay: found.flatMap(({ crd, used }) => {
      const [first] = used
      if (first === undefined) return []
      const more = used.length > 1 ? ` and ${used.length - 1} more` : ''
      return [
        `CRD ${crd.metadata.name}, as ${first.kind} ${keyText(keyOf(first))}${more} would go with it: kubectl delete crd ${crd.metadata.name} removes both`,
      ]
    }),
  }
}
