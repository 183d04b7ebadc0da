// What was written to an apiserver, as the apiserver itself counts it: apiserver_request_total, before and after.
import type { Cluster } from '#test/rig/cluster.ts'

/** `PATCH services`, `PUT leases`, `POST exportedservices`: how often since the apiserver started. */
export type Writes = ReadonlyMap<string, number>

const verbs = ['POST', 'PUT', 'PATCH', 'APPLY', 'DELETE', 'DELETECOLLECTION']
/** What kubelets write, and questions that store nothing. Whatever else is written is counted, so that no kind of ours is forgotten here. */
const notOurs = [
  'nodes/status',
  'pods/status',
  'serviceaccounts/token',
  'tokenreviews',
  'subjectaccessreviews',
  'selfsubjectaccessreviews',
  'selfsubjectreviews',
]

export const writesTo = async (cluster: Cluster, signal: AbortSignal): Promise<Writes> =>
  writesIn(await cluster.kubectl(['get', '--raw', '/metrics'], '', signal))

/** From Prometheus' text format. */
export function writesIn(text: string): Writes {
  const writes = new Map<string, number>()
  for (const [, labels = '', count] of text.matchAll(/^apiserver_request_total\{(.*)\} (\S+)$/gm)) {
    const label = Object.fromEntries([...labels.matchAll(/(\w+)="([^"]*)"/g)].map(([, name = '', value]) => [name, value]))
    const { verb = '', resource = '', subresource = '', dry_run = '' } = label
    const kind = `${resource}${subresource === '' ? '' : `/${subresource}`}`
    if (!verbs.includes(verb) || dry_run !== '' || resource === '' || notOurs.includes(kind)) continue
    const what = `${verb} ${kind}`
    writes.set(what, (writes.get(what) ?? 0) + Number(count))
  }
  return writes
}

/** Those that came in between; leases apart, as they are what tells the living from the dead. */
export function between(
  before: Writes,
  after: Writes,
): { readonly leases: number; readonly others: Readonly<Record<string, number>> } {
  const added = [...after]
    .map(([what, count]) => [what, count - (before.get(what) ?? 0)] as const)
    .filter(([, count]) => count > 0)
  const isLease = ([what]: readonly [string, number]) => what.endsWith(' leases')
  return {
    leases: total(Object.fromEntries(added.filter(isLease))),
    others: Object.fromEntries(added.filter((entry) => !isLease(entry))),
  }
}

export const total = (counts: Readonly<Record<string, number>>): number => Object.values(counts).reduce((a, b) => a + b, 0)
