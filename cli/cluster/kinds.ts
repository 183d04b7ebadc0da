// From a manifest to its kind: where on the apiserver it goes.
import { allKinds } from '#crds/index.ts'
import * as builtin from '#lib/kube/kinds.ts'
import type { Kind, KubeObject } from '#lib/kube/object.ts'

const known: readonly Kind[] = [...allKinds, ...Object.values(builtin)]

/** Throws for a kind that none of our manifests has. */
export function kindOf({ apiVersion, kind }: Pick<KubeObject, 'apiVersion' | 'kind'>): Kind {
  const found = known.find((k) => k.apiVersion === apiVersion && k.kind === kind)
  if (found === undefined) throw new Error(`no kind ${kind} in ${apiVersion} is known here`)
  return found
}
