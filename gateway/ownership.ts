// What of a node's network is the gateway's: routes over the cable device and its own nft table. The device itself is its driver's.
import type { Ownership } from '#lib/host/network.ts'
import { cableDevice, gatewayTable } from './data-plane.ts'

export const gatewayOwns: Ownership = {
  links: [],
  tables: [gatewayTable],
  route: ({ target }) => target.kind === 'device' && target.dev === cableDevice,
  rule: () => false,
}
