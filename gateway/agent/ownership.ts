// What of a node's network is the agent's: everything on the overlay, the rules, and the routes that lead nowhere.
import type { Ownership } from '#lib/host/network.ts'
import { agentTable, cableDevices, gatewayTable, metric, overlayDevice, remoteTable, returnTable } from '../data-plane.ts'

const ourTables: readonly number[] = [remoteTable, returnTable]

export const agentOwns: Ownership = {
  links: [overlayDevice],
  tables: [agentTable],
  route: ({ table, metric: preference }) => ourTables.includes(table) && preference !== metric.cable,
  rule: () => true,
}

/** Where there is no gateway, or no more: what it left is in nobody else's care. */
export const everythingOfOurs: Ownership = {
  // That of IPsec is looked at more closely (cable/ipsec/esp.ts), as others have the name too.
  links: [overlayDevice, cableDevices.wireguard],
  tables: [agentTable, gatewayTable],
  route: () => true,
  rule: () => true,
}
