// What a cluster says of the Tombolo that runs in it when it asks to join.
import packageJson from '../../package.json' with { type: 'json' }

export const ownVersion: string = packageJson.version

/** What it can do. It stands in the request for people to read; no rule asks for it yet, and the broker admits any version. */
export const capabilities = ['cable/wireguard', 'ip/v4', 'ip/v6'] as const
