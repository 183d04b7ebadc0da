// What of a node's network is the gateway's: the routes that come first, and its own nft table. The cables' devices are their drivers'.
import type { Ownership } from '#lib/host/network.ts'
import { gatewayTable, metric } from './data-plane.ts'

export const gatewayOwns: Ownership = {
  links: [],
  tables: [gatewayTable],
  route: ({ metric: preference }) => preference === metric.cable,
  rule: () => false,
}
