// The small parts that names of services are made of, with an address of their own or without: addresses, and ports as SRV records.
import type { IPFamily } from '#lib/net/ip.ts'
import { formatIP, parseIP } from '#lib/net/ip.ts'
import type { Name } from './wire/name.ts'
import type { Data } from './wire/record.ts'

export type Port = { readonly name?: string | undefined; readonly protocol?: string | undefined; readonly port?: number }

/** That a port is served at a name; `path` is undefined for a port without a name, which only the bare name lists. */
export type Offer = { readonly path: Name | undefined; readonly port: number; readonly target: Name }

export function offered({ name, protocol, port }: Port, target: Name): readonly Offer[] {
  if (port === undefined || port < 1 || port > 0xffff) return []
  const labels = [name?.toLowerCase() ?? '', (protocol ?? 'TCP').toLowerCase()]
  return [{ path: labels.every(isLabel) ? labels.map((label) => `_${label}`) : undefined, port, target }]
}

/** A target and port once, with equal shares of a hundred, so that an answer cut short still says how much of the whole each one takes. */
export function srvOf(offers: Iterable<Offer>, most = Infinity): readonly Data[] {
  const once = distinct(offers, ({ port, target }) => `${port} ${target.join('.')}`, most)
  const weight = Math.max(1, Math.floor(100 / once.length))
  return once.map(({ port, target }) => ({ type: 'SRV', priority: 0, weight, port, target }))
}

/** No record where the text is no address, or not of the family. */
export function addressOf(text: string, family?: string): readonly Address[] {
  const ip = parseIP(text)
  if (!ip.ok || (family !== undefined && family !== ip.value.family)) return []
  return [{ type: typeOf[ip.value.family], address: formatIP(ip.value) }]
}

export type Address = Extract<Data, { readonly address: string }>

const typeOf = { IPv4: 'A', IPv6: 'AAAA' } as const satisfies Record<IPFamily, Data['type']>

/** A DNS-1123 label. What names are made of comes from other clusters too, and a label with a dot in it would lie about its place. */
export const isLabel = (text: string): boolean => /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(text)

/** The first `most` of them by what tells them apart; what follows those is not even looked at. */
export function distinct<T>(values: Iterable<T>, keyOf: (value: T) => string, most = Infinity): readonly T[] {
  const found = new Map<string, T>()
  for (const value of values) {
    if (found.size >= most) break
    const key = keyOf(value)
    if (!found.has(key)) found.set(key, value)
  }
  return [...found.values()]
}
