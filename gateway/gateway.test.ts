import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { allocation } from '#crds/allocation.ts'
import type { GatewayEndpoint } from '#crds/gateway-endpoint.ts'
import { gatewayEndpoint } from '#crds/gateway-endpoint.ts'
import { gatewayEndpointName } from '#crds/places.ts'
import type { FakeHost } from '#lib/host/fake.ts'
import { fakeHost } from '#lib/host/fake.ts'
import { printPairKey } from '#lib/identity/pair-key.ts'
import type { Kube } from '#lib/kube/client.ts'
import { kube } from '#lib/kube/client.ts'
import type { Node, Secret } from '#lib/kube/kinds.ts'
import { nodes, secrets } from '#lib/kube/kinds.ts'
import type { Kind, KubeObject } from '#lib/kube/object.ts'
import { reflect } from '#lib/kube/reflector.ts'
import type { Store } from '#lib/kube/store.ts'
import type { PublicKey } from '#lib/net/keys.ts'
import { PresharedKey } from '#lib/net/keys.ts'
import { linkLocalOf, macOf } from '#lib/net/mac.ts'
import { logger } from '#lib/std/log.ts'
import type { ApiServer } from '#test/kit/apiserver.ts'
import { apiserver, writes } from '#test/kit/apiserver.ts'
import { eventually } from '#test/kit/eventually.ts'
import { keyOf } from '#test/kit/gateway.ts'
import type { CableDriver } from './cable/driver.ts'
import { wireguard } from './cable/wireguard/driver.ts'
import type { Claim } from './engine.ts'
import { Gateway } from './gateway.ts'
import { Ways } from './path/ways.ts'
import type { Heard, PeerReading, Pulse, PulsePeer, Saying } from './pulse/pulse.ts'

const quiet = logger('test', 'silent')
const namespace = 'tombolo-system'
const leader = (term: number) => ({ role: 'leader', holder: 'n1/boot', term }) as const
const follower = (term: number) => ({ role: 'follower', holder: 'n2/boot', term }) as const

