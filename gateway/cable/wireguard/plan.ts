// From the cables that are wanted and the peers that a WireGuard device has, to what must change.
import type { Peer, PeerChange, PeerState } from '#lib/host/wg.ts'
import { tunnelAddress } from '#lib/net/keys.ts'
import type { Cable } from '../driver.ts'
import { addressText } from '../driver.ts'
import { sameKey } from './device.ts'

/** A peer that answered within this time is reached where its packets come from, wherever its candidates point. WireGuard ends a session after 180 s. */
export const freshMs = 180_000

/** The cable as WireGuard says it. */
export const peerOf = (cable: Cable): Peer => ({
  publicKey: cable.publicKey,
  address: addressText(cable.candidates[0]),
  allowedIPs: [`${tunnelAddress(cable.publicKey)}/128`, ...cable.cidrs].toSorted(),
  // The pulse keeps open what a NAT would close.
  keepaliveSeconds: 0,
  ...(cable.presharedKey === undefined ? {} : { presharedKey: cable.presharedKey }),
})

/**
 * First everything that only adds, then what takes away, then peers that go. An address that moves to another peer is given to the new
 * one, and WireGuard takes it from the old one in the same instant; so no address that stays wanted is ever without an owner.
 */
export function planPeers(want: readonly Peer[], have: readonly PeerState[], now: number): readonly PeerChange[] {
  const there = new Map(have.map((h) => [h.publicKey, h]))
  const wanted = new Set(want.map((w) => w.publicKey))
  const owner = new Map(have.flatMap((h) => h.allowedIPs.map((ip) => [ip, h.publicKey])))
  const puts: PeerChange[] = []
  for (const peer of want) {
    const before = there.get(peer.publicKey)
    const put = before === undefined ? peer : changed(peer, before, now)
    for (const ip of peer.allowedIPs) owner.set(ip, peer.publicKey)
    if (put === undefined) continue
    // With what it has and need not have: the whole list is said, since not every `wg` can add to one.
    const kept = before?.allowedIPs.filter((ip) => owner.get(ip) === peer.publicKey) ?? []
    const allowedIPs = [...new Set([...kept, ...peer.allowedIPs])].toSorted()
    puts.push({ do: 'put', peer: { ...put, allowedIPs }, replaceAllowed: before === undefined })
  }
  // Whatever a peer still has and should not have; what others got meanwhile is gone already.
  const cuts = want.flatMap((peer): readonly PeerChange[] => {
    const left = there.get(peer.publicKey)?.allowedIPs.filter((ip) => owner.get(ip) === peer.publicKey) ?? []
    const { address: _, ...rest } = peer
    return left.every((ip) => peer.allowedIPs.includes(ip)) ? [] : [{ do: 'put', peer: rest, replaceAllowed: true }]
  })
  return [
    ...puts,
    ...cuts,
    ...have.filter((h) => !wanted.has(h.publicKey)).map(({ publicKey }) => ({ do: 'drop', publicKey }) as const),
  ]
}

/** What must be said of a peer that is there before anything is taken from it; undefined: nothing. */
function changed(want: Peer, have: PeerState, now: number): Peer | undefined {
  const fresh = have.handshakeAt !== undefined && now - have.handshakeAt < freshMs
  const { address, ...rest } = want
  const moved = address !== undefined && address !== have.address && !fresh
  const added = want.allowedIPs.some((ip) => !have.allowedIPs.includes(ip))
  const alike = want.keepaliveSeconds === have.keepaliveSeconds && sameKey(want.presharedKey, have.presharedKey)
  if (!moved && !added && alike) return undefined
  return moved ? { ...rest, address } : rest
}
