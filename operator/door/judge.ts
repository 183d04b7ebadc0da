// What others say is believed only if it parses and lies in the namespace of the member it speaks for. The broker's admission says
// the same, and is not believed (design §4).
import type { Definition } from '#crds/define.ts'
import { memberNamespace } from '#crds/places.ts'
import { same } from '#lib/kube/differs.ts'
import type { KubeObject } from '#lib/kube/object.ts'
import { keyOf, keyText } from '#lib/kube/object.ts'

/** An object of a kind that says whose it is. */
export type Owned = KubeObject & { readonly spec: { readonly clusterID: string }; readonly status?: object }

export type Refusal = { readonly object: string; readonly why: string }
export type Judgement<T> =
  { readonly verdict: 'admitted'; readonly object: T } | { readonly verdict: 'refused'; readonly refusal: Refusal }

export const nameForPeople = (kind: { readonly kind: string }, object: KubeObject): string =>
  `${kind.kind} ${keyText(keyOf(object))}`

export function judge<T extends Owned>(kind: Definition<T>, object: KubeObject): Judgement<T> {
  const refuse = (why: string) => ({ verdict: 'refused', refusal: { object: nameForPeople(kind, object), why } }) as const
  const parsed = kind.parse(object)
  if (!parsed.ok) return refuse(`${parsed.error.field}: want ${parsed.error.want}`)
  const { clusterID } = parsed.value.spec
  if (object.metadata.namespace !== memberNamespace(clusterID))
    return refuse(`it speaks for ${clusterID}, whose namespace is another`)
  // What was understood to the last field is not kept twice.
  return { verdict: 'admitted', object: same(parsed.value, object) ? (object as T) : parsed.value }
}
