// What a ServiceExport says of itself (KEP-1645 "ServiceExport conditions"): is it valid, is it published, does it agree with the others;
// and of ours, whether those are members whom it is for.
import { exportToAnnotation, importers } from '#crds/export-to.ts'
import type { ServiceExport } from '#crds/service-export.ts'
import { serviceExport } from '#crds/service-export.ts'
import type { Faults } from '#lib/kube/condition-events.ts'
import type { Condition, NewCondition } from '#lib/kube/conditions.ts'
import { setConditions } from '#lib/kube/conditions.ts'
import { keyOf } from '#lib/kube/object.ts'
import type { Offer } from './export.ts'
import type { Conflict } from './merge.ts'

/** Whether the broker holds our ExportedService; `unheard` when it was not heard since we started. */
export type Published = 'yes' | 'no' | 'unheard'

export type Told = {
  readonly export: ServiceExport
  readonly offer: Offer
  readonly published: Published
  /** Why the broker does not take it. */
  readonly failure: string | undefined
  /** The verdict of the merge; `unheard` as above. */
  readonly conflict: Conflict | undefined | 'unheard'
  /** Of the fleet, this cluster among them. */
  readonly members: readonly string[]
  readonly now: Date
}

type Verdict = Pick<NewCondition, 'type' | 'status' | 'reason' | 'message'>

/** What `kubectl describe` shows as events when it begins and when it ends. */
export const exportFaults: Faults = {
  Valid: ({ status }) => status === 'False',
  Ready: ({ reason }) => reason === 'Failed',
  Conflict: ({ status }) => status === 'True',
  ImportersKnown: ({ status }) => status === 'False',
}

export function exportStatus(told: Told) {
  const { generation: observedGeneration } = told.export.metadata
  const before = told.export.status?.conditions
  const verdicts = [valid(told.offer), ready(told, before), conflict(told, before), importersKnown(told, before)].flatMap(
    (verdict) => verdict ?? [],
  )
  const conditions = setConditions(
    before,
    verdicts.map((verdict) => ({ ...verdict, ...(observedGeneration === undefined ? {} : { observedGeneration }) })),
    told.now,
  )
  return { do: 'status', kind: serviceExport, key: keyOf(told.export), status: { conditions }, have: told.export } as const
}

function valid(offer: Offer): Verdict {
  const type = 'Valid'
  return offer.kind === 'refused'
    ? { type, status: 'False', reason: offer.reason, message: offer.message }
    : { type, status: 'True', reason: 'Valid', message: 'the Service can be exported' }
}

/** Undefined: what was said stays. */
function ready({ offer, published, failure }: Told, before: readonly Condition[] | undefined): Verdict | undefined {
  const type = 'Ready'
  if (offer.kind === 'refused')
    return {
      type,
      status: 'False',
      reason: offer.reason === 'NoService' ? 'Pending' : 'Failed',
      message: offer.message,
    }
  if (offer.kind !== 'offered')
    return { type, status: 'False', reason: 'Pending', message: offer.kind === 'waiting' ? offer.message : 'nothing is exported' }
  if (failure !== undefined)
    return { type, status: 'False', reason: 'Failed', message: `the broker does not take the export: ${failure}` }
  switch (published) {
    case 'yes':
      return {
        type,
        status: 'True',
        reason: 'Exported',
        message: [`${importers(offer.service.spec.exportTo)} can import the service`, ...offer.remarks].join('; '),
      }
    case 'no':
      return { type, status: 'False', reason: 'Pending', message: 'the broker does not hold the export yet' }
    case 'unheard':
      return before?.some((condition) => condition.type === type) === true
        ? undefined
        : {
            type,
            status: 'Unknown',
            reason: 'Pending',
            message: 'the broker has not been reached yet: the Membership’s condition BrokerReachable says why',
          }
  }
}

function conflict({ offer, conflict: found }: Told, before: readonly Condition[] | undefined): Verdict | undefined {
  const type = 'Conflict'
  const known = before?.some((condition) => condition.type === type) === true
  if (offer.kind !== 'offered')
    return known ? { type, status: 'False', reason: 'NoConflicts', message: 'nothing is exported' } : undefined
  if (found === 'unheard') return undefined
  return found === undefined
    ? { type, status: 'False', reason: 'NoConflicts', message: 'all clusters export the same' }
    : { type, status: 'True', reason: found.reason, message: found.message }
}

/** Of an export that was for every member all along nothing is said. */
function importersKnown({ offer, members }: Told, before: readonly Condition[] | undefined): Verdict | undefined {
  const type = 'ImportersKnown'
  const isKnown = before?.some((condition) => condition.type === type) === true
  if (offer.kind !== 'offered')
    return isKnown ? { type, status: 'Unknown', reason: 'NotExported', message: 'nothing is exported' } : undefined
  const { exportTo } = offer.service.spec
  if (exportTo === undefined)
    return isKnown ? { type, status: 'True', reason: 'EveryMember', message: 'every member may import it' } : undefined
  const unknown = exportTo.filter((id) => !members.includes(id))
  const may = `${importers(exportTo)} may import it, and no other member`
  return unknown.length === 0
    ? { type, status: 'True', reason: 'Named', message: may }
    : {
        type,
        status: 'False',
        reason: 'UnknownCluster',
        message: `${exportToAnnotation} names ${importers(unknown)}, no member of the fleet: write ids as tombolo show clusters does; ${may}`,
      }
}
