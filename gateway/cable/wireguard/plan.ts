// From the cables that are wanted and the peers that a WireGuard device has, to what must change.
import type { Peer, PeerChange, PeerState } from '#lib/host/wg.ts'
import { tunnelAddress } from '#lib/net/keys.ts'
import type { Cable, Candidate } from '../driver.ts'

/** A peer that answered within this time is reached where its packets come from, wherever its candidates point. WireGuard ends a session after 180 s. */
export const freshMs = 180_000
/** How often a NAT must see a packet to keep the flow open; 25 s is what wg(8) recommends. */
const natKeepaliveSeconds = 25

/** The cable as WireGuard says it. */
export const peerOf = (cable: Cable): Peer => ({
  publicKey: cable.publicKey,
  address: addressText(cable.candidates[0]),
  allowedIPs: [`${tunnelAddress(cable.publicKey)}/128`, ...cable.cidrs].toSorted(),
  keepaliveSeconds: cable.nat === 'behind' ? natKeepaliveSeconds : 0,
})

/**
 * Puts come before drops, and among puts those that only add addresses before those that take some away. An address that moves to
 * another peer is only added there: WireGuard takes it from the old one in the same instant, so no packet finds it unassigned.
 */
export function planPeers(want: readonly Peer[], have: readonly PeerState[], now: number): readonly PeerChange[] {
  const there = new Map(have.map((h) => [h.publicKey, h]))
  const owner = new Map(want.flatMap((w) => w.allowedIPs.map((ip) => [ip, w.publicKey])))
  const puts = want.flatMap((w) => putFor(w, there.get(w.publicKey), owner, now))
  const wanted = new Set(want.map((w) => w.publicKey))
  return [
    ...puts.filter((p) => !p.replaceAllowed),
    ...puts.filter((p) => p.replaceAllowed),
    ...have.filter((h) => !wanted.has(h.publicKey)).map(({ publicKey }) => ({ do: 'drop', publicKey }) as const),
  ]
}

type Put = Extract<PeerChange, { do: 'put' }>

function putFor(want: Peer, have: PeerState | undefined, owner: ReadonlyMap<string, string>, now: number): readonly Put[] {
  if (have === undefined) return [{ do: 'put', peer: want, replaceAllowed: true }]
  const fresh = have.handshakeAt !== undefined && now - have.handshakeAt < freshMs
  const { address, ...rest } = want
  const moved = address !== undefined && address !== have.address && !fresh
  const added = want.allowedIPs.some((ip) => !have.allowedIPs.includes(ip))
  // Those that go to another peer leave by being added there.
  const removed = have.allowedIPs.some((ip) => !want.allowedIPs.includes(ip) && !owner.has(ip))
  if (!moved && !added && !removed && want.keepaliveSeconds === have.keepaliveSeconds) return []
  return [{ do: 'put', peer: moved ? { ...rest, address } : rest, replaceAllowed: removed }]
}

const addressText = ({ address, port }: Candidate): string =>
  address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`
