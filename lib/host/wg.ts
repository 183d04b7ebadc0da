// WireGuard's two texts: the UAPI protocol that wireguard-go speaks on its socket (wireguard.com/xplatform), and the arguments and the
// dump of `wg`, through which the kernel's device is reached, because netlink is out of Node's reach.
import type { PublicKey } from '#lib/net/keys.ts'
import { keyFromHex, keyToHex, PresharedKey, PrivateKey } from '#lib/net/keys.ts'

/** `address` is where its packets go, `192.0.2.1:51820` or `[2001:db8::1]:51820`. `keepaliveSeconds` 0 means none, and so does no `presharedKey`. */
export type Peer = {
  readonly publicKey: PublicKey
  readonly address?: string
  readonly allowedIPs: readonly string[]
  readonly keepaliveSeconds: number
  readonly presharedKey?: PresharedKey
}

/** `handshakeAt`: ms since the epoch of the last handshake; undefined if there was none. */
export type PeerState = Peer & { readonly handshakeAt?: number; readonly rxBytes: number; readonly txBytes: number }

/** `publicKey` is undefined while the device has no key. */
export type DeviceState = { readonly publicKey?: PublicKey; readonly listenPort: number; readonly peers: readonly PeerState[] }

/** `replaceAllowed` false adds to what the peer has; adding an address that another peer has moves it, between two packets. */
export type PeerChange =
  | { readonly do: 'put'; readonly peer: Peer; readonly replaceAllowed: boolean }
  | { readonly do: 'drop'; readonly publicKey: PublicKey }

// ── UAPI ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────

export const uapiGet = 'get=1\n\n'
/** What every reply ends with. */
export const uapiEnd = '\n\n'

export const uapiSetDevice = (key: PrivateKey, listenPort: number): string =>
  `set=1\nprivate_key=${key.hex()}\nlisten_port=${listenPort}\n\n`

export const uapiSetPeers = (changes: readonly PeerChange[]): string => `set=1\n${changes.flatMap(uapiLines).join('\n')}\n\n`

function uapiLines(change: PeerChange): readonly string[] {
  if (change.do === 'drop') return [`public_key=${keyToHex(change.publicKey)}`, 'remove=true']
  const { publicKey, address, allowedIPs, keepaliveSeconds, presharedKey } = change.peer
  return [
    `public_key=${keyToHex(publicKey)}`,
    // All zeros are none.
    `preshared_key=${presharedKey?.hex() ?? '0'.repeat(64)}`,
    ...(address === undefined ? [] : [`endpoint=${address}`]),
    `persistent_keepalive_interval=${keepaliveSeconds}`,
    ...(change.replaceAllowed ? ['replace_allowed_ips=true'] : []),
    ...allowedIPs.map((cidr) => `allowed_ip=${cidr}`),
  ]
}

/** Throws if the reply carries another errno than 0. */
export function parseUapi(reply: string): DeviceState {
  const device: { publicKey?: PublicKey; listenPort: number; peers: PeerDraft[] } = { listenPort: 0, peers: [] }
  for (const line of reply.split('\n')) {
    const at = line.indexOf('=')
    const [key, value] = [line.slice(0, at), line.slice(at + 1)]
    const peer = device.peers.at(-1)
    if (key === 'errno' && value !== '0') throw new Error(`WireGuard refused: errno ${value}`)
    else if (key === 'private_key') Object.assign(device, ownKey(value))
    else if (key === 'listen_port') device.listenPort = Number(value)
    else if (key === 'public_key') device.peers.push(newPeer(keyFromHex(value)))
    else if (peer !== undefined) readPeerLine(peer, key, value)
  }
  return { ...device, peers: device.peers.map(finishPeer) }
}

/** The device tells its private key; only the public half goes on. */
function ownKey(hex: string): { readonly publicKey?: PublicKey } {
  const key = PrivateKey.parse(Buffer.from(hex, 'hex').toString('base64'))
  return key.ok && !/^0*$/.test(hex) ? { publicKey: key.value.publicKey } : {}
}

const sharedKey = (base64: string): { readonly presharedKey?: PresharedKey } => {
  const key = PresharedKey.parse(base64)
  return key.ok && !/^A*=$/.test(base64) ? { presharedKey: key.value } : {}
}

