// The addresses of the names by which grants tell members where the broker is. The one place that asks DNS: bounded in names, addresses and
// time. A name that nobody answers for holds up nothing; what was last known of it stands.
import { Resolver } from 'node:dns/promises'

/** Name → its addresses; without any where nothing was ever known of it. */
export type ServerNames = ReadonlyMap<string, readonly string[]>

/** The addresses of one name, within `answerMs`; rejects when nobody knows it or nobody answers. */
export type Resolve = (name: string) => Promise<readonly string[]>

const mostNames = 16
const mostAddresses = 16
/** As long is an answer, or none, good for. Grants are few and the broker moves seldom. */
const freshMs = 60_000
const answerMs = 2000

/** Remembers, so it is made once. Tells about the first `mostNames` of the names. */
export function serverNames(resolve: Resolve = resolveByDNS): (names: readonly string[], now: Date) => Promise<ServerNames> {
  let known = new Map<string, { readonly addresses: readonly string[]; readonly askedAt: number }>()
  return async (names, now) => {
    const at = now.getTime()
    const entries = [...new Set(names)].slice(0, mostNames).map(async (name) => {
      const before = known.get(name)
      if (before !== undefined && at - before.askedAt < freshMs) return [name, before] as const
      const found = await resolve(name).catch(() => undefined)
      return [name, { addresses: found?.slice(0, mostAddresses) ?? before?.addresses ?? [], askedAt: at }] as const
    })
    known = new Map(await Promise.all(entries))
    return new Map([...known].map(([name, { addresses }]) => [name, addresses]))
  }
}

async function resolveByDNS(name: string): Promise<readonly string[]> {
  const resolver = new Resolver({ timeout: answerMs, tries: 1 })
  // Its own limit is for each server that it is told of.
  const limit = setTimeout(() => resolver.cancel(), answerMs)
  const answers = await Promise.allSettled([resolver.resolve4(name), resolver.resolve6(name)])
  clearTimeout(limit)
  const addresses = answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []))
  if (addresses.length === 0) throw new Error(`${name} has no address`)
  return addresses
}
