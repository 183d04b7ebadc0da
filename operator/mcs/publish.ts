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

/** Puts go before drops: an endpoint that moves from one object to another is never in neither. */
export function planPublish(offer: Offer, have: readonly KubeObject[]): Plan {
  // What holds the offer up says nothing against what was published before.
  if (offer.kind === 'waiting') return { steps: [], next: settled }
  const wanted = offer.kind === 'offered' ? [offer.service, ...offer.endpoints] : []
  const byIdentity = new Map(have.map((object) => [identity(object), object]))
  const puts = wanted
    .map((object): Step => ({ do: 'apply', kind: kindOf(object), object, have: byIdentity.get(identity(object)) }))
    .filter((step) => changes(step, fieldManager))
  if (puts.length > 0) return { steps: puts, next: settled }
  const kept = new Set(wanted.map(identity))
  const drops = have.filter((object) => !kept.has(identity(object))).map((object) => deleteStep(kindOf(object), object))
  return { steps: drops, next: settled }
}

const identity = (object: KubeObject): string => `${object.kind} ${keyText(keyOf(object))}`
const kindOf = ({ kind }: KubeObject): Kind => (kind === exportedService.kind ? exportedService : exportedEndpoints)
