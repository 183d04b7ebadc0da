// Where a gateway behind NAT is heard by others: an address to publish, as long as all who hear it say the same. A NAT that shows each of
// them another port lets nobody in by any of them.
import { isCandidate } from '#crds/rules/gateway-candidates.ts'
import type { CIDR } from '#lib/net/cidr.ts'
import { parseIP } from '#lib/net/ip.ts'
import type { Candidate } from '../cable/driver.ts'
import { addressText } from '../cable/driver.ts'

/** A cluster hears the gateway on this node at `address:port`, by its own word. */
export type HeardAt = { readonly by: string; readonly node: string; readonly address: string }

/** undefined: nobody hears us, at our own address, or not all at the same. `routed`: addresses where no gateway can be. */
export function reflexiveOf(
  self: { readonly node: string; readonly nodeAddress: string; readonly port: number },
  heard: readonly HeardAt[],
  routed: readonly CIDR[],
): Candidate | undefined {
  const own = addressText({ address: self.nodeAddress, port: self.port })
  const places = new Set(heard.filter(({ node }) => node === self.node).map(({ address }) => address))
  const [place, ...others] = places
  if (place === undefined || others.length > 0 || place === own) return undefined
  const candidate = parsePlace(place)
  return candidate !== undefined && isCandidate(candidate.address, routed) ? candidate : undefined
}

/** Of `addressText`. */
export function parsePlace(text: string): Candidate | undefined {
  const [, address = '', port = ''] = /^\[?([^\]]+)\]?:(\d{1,5})$/.exec(text) ?? []
  const number = Number(port)
  return parseIP(address).ok && number >= 1 && number <= 65_535 ? { address, port: number } : undefined
}
