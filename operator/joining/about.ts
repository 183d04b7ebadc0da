// What a cluster says of the Tombolo that runs in it when it asks to join.
import packageJson from '../../package.json' with { type: 'json' }

export const ownVersion: string = packageJson.version

/** What it can do. The broker asks for a cable driver of the fleet's and for the families of its addresses (broker/joins/fit.ts). */
export const capabilities = ['cable/wireguard', 'cable/ipsec', 'ip/v4', 'ip/v6'] as const
