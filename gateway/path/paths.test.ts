import assert from 'node:assert/strict'
import { logger } from '#lib/std/log.ts'
import type { PublicKey } from '#lib/net/keys.ts'
import { eventually } from '#test/kit/eventually.ts'
import { keyOf } from '#test/kit/gateway.ts'
import type { PathPeer } from './paths.ts'
import { Paths } from './paths.ts'

const log = logger('test', 'silent')
const peerOf = (clusterID: string): PathPeer => ({
  publicKey: keyOf(clusterID),
  clusterID,
  node: 'n1',
  dnsName: `n1.${clusterID}.gateway.tombolo.dev`,
  addresses: [{ address: '192.0.2.1', port: 51820 }],
})

suite('the ways of all cables', () => {
  test('one whose device does not obey keeps no other from its way', async () => {
    const peers = ['east', 'north', 'west'].map(peerOf)
    const steered = new Set<PublicKey>()
    const driver = {
      // Doors of a process before: each must be led away from it.
      read: () =>
        Promise.resolve(
          peers.map(({ publicKey }) => ({
            cable: 'wireguard' as const,
            publicKey,
            address: '127.0.0.1:9',
            rxBytes: 0,
            txBytes: 0,
          })),
        ),
      steer: (publicKey: PublicKey) => {
        if (publicKey === peers[0]?.publicKey) throw new Error('no such device')
        steered.add(publicKey)
        return Promise.resolve()
      },
    }
    const options = {
      driver,
      port: 9,
      publicKey: keyOf('own'),
      pulse: () => [],
      nudge: () => undefined,
      onChange: () => undefined,
      log,
    }
    await using paths = new Paths(options)
    await paths.set({ peers, relays: [], proof: undefined })
    paths.start()
    await eventually(() => assert.deepEqual([...steered], [peers[1]?.publicKey, peers[2]?.publicKey]))
  })
})
