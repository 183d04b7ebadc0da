// What of a node's network is the gateway's: routes over the devices of cables and its own nft table. The devices are their drivers'.
import type { Ownership } from '#lib/host/network.ts'
import { cableDevices, gatewayTable } from './data-plane.ts'

const ours: readonly string[] = Object.values(cableDevices)

export const gatewayOwns: Ownership = {
  links: [],
  tables: [gatewayTable],
  route: ({ target }) => target.kind === 'device' && ours.includes(target.dev),
  rule: () => false,
}