type PeerDraft = {
  publicKey: PublicKey
  presharedKey?: PresharedKey
  address?: string
  allowedIPs: string[]
  keepaliveSeconds: number
  seconds: number
  nanos: number
  rxBytes: number
  txBytes: number
}

const newPeer = (publicKey: PublicKey): PeerDraft => ({
  publicKey,
  allowedIPs: [],
  keepaliveSeconds: 0,
  seconds: 0,
  nanos: 0,
  rxBytes: 0,
  txBytes: 0,
})

function readPeerLine(peer: PeerDraft, key: string, value: string): void {
  if (key === 'preshared_key') Object.assign(peer, sharedKey(Buffer.from(value, 'hex').toString('base64')))
  else if (key === 'endpoint') peer.address = value
  else if (key === 'allowed_ip') peer.allowedIPs.push(value)
  else if (key === 'persistent_keepalive_interval') peer.keepaliveSeconds = Number(value)
  else if (key === 'last_handshake_time_sec') peer.seconds = Number(value)
  else if (key === 'last_handshake_time_nsec') peer.nanos = Number(value)
  else if (key === 'rx_bytes') peer.rxBytes = Number(value)
  else if (key === 'tx_bytes') peer.txBytes = Number(value)
}

function finishPeer({ seconds, nanos, allowedIPs, ...peer }: PeerDraft): PeerState {
  return {
    ...peer,
    allowedIPs: allowedIPs.toSorted(),
    ...(seconds === 0 ? {} : { handshakeAt: seconds * 1000 + Math.floor(nanos / 1e6) }),
  }
}

// ── wg ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

/** Arguments of `wg`. The key is named by its file, as arguments can be read by everyone on the node. */
export const wgSetDevice = (device: string, keyFile: string, listenPort: number): readonly string[] => [
  'set',
  device,
  'private-key',
  keyFile,
  'listen-port',
  String(listenPort),
]

/** The key is named by its file, as arguments can be read by everyone on the node; an empty file is none. Makes the peer if there is none. */
export const wgSetPresharedKey = (device: string, publicKey: PublicKey, file: string): readonly string[] => [
  'set',
  device,
  'peer',
  publicKey,
  'preshared-key',
  file,
]

export const wgSetPeers = (device: string, changes: readonly PeerChange[]): readonly string[] => [
  'set',
  device,
  ...changes.flatMap(wgWords),
]

function wgWords(change: PeerChange): readonly string[] {
  if (change.do === 'drop') return ['peer', change.publicKey, 'remove']
  const { publicKey, address, allowedIPs, keepaliveSeconds } = change.peer
  return [
    'peer',
    publicKey,
    ...(address === undefined ? [] : ['endpoint', address]),
    'persistent-keepalive',
    String(keepaliveSeconds),
    'allowed-ips',
    // With a sign in front `wg` would add to the list; only newer versions know it, so the whole list is given.
    allowedIPs.join(','),
  ]
}

/** `wg show DEVICE dump`: a line for the device, then one a peer, with tabs between the fields. */
export function parseDump(text: string): DeviceState {
  const [device = '', ...peers] = text.trimEnd().split('\n')
  const [, publicKey = '', listenPort = '0'] = device.split('\t')
  return {
    ...(publicKey === '' || publicKey === '(none)' ? {} : { publicKey: publicKey as PublicKey }),
    listenPort: Number(listenPort),
    peers: peers.map(dumpPeer),
  }
}

function dumpPeer(line: string): PeerState {
  const [
    publicKey = '',
    shared = '(none)',
    address = '(none)',
    allowed = '(none)',
    handshake = '0',
    rx = '0',
    tx = '0',
    keepalive = 'off',
  ] = line.split('\t')
  return {
    publicKey: publicKey as PublicKey,
    ...(shared === '(none)' ? {} : sharedKey(shared)),
    ...(address === '(none)' ? {} : { address }),
    allowedIPs: allowed === '(none)' ? [] : allowed.split(',').toSorted(),
    keepaliveSeconds: keepalive === 'off' ? 0 : Number(keepalive),
    ...(handshake === '0' ? {} : { handshakeAt: Number(handshake) * 1000 }),
    rxBytes: Number(rx),
    txBytes: Number(tx),
  }
}
