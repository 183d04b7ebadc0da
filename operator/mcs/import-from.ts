// From whom this cluster takes the services of a namespace. Who may export them is the fleet's to say (crds/rules/export-name.ts); here the
// administrator of this cluster leaves out clusters that may.
import type { ExportedService } from '#crds/exported-service.ts'
import type { Membership } from '#crds/membership.ts'

export type ImportFrom = Membership['spec']['importFrom']

/** A namespace that is not named is taken from everybody. */
export const isTaken = (
  importFrom: ImportFrom,
  { namespace, clusterID }: Pick<ExportedService['spec'], 'namespace' | 'clusterID'>,
) => importFrom?.find((from) => from.namespace === namespace)?.clusters.includes(clusterID) ?? true
