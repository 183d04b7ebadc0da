// With whom a cluster shares what it exports. ServiceExport keeps upstream's shape (KEP-1645), so that is said in an annotation of it; to
// the others it goes as `exportTo` of the ExportedService, and they keep to it.
import type { ClusterID } from '#lib/net/cluster-id.ts'
import { parseClusterID } from '#lib/net/cluster-id.ts'
import type { KubeObject } from '#lib/kube/object.ts'
import type { Result } from '#lib/std/result.ts'
import { invalid, ok } from '#lib/std/result.ts'

export const exportToAnnotation = 'tombolo.dev/export-to'
/** As many as a fleet has members. */
export const mostExportTo = 500

/** Undefined: with every member. In byte order, each once. What is not understood is shared with nobody, so it is no list. */
export function exportToOf({ metadata }: Pick<KubeObject, 'metadata'>): Result<readonly ClusterID[] | undefined> {
  const text = metadata.annotations?.[exportToAnnotation]
  if (text === undefined) return ok(undefined)
  const read = parseExportTo(text)
  return read.ok ? read : invalid(`metadata.annotations["${exportToAnnotation}"]`, read.error.value, read.error.want)
}

/** `west, south`: at least one id, and none that could not be one. `value` of an error is the part that is wrong. */
export function parseExportTo(text: string): Result<readonly ClusterID[]> {
  const ids = new Set<ClusterID>()
  for (const part of text.split(',')) {
    const id = parseClusterID(part.trim())
    if (!id.ok) return invalid('exportTo', part.trim().slice(0, 64), 'ids of clusters with commas between, such as "east,west"')
    ids.add(id.value)
  }
  return ids.size > mostExportTo ? invalid('exportTo', `${ids.size} ids`, `at most ${mostExportTo}`) : ok([...ids].sort())
}

/** Whether this cluster may import it. Its own exports a cluster always has. */
export const isSharedWith = (
  { clusterID, exportTo }: { readonly clusterID: string; readonly exportTo?: readonly string[] | undefined },
  cluster: string,
): boolean => exportTo === undefined || clusterID === cluster || exportTo.includes(cluster)

/** For people, as the subject of `can import`. */
export function importers(exportTo: readonly string[] | undefined): string {
  if (exportTo === undefined) return 'the other clusters'
  const named = exportTo.length > 5 ? [...exportTo.slice(0, 5), `${exportTo.length - 5} more`] : exportTo
  return named.length < 2 ? named.join() : `${named.slice(0, -1).join(', ')} and ${named.at(-1) ?? ''}`
}
