// A rule is said twice: as CEL, which the broker's apiserver evaluates at each write, and in TypeScript, which whoever imports the object
// evaluates again, as the broker may be the one that was taken over. One corpus of cases is run against both (test/kit/admission-cases.ts).
import type { KubeObject } from '#lib/kube/object.ts'
import type { Allocation } from '../allocation.ts'

/** DELETE: also of each object of a collection. CONNECT: into a pod, or through a proxy of the apiserver. */
export type Operation = 'CREATE' | 'UPDATE' | 'DELETE' | 'CONNECT'

/** Who wants to do what, in the words of the apiserver. An empty text is what is absent there. */
export type Request = {
  readonly operation: Operation
  /** `system:serviceaccount:tombolo-m-east:member`. */
  readonly user: string
  readonly group: string
  /** The plural, such as `gatewayendpoints`. */
  readonly resource: string
  readonly subresource: string
  readonly namespace: string
  /** Empty for a whole collection, of which each object is judged. */
  readonly name: string
}

/** `Spec`: its shape by its schema, which the apiserver has checked before it asks for admission, and an importer when it parsed the object. */
export type Review<Spec = unknown> = {
  readonly request: Request
  /** As it would be; undefined when it is deleted. */
  readonly object: (KubeObject & { readonly spec: Spec }) | undefined
  /** As it was; undefined when it is created. */
  readonly oldObject: (KubeObject & { readonly spec: Spec }) | undefined
  /** The Allocation in the namespace of the request. */
  readonly params: Allocation | undefined
  /** Of the namespace of the request; none where it is in none. */
  readonly namespaceLabels: Readonly<Record<string, string>>
}

export interface Rule {
  /** Every refusal begins with it. */
  readonly name: string
  /** What must be, for the one who is refused. */
  readonly says: string
  /** True: nothing against it. May use the variables of the policy that the rule stands in. */
  readonly cel: string
  /** CEL that gives a text: what it is about, after a colon. */
  readonly about?: string
  /** The same in TypeScript. */
  holds(review: Review): boolean
}

/** A name for an expression, usable in all rules of a policy. */
export type Variable = { readonly name: string; readonly expression: string }

/** A list of texts in CEL; none of ours has a quote in it. */
export const celList = (texts: readonly string[]): string => `[${texts.map((text) => `'${text}'`).join(', ')}]`
