// From an offer to what the broker should hold of it, in this cluster's own namespace there.
import { contentLabel } from '#crds/places.ts'
import { mostOfAMember } from '#crds/limits.ts'
import type { Plan, Step } from '#lib/kube/plan.ts'
import { changes, deleteStep } from '#lib/kube/plan.ts'
import type { Kind, KubeObject } from '#lib/kube/object.ts'
import { again, settled } from '#lib/kube/controller.ts'
import { same } from '#lib/kube/differs.ts'
import type { ExportedEndpoints } from '#crds/exported-endpoints.ts'
import { exportedEndpoints } from '#crds/exported-endpoints.ts'
import type { ExportedService } from '#crds/exported-service.ts'
import { exportedService } from '#crds/exported-service.ts'
import { fieldManager } from '../install/install.ts'
import type { Offer } from './export.ts'
import { byName, contentOf } from './names.ts'

/** The name for an object that is not there yet; undefined: a member may have no more of that kind (numbers.ts). */
export type NameFor = (kind: Kind, content: string) => string | undefined

/** Nothing tells when one of so many has gone. */
const fullMs = 10_000

/**
 * A service goes before its endpoints: the others give it its address and its name meanwhile. Puts go before drops: an endpoint that moves
 * from one object to another is never in neither.
 */
export function planPublish(offer: Offer, have: readonly KubeObject[], nameFor: NameFor): Plan {
  // What holds the offer up says nothing against what was published before.
  if (offer.kind === 'waiting') return { steps: [], next: settled }
  const there = new Map(
    have
      .toSorted(byName)
      .toReversed()
      .map((object) => [identity(object), object]),
  )
  const place = (object: ExportedService | ExportedEndpoints) => {
    const before = there.get(identity(object))
    const name = before?.metadata.name ?? nameFor(kindOf(object), object.metadata.name)
    return {
      kind: kindOf(object),
      offered: object,
      object: name === undefined ? undefined : placedAt(object, name),
      have: before,
    }
  }
  const service = offer.kind === 'offered' ? [place(offer.service)] : []
  // Without their service endpoints are of no use to anybody, and would take the names of others.
  const endpoints =
    offer.kind === 'offered' && service.every(({ object }) => object !== undefined) ? offer.endpoints.map(place) : []
  const placed = [...service, ...endpoints]
  const full = placed.find(({ object }) => object === undefined)
  const next = full === undefined ? settled : again(fullMs, tooMany(full.kind))
  const puts = placed
    .flatMap(({ kind, object, have: before }) =>
      object === undefined ? [] : [{ do: 'apply', kind, object, have: before } satisfies Step],
    )
    .filter((step) => changes(step, fieldManager))
  const first = puts.filter((step) => step.kind === exportedService && step.have === undefined)
  if (puts.length > 0) return { steps: first.length > 0 ? first : puts, next }
  const kept = new Set(placed.flatMap(({ have: before }) => (before === undefined ? [] : [named(before)])))
  const overflow = endpoints.flatMap(({ offered, object }) =>
    object === undefined && offered.kind === exportedEndpoints.kind ? [offered as ExportedEndpoints] : [],
  )
  const steps = have
    .filter((object) => !kept.has(named(object)))
    .map((object): Step => {
      const left = leftIn(object, overflow)
      return left === undefined
        ? deleteStep(kindOf(object), object)
        : { do: 'apply', kind: exportedEndpoints, object: left, have: object }
    })
  return { steps: steps.filter((step) => step.do === 'delete' || changes(step, fieldManager)), next }
}

/** What there is no room for stays where it was, as it is now; undefined when nothing of that is offered any more. */
function leftIn(object: KubeObject, overflow: readonly ExportedEndpoints[]): KubeObject | undefined {
  if (object.kind !== exportedEndpoints.kind) return undefined
  const { spec } = object as ExportedEndpoints
  const before = new Set(spec.endpoints.map(({ address }) => address))
  const [alike, ...others] = overflow.filter(
    (some) => some.spec.addressType === spec.addressType && same(some.spec.ports, spec.ports),
  )
  if (alike === undefined) return undefined
  const endpoints = [alike, ...others].flatMap((some) => some.spec.endpoints.filter(({ address }) => before.has(address)))
  if (endpoints.length === 0) return undefined
  const { name, labels } = placedAt(alike, object.metadata.name).metadata
  const metadata = { ...alike.metadata, name, labels: { ...labels, [contentLabel]: contentOf(object) } }
  return { ...alike, metadata, spec: { ...alike.spec, endpoints } }
}

const tooMany = ({ plural }: Kind): string =>
  `a cluster may have ${plural === exportedService.plural ? `${mostOfAMember.exportedservices} exports` : `${mostOfAMember.exportedendpoints} objects of endpoints`} at the broker, and this one has: delete ServiceExports that nobody imports${plural === exportedService.plural ? '' : ', or give Services fewer endpoints or fewer different sets of ports'}`

const placedAt = (object: KubeObject, name: string): KubeObject => ({
  ...object,
  metadata: { ...object.metadata, name, labels: { ...object.metadata.labels, [contentLabel]: object.metadata.name } },
})

const identity = (object: KubeObject): string => `${object.kind} ${object.metadata.namespace ?? ''}/${contentOf(object)}`
const kindOf = ({ kind }: KubeObject): Kind => (kind === exportedService.kind ? exportedService : exportedEndpoints)
const named = ({ kind, metadata: { name } }: KubeObject): string => `${kind} ${name}`