suite('a gateway at work', function () {
  this.timeout(20_000)
  let server: ApiServer
  let api: Kube
  let host: FakeHost
  let pulse: FakePulse
  let stop: AbortController
  let endpoints: Store
  let pairKeys: Store<Secret>

  setup(async () => {
    server = await apiserver()
    api = kube(server.connection, quiet)
    host = fakeHost({ devices: { eth0: ['172.29.1.1/24'] } })
    pulse = fakePulse()
    stop = new AbortController()
    for (const [clusterID, podCIDR, serviceCIDR] of [
      ['east', '10.241.0.0/16', '10.91.0.0/16'],
      ['west', '10.242.0.0/16', '10.92.0.0/16'],
    ] as const)
      put(allocation, clusterID, { spec: { clusterID, podCIDRs: [podCIDR], serviceCIDRs: [serviceCIDR] } })
    for (const [node, role] of [
      ['n1', 'Active'],
      ['n2', 'Standby'],
    ] as const)
      put(gatewayEndpoint, gatewayEndpointName('west', node), {
        spec: {
          clusterID: 'west',
          node,
          candidates: [{ type: 'NodeInternal', address: node === 'n1' ? '192.0.2.1' : '192.0.2.2', port: 51820 }],
          wireguard: { publicKey: keyOf(`west/${node}`) },
        },
        status: { role, term: 3 },
      })
  })
  teardown(async () => {
    stop.abort()
    await api[Symbol.asyncDispose]()
    await server[Symbol.asyncDispose]()
  })

  const put = (kind: Kind, name: string, rest: object) =>
    server.put<KubeObject>(kind, { apiVersion: kind.apiVersion, kind: kind.kind, metadata: { namespace, name }, ...rest })

  /** A new process on the node. */
  async function start(driver?: CableDriver): Promise<Gateway> {
    const options = {
      host,
      device: 'tmb-wg',
      stateDir: '/state',
      port: 51820,
      underlays: ['eth0'],
      mtu: 1420,
      onLost: () => undefined,
      log: quiet,
    }
    const cables = driver ?? (await wireguard(options, stop.signal))
    const allocations = reflect(api, allocation, { namespace }, stop.signal).store
    endpoints = reflect(api, gatewayEndpoint, { namespace }, stop.signal).store
    pairKeys = reflect(api, secrets, { namespace }, stop.signal).store
    const machines = reflect(api, nodes, {}, stop.signal).store
    await Promise.all([allocations, endpoints, pairKeys, machines].map((store) => store.whenSynced(stop.signal)))
    return new Gateway({
      ways: new Ways('east', undefined, quiet),
      self: {
        clusterID: 'east',
        node: 'n1',
        bootID: 'aa',
        nodeAddress: '172.29.1.1',
        namespace,
        publicKey: cables.publicKey,
        port: 51820,
        cables: ['wireguard'],
        ipsecPort: 4500,
      },
      kube: api,
      host,
      drivers: [cables],
      kernelHasIPsec: false,
      stateDir: '/state',
      allocations,
      endpoints,
      nodes: machines,
      secrets: pairKeys,
      startPulse: () => Promise.resolve(pulse),
      onTurn: () => undefined,
      log: quiet,
    })
  }
  const published = () => server.read<GatewayEndpoint>(gatewayEndpoint, { namespace, name: gatewayEndpointName('east', 'n1') })
  /** The gateway sees what it wrote. */
  const seen = () =>
    eventually(() => {
      const there = published()?.metadata
      const here = endpoints.get({ namespace, name: there?.name ?? '' })?.metadata
      assert.equal(here?.resourceVersion, there?.resourceVersion)
    })
  const lines = (kind: string) =>
    host
      .print()
      .split('\n')
      .filter((line) => line.startsWith(`${kind} `))
  const route = 'route 10.242.0.0/16 dev tmb-wg table 7300 metric 10 proto 98'
  /** Which node of west carries its pods. */
  const carrier = () =>
    ['n1', 'n2'].filter((node) => lines('peer').some((l) => l.includes(keyOf(`west/${node}`)) && l.includes('10.242.0.0/16')))

  test('has a cable to each gateway of its own cluster that carries nothing, and learns there that the one in the lead is gone', async () => {
    const sibling = keyOf('east/n2')
    put(gatewayEndpoint, gatewayEndpointName('east', 'n2'), {
      spec: {
        clusterID: 'east',
        node: 'n2',
        candidates: [{ type: 'NodeInternal', address: '172.29.1.2', port: 51820 }],
        wireguard: { publicKey: sibling },
      },
      status: { role: 'Active', term: 3 },
    })
    const gateway = await start()
    gateway.hear({ role: 'follower', holder: 'n2/bb', term: 3 })
    await gateway.reconcile(stop.signal)
    const cables = lines('peer').filter((line) => line.includes(sibling))
    assert.equal(cables.length, 1)
    assert.doesNotMatch(cables[0] ?? '', /10\.24/)
    assert.ok(published()?.status?.connections?.every((c) => c.clusterID !== 'east'))

    const hear = (key: PublicKey, ago: number) =>
      pulse.says.set(key, {
        heard: {
          bootID: 'bb',
          standing: 'Ready',
          carrying: true,
          takes: undefined,
          cutOffSince: undefined,
          provedAt: undefined,
          at: performance.now() - ago,
        },
      })
    const others = pulse.peers.filter((p) => p.publicKey !== sibling).map((p) => p.publicKey)
    const looked = () => {
      for (const key of others) hear(key, 0)
      gateway.look()
      return gateway.candidacy.gone.value
    }
    hear(sibling, 5_000)
    assert.equal(looked(), undefined, 'one that was not heard since it leads is not missed')
    hear(sibling, 0)
    assert.equal(looked(), undefined)
    await new Promise((resolve) => setTimeout(resolve, 650))
    gateway.look()
    assert.equal(gateway.candidacy.gone.value, undefined, 'who hears nobody knows nothing')
    assert.equal(looked(), 'n2/bb')
    gateway.hear({ role: 'leader', holder: 'n1/aa', term: 4 })
    assert.equal(gateway.candidacy.gone.value, undefined)
    await gateway.reconcile(stop.signal)
    assert.deepEqual(lines('route'), [route])
  })

  suite('where another gateway takes over', () => {
    const sibling = keyOf('east/n2')
    const far = [keyOf('west/n1'), keyOf('west/n2')]
    const own = gatewayEndpointName('east', 'n2')
    const toNode = (node: string) => `route 10.242.0.0/16 via inet6 ${node} dev vx-tombolo onlink table 7300 metric 10 proto 98`
    let gateway: Gateway

    const publish = async (status?: GatewayEndpoint['status']) => {
      const candidates = [{ type: 'NodeInternal', address: '172.29.1.2', port: 51820 }]
      put(gatewayEndpoint, own, {
        spec: { clusterID: 'east', node: 'n2', candidates, wireguard: { publicKey: sibling } },
        ...(status === undefined ? {} : { status }),
      })
      await eventually(() => {
        const there = endpoints.get({ namespace, name: own }) as GatewayEndpoint | undefined
        assert.ok(there !== undefined && there.status?.role === status?.role)
      })
    }
    const says = (key: PublicKey, claim: Claim, change: Partial<Heard> = {}) => {
      const quiet = { takes: undefined, cutOffSince: undefined, provedAt: undefined }
      const heard = { bootID: 'bb', standing: 'Ready', carrying: false, ...quiet } as const
      pulse.says.set(key, { claim, heard: { ...heard, at: performance.now(), ...change } })
      gateway.look()
    }
    const active = (term: number): Claim => ({ role: 'Active', term })
    const standby = (term: number): Claim => ({ role: 'Standby', term })
    const told = () => {
      const { siblings, others, carrying } = pulse.said.at(-1) ?? assert.fail()
      return [siblings, others, carrying]
    }

    setup(async () => {
      host = fakeHost({ devices: { eth0: ['172.29.1.1/24'], 'vx-tombolo': [] } })
      const addresses = [{ type: 'InternalIP', address: '172.29.1.2' }]
      server.put<Node>(nodes, { apiVersion: 'v1', kind: 'Node', metadata: { name: 'n2' }, status: { addresses } })
      gateway = await start()
    })

    test('the old one stops, lets what comes wait, passes it on, and ends when other clusters have turned', async () => {
      gateway.hear(leader(3))
      await gateway.reconcile(stop.signal)
      await gateway.handOver(stop.signal)
      gateway = await start()
      gateway.hear(leader(3))
      await publish()
      await gateway.reconcile(stop.signal)
      says(sibling, standby(3))
      let over = false
      const ending = gateway.handOver(stop.signal).then(() => (over = true))
      assert.deepEqual([pulse.said.at(-1)?.standing, told()], ['Never', [active(3), active(3), true]])

      says(sibling, active(4))
      await gateway.follow(stop.signal)
      assert.deepEqual(lines('route'), [toNode('fe80::7300')])
      assert.deepEqual(told(), [standby(4), active(3), false])

      says(sibling, active(4), { carrying: true })
      await gateway.follow(stop.signal)
      assert.deepEqual(lines('route'), [toNode(linkLocalOf(macOf('172.29.1.2')))])
      assert.deepEqual(lines('neigh'), [])
      const released = host.ran.filter((line) => /^ip( -[46])? -force -batch -$/.test(line)).slice(-3)
      assert.deepEqual(released, ['ip -6 -force -batch -', 'ip -4 -force -batch -', 'ip -6 -force -batch -'])
      assert.deepEqual(told(), [standby(4), standby(4), false])
      assert.equal(published()?.status?.role, 'Active', 'nodes would find nobody active')

      const during = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))
      await during(200)
      assert.equal(over, false, 'west sends to it yet')
      for (const key of far) says(key, active(3), { takes: 4 })
      await during(300)
      assert.equal(over, false, 'people would find two that lead')
      await publish({ role: 'Active', term: 4 })
      await gateway.reconcile(stop.signal)
      assert.equal(published()?.status?.role, 'Standby')
      await ending
    })

    test('the new one waits for the old one to stop and for other clusters to turn, and only then carries and publishes it', async () => {
      await publish({ role: 'Active', term: 3 })
      gateway.hear({ role: 'follower', holder: 'n2/bb', term: 3 })
      await gateway.reconcile(stop.signal)
      const before = published()?.status
      for (const key of far) says(key, active(3), { takes: 3 })
      says(sibling, active(3), { carrying: true, standing: 'Reserve' })
      assert.equal(gateway.candidacy.gone.value, 'n2/bb')
      gateway.hear(leader(4))
      await gateway.follow(stop.signal)
      const toOldOne = toNode(linkLocalOf(macOf('172.29.1.2')))
      assert.deepEqual([lines('route'), told()], [[toOldOne], [active(4), standby(3), false]])
      says(sibling, standby(4))
      assert.deepEqual(told(), [active(4), active(4), false])
      await gateway.reconcile(stop.signal)
      assert.deepEqual([lines('route'), published()?.status], [[toOldOne], before])
      for (const key of far) says(key, active(3), { takes: 4 })
      await gateway.follow(stop.signal)
      assert.deepEqual([lines('route'), told()], [[route], [active(4), active(4), true]])
      assert.deepEqual([published()?.status?.role, published()?.status?.term], ['Active', 4])
    })

    test('one that was drained, or is cordoned where another is not, does not stand for the lead', async () => {
      await publish()
      gateway.hear(follower(3))
      await gateway.reconcile(stop.signal)
      const asked = async (node: Pick<Node, 'metadata' | 'spec'>, want: boolean) => {
        server.put<Node>(nodes, { apiVersion: 'v1', kind: 'Node', ...node })
        await eventually(() => assert.equal(gateway.candidacy.stands(), want))
      }
      says(sibling, standby(3))
      await asked({ metadata: { name: 'n1' } }, true)
      await asked({ metadata: { name: 'n1', labels: { 'tombolo.dev/gateway-drained': 'true' } } }, false)
      await asked({ metadata: { name: 'n1' } }, true)
      await asked({ metadata: { name: 'n1' }, spec: { unschedulable: true } }, false)
      says(sibling, standby(3), { standing: 'Reserve' })
      assert.equal(gateway.candidacy.stands(), true)
    })
  })

  test('introduces the key of a pair: says which it holds, uses it when both ends said so, and shows it nowhere', async () => {
    const gateway = await start()
    gateway.hear(leader(3))
    await gateway.reconcile(stop.signal)
    const key = PresharedKey.of(randomBytes(32))
    const id = 'ab'.repeat(16)
    const data = { west: Buffer.from(printPairKey({ id, key, use: 'Offered', epoch: 1 })).toString('base64') }
    server.put<Secret>(secrets, { apiVersion: 'v1', kind: 'Secret', metadata: { namespace, name: 'tombolo-pair-keys' }, data })
    await eventually(() => assert.equal(pairKeys.list().length, 1))
    const shared = () => host.peers('tmb-wg').map((p) => p.presharedKey?.base64())
    const tell = async (node: string, pairKeyID: string) => {
      const name = gatewayEndpointName('west', node)
      const there = server.read<GatewayEndpoint>(gatewayEndpoint, { namespace, name }) ?? assert.fail()
      const wireguard = { ...there.spec.wireguard, pairKeys: [{ clusterID: 'east', id: pairKeyID }] }
      put(gatewayEndpoint, name, { spec: { ...there.spec, wireguard }, status: there.status })
      await eventually(() => {
        const heard = endpoints.get({ namespace, name }) as GatewayEndpoint | undefined
        assert.equal(heard?.spec.wireguard.pairKeys?.[0]?.id, pairKeyID)
      })
    }
    await tell('n1', id)
    await gateway.reconcile(stop.signal)
    assert.deepEqual(shared(), [undefined, undefined], 'nobody could know yet that we have it')
    assert.deepEqual(published()?.spec.wireguard.pairKeys, [{ clusterID: 'west', id }])
    await seen()
    await gateway.reconcile(stop.signal)
    assert.deepEqual(shared().toSorted(), [key.base64(), undefined], 'n2 has said nothing yet')
    await tell('n2', 'cd'.repeat(16))
    await gateway.reconcile(stop.signal)
    assert.deepEqual(shared().toSorted(), [key.base64(), undefined], 'n2 holds another one')
    await tell('n2', id)
    await gateway.reconcile(stop.signal)
    assert.deepEqual(shared(), [key.base64(), key.base64()])
    assert.deepEqual(
      published()?.status?.connections?.map((c) => c.pairKey),
      ['InUse', 'InUse'],
    )
    const everything = JSON.stringify([published(), host.ran])
    assert.ok(!everything.includes(key.base64()) && !everything.includes(key.hex()))
  })

  test('sets its node up, says so, and takes part in the pulse', async () => {
    const gateway = await start()
    gateway.hear(leader(4))
    await gateway.reconcile(stop.signal)
    assert.deepEqual(lines('route'), [route])
    assert.deepEqual(carrier(), ['n1'])
    assert.deepEqual(lines('table'), ['table inet tombolo-gateway'])
    assert.deepEqual([published()?.status?.role, published()?.status?.term], ['Active', 4])
    assert.deepEqual(pulse.peers.map((p) => `${p.clusterID}/${p.node}`).toSorted(), ['west/n1', 'west/n2'])
    assert.deepEqual(pulse.said.at(-1), {
      ...{ siblings: { role: 'Active', term: 4 }, others: { role: 'Active', term: 4 }, carrying: true },
      ...{ standing: 'Ready', takes: new Map([['west', 3]]) },
    })
    assert.deepEqual(gateway.unready(), [])
  })

  test('the packet filter is there before the device is', async () => {
    const gateway = await start()
    gateway.hear(leader(0))
    await gateway.reconcile(stop.signal)
    assert.ok(host.ran.indexOf('nft -f -') < host.ran.indexOf('wireguard-go -f tmb-wg'), host.ran.join('\n'))
  })

  test('a second pass changes nothing, on the node or in the apiserver', async () => {
    const gateway = await start()
    gateway.hear(leader(0))
    await gateway.reconcile(stop.signal)
    await seen()
    // Now it knows which generation its words are about.
    await gateway.reconcile(stop.signal)
    await seen()
    const before = [host.print(), host.ran.length, writes(server).length]
    await gateway.reconcile(stop.signal)
    assert.deepEqual([host.print(), host.ran.length, writes(server).length], before)
  })

  test('before the election is known, cables are up and routes of the last process stay; a standby takes them away', async () => {
    {
      const gateway = await start()
      gateway.hear(leader(0))
      await gateway.reconcile(stop.signal)
    }
    const again = await start()
    await seen()
    const before = [host.print(), host.ran.length, writes(server).length]
    await again.reconcile(stop.signal)
    assert.deepEqual([host.print(), host.ran.length, writes(server).length], before)
    assert.ok(again.fit.value)
    assert.notDeepEqual(again.unready(), [], 'it is not ready before it knows')
    again.hear(follower(1))
    await again.reconcile(stop.signal)
    assert.deepEqual(lines('route'), [])
    assert.equal(published()?.status?.role, 'Standby')
  })

  test('a pulse with a higher term moves the traffic, whatever the apiserver says', async () => {
    const gateway = await start()
    gateway.hear(leader(0))
    await gateway.reconcile(stop.signal)
    pulse.says.set(keyOf('west/n2'), { speaker: { clusterID: 'west', node: 'n2' }, claim: { role: 'Active', term: 4 } })
    await gateway.reconcile(stop.signal)
    assert.deepEqual(carrier(), ['n2'])
  })

  test('a gateway that comes has its cable and is called before the node is looked at', async () => {
    const gateway = await start()
    gateway.hear(leader(0))
    await gateway.reconcile(stop.signal)
    put(allocation, 'north', { spec: { clusterID: 'north', podCIDRs: ['10.243.0.0/16'], serviceCIDRs: ['10.93.0.0/16'] } })
    put(gatewayEndpoint, gatewayEndpointName('north', 'n1'), {
      spec: {
        clusterID: 'north',
        node: 'n1',
        candidates: [{ type: 'NodeInternal', address: '192.0.2.3', port: 51820 }],
        wireguard: { publicKey: keyOf('north/n1') },
      },
    })
    await eventually(async () => {
      await gateway.follow(stop.signal)
      assert.ok(pulse.peers.some(({ publicKey }) => publicKey === keyOf('north/n1')))
    })
    assert.ok(lines('peer').some((line) => line.includes(keyOf('north/n1'))))
    assert.ok(!lines('route').some((line) => line.includes('10.243.0.0/16')), 'no pass over the node was needed')
  })

  test('without its own Allocation it touches nothing', async () => {
    server.remove(allocation, { namespace, name: 'east' })
    const gateway = await start()
    const next = await gateway.reconcile(stop.signal)
    assert.equal(next.kind, 'blocked')
    assert.deepEqual(host.ran, [])
  })

  test('a cluster that is gone is gone from the node, a malformed one was never there and is told', async () => {
    const gateway = await start()
    gateway.hear(leader(0))
    await gateway.reconcile(stop.signal)
    put(allocation, 'west', { spec: { clusterID: 'west', podCIDRs: ['10.242.0.0/33'] } })
    await eventually(async () => {
      await gateway.reconcile(stop.signal)
      assert.deepEqual(lines('route'), [])
    })
    const told = published()?.status?.conditions?.find((c) => c.type === 'PeersAccepted')
    assert.match(told?.message ?? '', /Allocation west/)
  })

  test('a cluster in quarantine, or whose addresses nobody admits any more, has no cable, though its gateways are still heard of', async () => {
    const gateway = await start()
    gateway.hear(leader(1))
    const cables = async (want: number) => {
      await eventually(async () => {
        await gateway.reconcile(stop.signal)
        assert.equal(lines('peer').length, want)
      })
    }
    const spec = { clusterID: 'west', podCIDRs: ['10.242.0.0/16'], serviceCIDRs: ['10.92.0.0/16'] }
    await cables(2)
    put(allocation, 'west', { spec: { ...spec, state: 'Quarantined' } })
    await cables(0)
    put(allocation, 'west', { spec })
    await cables(2)
    server.remove(allocation, { namespace, name: 'west' })
    await cables(0)
  })

  test('one that cannot set its node up says why, stands back after a while, and comes again when it can', async () => {
    const driver = await wireguard(
      {
        host,
        device: 'tmb-wg',
        stateDir: '/state',
        port: 51820,
        underlays: ['eth0'],
        mtu: 1420,
        onLost: () => undefined,
        log: quiet,
      },
      stop.signal,
    )
    let broken = false
    const gateway = await start({
      ...brokenWhile(driver, () => broken),
      publicKey: driver.publicKey,
    })
    gateway.hear(leader(0))
    await gateway.reconcile(stop.signal)
    assert.ok(gateway.fit.value)
    broken = true
    await assert.rejects(gateway.reconcile(stop.signal))
    assert.ok(gateway.fit.value, 'once is not always')
    assert.equal(published()?.status?.role, 'Active', 'its routes are whole, and agents go on using them')
    assert.equal(published()?.status?.conditions?.find((c) => c.type === 'Ready')?.status, 'False')
    await eventually(async () => {
      await assert.rejects(gateway.reconcile(stop.signal))
      assert.equal(gateway.fit.value, false)
    })
    const ready = published()?.status?.conditions?.find((c) => c.type === 'Ready')
    assert.deepEqual([published()?.status?.role, ready?.status, ready?.reason], ['Standby', 'False', 'NodeNotSetUp'])
    assert.match(ready?.message ?? '', /no \/dev\/net\/tun/)
    broken = false
    await gateway.reconcile(stop.signal)
    assert.ok(gateway.fit.value)
    assert.equal(published()?.status?.role, 'Active')
  })
})

