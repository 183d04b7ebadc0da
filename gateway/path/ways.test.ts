import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { createServer } from 'node:net'
import { once } from 'node:events'
import { gatewayDNSName } from '#crds/places.ts'
import { readCertificate } from '#lib/pki/certificate.ts'
import type { Logger } from '#lib/std/log.ts'
import { logger } from '#lib/std/log.ts'
import { eventually } from '#test/kit/eventually.ts'
import { gatewayOf } from '#test/kit/gateway.ts'
import { testCA } from '#test/kit/test-ca.ts'
import type { Kept } from '../certificate/kept.ts'
import type { Peer } from '../engine.ts'
import { RelayLink } from './link.ts'
import { gatewayIDOf } from './frame.ts'
import { Ways } from './ways.ts'

const log = logger('test', 'silent')
const { signal } = new AbortController()
const ca = testCA()
const nameOf = (cluster: string) => gatewayDNSName(cluster, 'n1')
const keptBy = (cluster: string): Kept => {
  const { key, certificate: pem } = ca.issue(nameOf(cluster))
  const [certificate, root] = [readCertificate(pem), readCertificate(ca.root)]
  assert.ok(certificate !== undefined && root !== undefined)
  return { own: { key, certificate, pem }, trust: { roots: [root], denied: { keys: new Set(), serials: new Set() } } }
}
const peerOf = (cluster: string): Peer => ({
  ...gatewayOf(cluster, 'n1'),
  carries: true,
  kept: ['wireguard'],
  use: 'wireguard',
  presharedKey: undefined,
})
const plan = (...clusters: readonly string[]) => ({ peers: clusters.map(peerOf), cables: new Map() })
const freePort = async () => {
  const server = createServer().listen(0)
  await once(server, 'listening')
  const address = server.address()
  server.close()
  return typeof address === 'object' && address !== null ? address.port : assert.fail()
}
const answers = async (port: number) => {
  const socket = connect(port, '127.0.0.1')
  const answered = await Promise.race([once(socket, 'connect').then(() => true), once(socket, 'close').then(() => false)]).catch(
    () => false,
  )
  socket.destroy()
  return answered
}

suite('a gateway that may relay', () => {
  test('does so while the broker says it and it has a certificate, for its peers alone', async () => {
    const port = await freePort()
    await using ways = new Ways('hub', undefined, log)
    await ways.lead(plan('east', 'west'), keptBy('hub'), undefined, signal)
    assert.equal(await answers(port), false)
    await ways.lead(plan('east', 'west'), { ...keptBy('hub'), own: undefined }, port, signal)
    assert.equal(await answers(port), false)
    const kept = keptBy('hub')
    await ways.lead(plan('east', 'west'), kept, port, signal)
    const place = { name: 'hub/n1', dnsName: nameOf('hub'), places: [{ address: '127.0.0.1', port }] }
    const linkOf = (cluster: string) => {
      const { own, trust } = keptBy(cluster)
      return new RelayLink(place, () => (own === undefined ? undefined : { own, trust }), 9, log)
    }
    await using east = linkOf('east')
    await using west = linkOf('west')
    await eventually(() => assert.ok(east.rttTo(gatewayIDOf(nameOf('west'))) !== undefined && west.name === 'hub/n1'))
    await ways.lead(plan('east'), kept, port, signal)
    await eventually(() => assert.equal(east.rttTo(gatewayIDOf(nameOf('west'))), undefined))
    await ways.lead(plan('east', 'west'), kept, undefined, signal)
    assert.equal(await answers(port), false)
    assert.equal(ways.readRelay(), undefined)
  })

  test('whose port another program has carries on without, and relays once it is free', async () => {
    const other = createServer().listen(0)
    await once(other, 'listening')
    const address = other.address()
    const port = typeof address === 'object' && address !== null ? address.port : assert.fail()
    const said: string[] = []
    const heard = { ...log, info: () => undefined, warn: (_: object, text: string) => said.push(text) } as unknown as Logger
    await using ways = new Ways('hub', undefined, heard)
    for (let pass = 0; pass < 3; pass++) await ways.lead(plan('east'), keptBy('hub'), port, signal)
    assert.equal(ways.readRelay(), undefined)
    assert.deepEqual(said, ['cannot relay: the port is not to be had'])
    other.close()
    await once(other, 'close')
    await ways.lead(plan('east'), keptBy('hub'), port, signal)
    assert.notEqual(ways.readRelay(), undefined)
  })

  test('that cannot prove itself says no ill of the port', async () => {
    const said: string[] = []
    const heard = { ...log, warn: (_: object, text: string) => said.push(text) } as unknown as Logger
    await using ways = new Ways('hub', undefined, heard)
    const { own, trust } = keptBy('hub')
    const other = keptBy('east').own
    assert.ok(own !== undefined && other !== undefined)
    await ways.lead(plan('east'), { own: { ...own, key: other.key }, trust }, await freePort(), signal)
    assert.equal(ways.readRelay(), undefined)
    assert.deepEqual(said, ['cannot relay'])
  })

  test('that comes to have a proof that is none relays no more, until it has another', async () => {
    const said: string[] = []
    const heard = { ...log, info: () => undefined, warn: (_: object, text: string) => said.push(text) } as unknown as Logger
    await using ways = new Ways('hub', undefined, heard)
    const [own, other] = [keptBy('hub'), keptBy('east').own]
    assert.ok(own.own !== undefined && other !== undefined)
    const port = await freePort()
    const relays = async (kept: Kept) => {
      await ways.lead(plan('east'), kept, port, signal)
      return ways.readRelay() !== undefined
    }
    const broken = { ...own, own: { ...own.own, pem: other.pem } }
    assert.deepEqual(
      [await relays(own), await relays(broken), await relays(broken), await relays(own)],
      [true, false, false, true],
    )
    assert.deepEqual(said, ['cannot relay'])
  })
})
