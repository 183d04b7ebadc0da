// What one member may export, from all grants: the part of its Allocation that admission and importers judge names by. Pure. Grants add up,
// in no order: whoever one of them names may export, whatever the others say.
import type { Allocation } from '#crds/allocation.ts'
import { maxExportNames } from '#crds/allocation.ts'
import type { ExportGrant } from '#crds/export-grant.ts'
import type { Fleet } from '#crds/fleet.ts'
import { allOf } from '#crds/rules/export-name.ts'
import type { ClusterID } from '#lib/net/cluster-id.ts'

export type Exports = Allocation['spec']['exports']

/**
 * The same grants give the same list. Beyond what an Allocation holds it is closed: of too many names that are granted to it the last ones
 * are left out, and where others have too many, nothing that is not granted to it may be exported.
 */
export function exportsOf(
  clusterID: ClusterID,
  grants: readonly Pick<ExportGrant, 'spec'>[],
  ungranted: Fleet['spec']['exports']['ungranted'],
): Exports {
  const { own = [], others = [] } = Object.groupBy(grants, ({ spec }) => (spec.clusters.includes(clusterID) ? 'own' : 'others'))
  const granted = namesIn(own)
  const reserved =
    ungranted === 'Deny' ? [] : namesIn(others).filter((name) => !granted.includes(name) && !granted.includes(wholeOf(name)))
  return reserved.length > maxExportNames
    ? { ungranted: 'Deny', granted: granted.slice(0, maxExportNames), reserved: [] }
    : { ungranted, granted: granted.slice(0, maxExportNames), reserved }
}

/** Sorted, each once, and none beside the `*` of its namespace. */
function namesIn(grants: readonly Pick<ExportGrant, 'spec'>[]): string[] {
  const all = grants.flatMap(
    ({ spec: { namespace, services } }) => services?.map((name) => `${namespace}/${name}`) ?? [allOf(namespace)],
  )
  const names = new Set(all)
  return [...names].filter((name) => name === wholeOf(name) || !names.has(wholeOf(name))).sort()
}

const wholeOf = (name: string): string => allOf(name.slice(0, name.indexOf('/')))
