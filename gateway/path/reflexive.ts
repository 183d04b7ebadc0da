// Where a gateway behind NAT is heard by others: an address to publish, as long as most clusters that hear it through a NAT say the same. A
// NAT that shows each of them another port lets nobody in by any of them.
import { isCandidate } from '#crds/rules/gateway-candidates.ts'
import type { CIDR } from '#lib/net/cidr.ts'
import { formatIP, parseIP } from '#lib/net/ip.ts'
import type { Candidate } from '../cable/driver.ts'

/** A cluster hears the gateway on this node at `address:port`, by its own word. */
export type HeardAt = { readonly by: string; readonly node: string; readonly address: string }

/**
 * undefined: nobody hears us but at our own address, or no more than half say the same. A cluster has one vote a family of addresses, which
 * is lost where its gateways differ. Of two families the first that is agreed on is taken. `routed`: addresses where no gateway can be.
 */
export function reflexiveOf(
  self: { readonly node: string; readonly nodeAddress: string },
  heard: readonly HeardAt[],
  routed: readonly CIDR[],
): Candidate | undefined {
  const own = parsePlace(`${self.nodeAddress}:1`)?.address
  const votes = heard.flatMap(({ node, by, address }) => {
    const at = node === self.node ? parsePlace(address) : undefined
    // Our own address with another port is that of a door (link.ts), heard during a try.
    return at === undefined || at.address === own || !isCandidate(at.address, routed) ? [] : [{ by, at }]
  })
  for (const isIPv6 of [false, true]) {
    const at = agreed(votes.filter((vote) => vote.at.address.includes(':') === isIPv6))
    if (at !== undefined) return at
  }
  return undefined
}

function agreed(votes: readonly { readonly by: string; readonly at: Candidate }[]): Candidate | undefined {
  const clusters = [...Map.groupBy(votes, ({ by }) => by).values()].map(
    (of) => new Map(of.map(({ at }) => [`${at.address} ${at.port}`, at])),
  )
  const said = clusters.flatMap((places) => (places.size === 1 ? [...places] : []))
  const most = [...Map.groupBy(said, ([text]) => text).values()].find((same) => 2 * same.length > clusters.length)
  return most?.[0]?.[1]
}

/** Of `addressText`; the address as it is written by `formatIP`. */
export function parsePlace(text: string): Candidate | undefined {
  const [, address = '', port = ''] = /^\[?([^\]]+)\]?:(\d{1,5})$/.exec(text) ?? []
  const number = Number(port)
  const ip = parseIP(address)
  return ip.ok && number >= 1 && number <= 65_535 ? { address: formatIP(ip.value), port: number } : undefined
}