function brokenWhile(driver: CableDriver, broken: () => boolean): CableDriver {
  return {
    name: driver.name,
    about: driver.about,
    device: driver.device,
    mtu: driver.mtu,
    publicKey: driver.publicKey,
    set: (want, signal) => (broken() ? Promise.reject(new Error('no /dev/net/tun')) : driver.set(want, signal)),
    read: (signal) => driver.read(signal),
    [Symbol.asyncDispose]: () => driver[Symbol.asyncDispose](),
  }
}

type FakePulse = Pulse & {
  peers: readonly PulsePeer[]
  readonly said: Saying[]
  readonly says: Map<string, Partial<Pick<PeerReading, 'speaker' | 'claim' | 'heard'>>>
}

function fakePulse(): FakePulse {
  const said: Saying[] = []
  const says: FakePulse['says'] = new Map()
  return {
    peers: [],
    said,
    says,
    set(peers) {
      this.peers = peers
    },
    say: (saying) => {
      said.push(saying)
    },
    nudge: () => undefined,
    read() {
      return this.peers.map((peer) => ({
        ...peer,
        link: { state: 'Connected', rttMs: 1 },
        loss: 0,
        size: undefined,
        speaker: undefined,
        claim: undefined,
        heard: undefined,
        ...says.get(peer.publicKey),
      }))
    },
    copies: () => new Map(),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  }
}
