import assert from 'node:assert/strict'
import fc from 'fast-check'
import type { Peer, PeerChange, PeerState } from '#lib/host/wg.ts'
import { tunnelAddress } from '#lib/net/keys.ts'
import type { PublicKey } from '#lib/net/keys.ts'
import { cidrs, keyOf } from '#test/kit/gateway.ts'
import { freshMs, peerOf, planPeers } from './plan.ts'

const now = 1_000_000
const peer = (name: string, allowedIPs: readonly string[], change: Partial<Peer> = {}): Peer => ({
  publicKey: keyOf(name),
  address: '192.0.2.1:51820',
  allowedIPs,
  keepaliveSeconds: 0,
  ...change,
})
const state = (of: Peer, change: Partial<PeerState> = {}): PeerState => ({ ...of, rxBytes: 0, txBytes: 0, ...change })

suite('a cable as WireGuard says it', () => {
  const cable = {
    publicKey: keyOf('a'),
    candidates: [{ address: '2001:db8::1', port: 51820 }],
    cidrs: cidrs('10.242.0.0/16'),
  } as const

  test('carries its admitted blocks and the one tunnel address that follows from its key', () =>
    assert.deepEqual(peerOf(cable).allowedIPs, ['10.242.0.0/16', `${tunnelAddress(keyOf('a'))}/128`]))
  test('goes to its best candidate, IPv6 in brackets', () => assert.equal(peerOf(cable).address, '[2001:db8::1]:51820'))
})

suite('what must change in a WireGuard device', () => {
  test('nothing, when it is as it should be', () => {
    const a = peer('a', ['10.1.0.0/16'])
    assert.deepEqual(planPeers([a], [state(a)], now), [])
  })

  test('an address that moves is given to the new owner and never taken from the old one before', () => {
    const [a, b] = [peer('a', ['10.1.0.0/16']), peer('b', [])]
    const moved = planPeers([peer('a', []), peer('b', ['10.1.0.0/16'])], [state(a), state(b)], now)
    assert.deepEqual(
      moved.map((c) => (c.do === 'put' ? [c.peer.publicKey, c.replaceAllowed] : c)),
      [[keyOf('b'), false]],
    )
  })

  test('a peer that answered lately is left where its packets come from', () => {
    const want = peer('a', [], { address: '198.51.100.9:51820' })
    const have = (handshakeAt?: number) => state(peer('a', []), handshakeAt === undefined ? {} : { handshakeAt })
    assert.deepEqual(planPeers([want], [have(now - 1000)], now), [])
    assert.equal(planPeers([want], [have(now - freshMs)], now).length, 1)
    assert.equal(planPeers([want], [have()], now).length, 1)
  })

  test('puts come before drops', () => {
    const changes = planPeers([peer('new', ['10.1.0.0/16'])], [state(peer('old', ['10.1.0.0/16']))], now)
    assert.deepEqual(
      changes.map((c) => c.do),
      ['put', 'drop'],
    )
  })

  // wireguard-go adds to a peer's list, `wg` replaces it whole: both must come to the same.
  for (const lists of ['are added to', 'are replaced'] as const)
    test(`from any state to any other where lists ${lists}: it ends as wanted, and no address that stays is ever without an owner`, () => {
      const names = ['a', 'b', 'c', 'd']
      const blocks = ['10.1.0.0/16', '10.2.0.0/16', '10.3.0.0/16']
      // Which peer has which block; a peer may also be absent, and then has none.
      const states = fc.tuple(fc.subarray(names), fc.array(fc.nat(3), { minLength: 3, maxLength: 3 })).map(([there, owners]) =>
        there.map((name) =>
          peer(
            name,
            blocks.filter((_, i) => names[owners[i] ?? 0] === name),
          ),
        ),
      )
      fc.assert(
        fc.property(states, states, (from, to) => {
          const device = new Map(from.map((p) => [p.publicKey, new Set(p.allowedIPs)]))
          const owned = () => new Set([...device.values()].flatMap((ips) => [...ips]))
          const kept = to.flatMap((p) => p.allowedIPs).filter((ip) => owned().has(ip))
          for (const change of planPeers(
            to,
            from.map((p) => state(p)),
            now,
          )) {
            apply(device, change, lists)
            assert.ok(kept.every((ip) => owned().has(ip)))
          }
          assert.deepEqual(text(device), text(new Map(to.map((p) => [p.publicKey, new Set(p.allowedIPs)]))))
        }),
        { numRuns: 500 },
      )
    })
})

type Device = Map<PublicKey, Set<string>>

/** As the kernel does it: an address has one owner. */
function apply(device: Device, change: PeerChange, lists: 'are added to' | 'are replaced'): void {
  if (change.do === 'drop') {
    device.delete(change.publicKey)
    return
  }
  const { publicKey, allowedIPs } = change.peer
  const own = change.replaceAllowed || lists === 'are replaced' ? new Set<string>() : (device.get(publicKey) ?? new Set<string>())
  for (const ips of device.values()) for (const ip of allowedIPs) ips.delete(ip)
  for (const ip of allowedIPs) own.add(ip)
  device.set(publicKey, own)
}

const text = (device: Device) => [...device].map(([key, ips]) => `${key} ${[...ips].toSorted().join(',')}`).toSorted()
