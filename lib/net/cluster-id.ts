// The name of a cluster in its fleet. One DNS label (KEP-1645 narrows KEP-2149): it stands in
// `<host>.<cluster id>.<service>.<namespace>.svc.clusterset.local`, where no dot may hide.
import type { Brand } from '#lib/std/brand.ts'
import type { Result } from '#lib/std/result.ts'
import { invalid, ok } from '#lib/std/result.ts'

export type ClusterID = Brand<string, 'ClusterID'>

/** RFC 1123 label, at most 63 characters. The broker's namespace `tombolo-m-<id>` limits it further to 53. */
export const clusterIDPattern = /^[a-z0-9]([-a-z0-9]{0,51}[a-z0-9])?$/

export function parseClusterID(value: string): Result<ClusterID> {
  return clusterIDPattern.test(value)
    ? ok(value as ClusterID)
    : invalid('clusterID', value, 'a DNS label of at most 53 characters: lower-case letters, digits and "-", e.g. "east"')
}
