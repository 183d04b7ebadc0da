// What can be said of exporting a Service before and after it is asked for. Pure: objects in, a verdict out.
import { exportToOf, importers } from '#crds/export-to.ts'
import { clustersetZone, managedByLabel, mcsServiceNameLabel } from '#crds/places.ts'
import type { ServiceExport } from '#crds/service-export.ts'
import type { ServiceImport } from '#crds/service-import.ts'
import type { Service } from '#lib/kube/kinds.ts'
import type { Probe } from '../cluster/until.ts'

export const dnsNameOf = (namespace: string, name: string): string => `${name}.${namespace}.svc.${clustersetZone}`

/** Why a Service can never be exported, and what to do instead; undefined when it can. */
export function unsupported(service: Service): { readonly says: string; readonly remedy: string } | undefined {
  const { namespace = '', name, labels } = service.metadata
  if (service.spec?.type === 'ExternalName')
    return {
      says: `Service ${namespace}/${name} is of type ExternalName, which has no endpoints to export.`,
      remedy: `Export a Service of another type; pods of every cluster can use ${service.spec.externalName ?? 'the external name'} itself.`,
    }
  if (labels?.[managedByLabel] === 'tombolo' && labels[mcsServiceNameLabel] !== undefined)
    return {
      says: `Service ${namespace}/${name} is itself made from an import.`,
      remedy: `Export ${labels[mcsServiceNameLabel]} in the cluster it comes from.`,
    }
  return undefined
}

/** How an export ended, as far as there is an end. */
export type Outcome =
  | { readonly kind: 'exported'; readonly message: string; readonly caution?: string }
  /** It is there and waits for the Service. */
  | { readonly kind: 'early'; readonly message: string }
  | { readonly kind: 'conflict'; readonly message: string }
  | { readonly kind: 'invalid'; readonly message: string }

/** `service`: as it was when the export was asked for; what the operator said before it saw that Service is not the end. */
export function outcomeOf(object: ServiceExport | undefined, service: 'there' | 'missing'): Probe<Outcome> {
  if (object === undefined) return { waiting: 'the ServiceExport is not there' }
  const condition = (type: string) => object.status?.conditions?.find((c) => c.type === type)
  const [valid, ready, conflict, known] = ['Valid', 'Ready', 'Conflict', 'ImportersKnown'].map(condition)
  const exportTo = exportToOf(object)
  if (valid === undefined) return { waiting: 'the operator has not looked at it yet' }
  if (valid.status !== 'True') {
    if (valid.reason !== 'NoService') return { done: { kind: 'invalid', message: valid.message } }
    return service === 'missing' ? { done: { kind: 'early', message: valid.message } } : { waiting: valid.message }
  }
  if (ready?.status !== 'True') return { waiting: ready?.message ?? 'the operator has not published it yet' }
  // A change of an annotation leaves the generation as it is: only what is said tells whether the operator has seen it.
  if (exportTo.ok && exportTo.value !== undefined && !ready.message.startsWith(importers(exportTo.value)))
    return { waiting: 'the operator has not told the fleet yet who may import it' }
  return {
    done:
      conflict?.status === 'True'
        ? { kind: 'conflict', message: conflict.message }
        : {
            kind: 'exported',
            message: ready.message,
            ...(known?.status === 'False' ? { caution: known.message } : {}),
          },
  }
}

/** Whether this cluster no longer adds to the import. */
export function withdrawnFrom(item: ServiceImport | undefined, clusterID: string): Probe<true> {
  const clusters = (item?.status?.clusters ?? []).map(({ cluster }) => cluster)
  return clusters.includes(clusterID) ? { waiting: `the import still has the endpoints of ${clusterID}` } : { done: true }
}
