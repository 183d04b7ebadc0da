// One imported service → the names below it (KEP-1645, specification.md "DNS"). Pure, so that a change of one service costs one service.
import type { Port } from './offers.ts'
import { addressOf, isLabel, offered, srvOf } from './offers.ts'
import type { Entry, Node } from './tree.ts'
import { tree } from './tree.ts'
import type { Name } from './wire/name.ts'
import { fits } from './wire/name.ts'
import type { Data } from './wire/record.ts'

/** As much of a ServiceImport as names are made of. Nothing in it is trusted to be well-formed: what is not makes no record. */
export type Service = {
  readonly metadata: { readonly name: string; readonly namespace?: string }
  /** Upstream's schema lets it be absent. */
  readonly spec?: {
    readonly type: 'ClusterSetIP' | 'Headless'
    readonly ports: readonly Port[]
    readonly ips?: readonly string[] | undefined
  }
}

/** Of the records: `zone` in lower case, `ttl` in seconds. */
export type Settings = { readonly zone: Name; readonly ttl: number }

/** The service's own name, whole; undefined when no query can spell it. */
export function serviceName({ metadata: { name, namespace } }: Service, { zone }: Settings): Name | undefined {
  if (!isLabel(name) || namespace === undefined || !isLabel(namespace)) return undefined
  const root = [name, namespace, 'svc', ...zone]
  return fits(root) ? root : undefined
}

/**
 * The names of a service with an address of its own. It exists from the start, also while it has no address yet: a resolver that asks too
 * early must not remember that there is no such name.
 */
export function virtualNames({ spec }: Service, root: Name, { ttl }: Settings): Node {
  const addresses = (spec?.ips ?? []).flatMap((ip) => addressOf(ip))
  const offers = (spec?.ports ?? []).flatMap((port) => offered(port, root))
  const named = Map.groupBy(
    offers.filter((offer) => offer.path !== undefined),
    (offer) => offer.path?.join('.'),
  )
  const rows: readonly (readonly [Name, readonly Data[]])[] = [
    [[], [...addresses, ...srvOf(offers)]],
    ...[...named.values()].map((group) => [group[0]?.path ?? [], srvOf(group)] as const),
  ]
  return tree(
    rows
      .filter(([path]) => fits([...path, ...root]))
      .map(([path, all]): [Name, ...Entry[]] => [path, ...all.map((data) => ({ ttl, data }))]),
  )
}
