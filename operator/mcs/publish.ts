// From an offer to what the broker should hold of it, in this cluster's own namespace there.
import type { Plan, Step } from '#lib/kube/plan.ts'
import { changes, deleteStep } from '#lib/kube/plan.ts'
import type { Kind, KubeObject } from '#lib/kube/object.ts'
import { keyOf, keyText } from '#lib/kube/object.ts'
import { settled } from '#lib/kube/controller.ts'
import { exportedEndpoints } from '#crds/exported-endpoints.ts'
import { exportedService } from '#crds/exported-service.ts'
import { fieldManager } from '../install/install.ts'
import type { Offer } from './export.ts'

/**
 * A service goes before its endpoints: the others give it its address and its name meanwhile, and in a namespace with a quota the
 * apiserver creates one object after the other anyway. Puts go before drops: an endpoint that moves from one object to another is never
 * in neither.
 */
export function planPublish(offer: Offer, have: readonly KubeObject[]): Plan {
  // What holds the offer up says nothing against what was published before.
  if (offer.kind === 'waiting') return { steps: [], next: settled }
  const wanted = offer.kind === 'offered' ? [offer.service, ...offer.endpoints] : []
  const byIdentity = new Map(have.map((object) => [identity(object), object]))
  const puts = wanted
    .map((object) => ({ do: 'apply', kind: kindOf(object), object, have: byIdentity.get(identity(object)) }) satisfies Step)
    .filter((step) => changes(step, fieldManager))
  const first = puts.filter((step) => step.kind === exportedService && step.have === undefined)
  if (puts.length > 0) return { steps: first.length > 0 ? first : puts, next: settled }
  const kept = new Set(wanted.map(identity))
  const drops = have.filter((object) => !kept.has(identity(object))).map((object) => deleteStep(kindOf(object), object))
  return { steps: drops, next: settled }
}

const identity = (object: KubeObject): string => `${object.kind} ${keyText(keyOf(object))}`
const kindOf = ({ kind }: KubeObject): Kind => (kind === exportedService.kind ? exportedService : exportedEndpoints)
