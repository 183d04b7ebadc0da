import assert from 'node:assert/strict'
import type { PublicKey } from '#lib/net/keys.ts'
import type { CIDR } from '#lib/net/cidr.ts'
import { cidrs, east, gatewayFacts, gatewayOf, keyOf, west } from '#test/kit/gateway.ts'
import { rulesOf } from '#test/kit/rules.ts'
import { PresharedKey, tunnelAddress } from '#lib/net/keys.ts'
import type { GatewayPlan, OtherGateway } from './engine.ts'
import { planGateway } from './engine.ts'

const overWireGuard = (plan: GatewayPlan) => plan.cables.get('wireguard') ?? []
const cables = (...args: Parameters<typeof gatewayFacts>) =>
  overWireGuard(planGateway(gatewayFacts(...args))).map((c) => [c.publicKey, c.cidrs.join(',')])

suite('the plan of a gateway', () => {
  test('a cable to every gateway of a peer; only the active one’s carries its pods', () => {
    const standby = gatewayOf('west', 'n2', { claim: { role: 'Standby', term: 0 } })
    assert.deepEqual(cables({ gateways: [gatewayOf('west', 'n1'), standby] }), [
      [keyOf('west/n1'), '10.242.0.0/16'],
      [keyOf('west/n2'), ''],
    ])
  })

  test('of two that say they are active, the higher term is right', () => {
    const [first, second] = [gatewayOf('west', 'n1'), gatewayOf('west', 'n2', { claim: { role: 'Active', term: 2 } })]
    assert.deepEqual(cables({ gateways: [first, second] }), [
      [keyOf('west/n1'), ''],
      [keyOf('west/n2'), '10.242.0.0/16'],
    ])
  })

  test('the pulse moves the traffic before any apiserver does, and old news in it do not', () => {
    const gateways = [
      gatewayOf('west', 'n1', { claim: { role: 'Active', term: 5 } }),
      gatewayOf('west', 'n2', { claim: { role: 'Standby', term: 5 } }),
    ]
    const carriedBy = (term: number) =>
      cables({
        gateways,
        heard: new Map([[keyOf('west/n2'), { speaker: { clusterID: 'west', node: 'n2' }, claim: { role: 'Active', term } }]]),
      }).find(([, carried]) => carried !== '')?.[0]
    assert.equal(carriedBy(6), keyOf('west/n2'))
    assert.equal(carriedBy(4), keyOf('west/n1'))
  })

  test('what a cable carries comes from what was admitted, never from the gateway', () => {
    assert.deepEqual(cables({ announced: [] }), [[keyOf('west/n1'), '']])
    const overlapping = { clusterID: 'west', podCIDRs: cidrs('10.241.0.0/16') }
    const plan = planGateway(gatewayFacts({ announced: [overlapping] }))
    assert.deepEqual([overWireGuard(plan)[0]?.cidrs, plan.network.routes, plan.refused.map((r) => r.about)], [[], [], ['west']])
  })

  test('a cluster whose addresses cover any of our nodes is refused, not only one that covers this node', () => {
    for (const cidr of ['172.29.1.1/32', '172.29.1.2/32', '172.29.0.0/16']) {
      const { network, refused } = planGateway(
        gatewayFacts({ announced: [{ clusterID: 'west', podCIDRs: [cidr as CIDR] }], gateways: [gatewayOf('west', 'n1')] }),
      )
      assert.deepEqual([network.routes, refused.map((r) => r.about)], [[], ['west']], cidr)
    }
  })

  const [key, id] = [PresharedKey.of(Buffer.alloc(32, 7)), '7'.repeat(32)]
  const introductions: readonly (readonly [string, 'Offered' | 'Required', string | undefined, string | undefined, boolean])[] = [
    ['we alone have announced', 'Offered', id, undefined, false],
    ['they alone have announced', 'Offered', undefined, id, false],
    ['they have announced another one', 'Offered', id, '8'.repeat(32), false],
    ['both have announced', 'Offered', id, id, true],
    ['it is required, whatever they say', 'Required', undefined, undefined, true],
  ]
  for (const [when, use, ours, theirs, used] of introductions)
    test(`a cable goes ${used ? 'with' : 'without'} the key of its pair when ${when}`, () => {
      const facts = gatewayFacts({
        gateways: [
          gatewayOf('west', 'n1', { pairKeyIDs: theirs === undefined ? [] : [theirs] }),
          gatewayOf('north', 'n1', { pairKeyIDs: [id] }),
        ],
        pairKeys: new Map([['west', { id, key, use, epoch: 1 }]]),
        announcedPairKeys: new Map(ours === undefined ? [] : [['west', [ours]]]),
      })
      assert.deepEqual(
        overWireGuard(planGateway(facts)).map((c) => [c.publicKey, c.presharedKey === key]),
        [
          [keyOf('north/n1'), false],
          [keyOf('west/n1'), used],
        ],
      )
    })

  test('who carries which cluster’s traffic is told by its term', () => {
    const gateways = [
      gatewayOf('west', 'n1'),
      gatewayOf('west', 'n2', { claim: { role: 'Active', term: 4 } }),
      gatewayOf('east', 'n2'),
    ]
    assert.deepEqual([...planGateway(gatewayFacts({ gateways })).terms], [['west', 4]])
  })

  test('only the active gateway routes into the cables', () => {
    assert.deepEqual(
      planGateway(gatewayFacts()).network.routes.map((r) => r.to),
      west.podCIDRs,
    )
    assert.deepEqual(planGateway(gatewayFacts({ way: { to: 'agent' } })).network.routes, [])
  })

  const hostile: readonly (readonly [string, Parameters<typeof gatewayOf>[2] & object, RegExp])[] = [
    ['that uses our key', { publicKey: keyOf('east/n1') }, /already another/],
    [
      'whose packets would be routed into its own cable',
      { candidates: [{ address: '10.242.0.9', port: 51820 }] },
      /among pods or services/,
    ],
    [
      'whose packets would go to one of our Services',
      { candidates: [{ address: '10.91.0.1', port: 51820 }] },
      /among pods or services/,
    ],
    ['that points at this node itself', { candidates: [{ address: '127.0.0.1', port: 53 }] }, /no address of a gateway/],
    [
      'that points at the metadata of the cloud',
      { candidates: [{ address: '169.254.169.254', port: 80 }] },
      /no address of a gateway/,
    ],
  ]
  for (const [name, change, says] of hostile)
    test(`a gateway ${name} is left out, and the others are not`, () => {
      const plan = planGateway(gatewayFacts({ gateways: [gatewayOf('west', 'bad', change), gatewayOf('west', 'n1')] }))
      const { refused } = plan
      assert.deepEqual(
        overWireGuard(plan).map((c) => c.publicKey),
        [keyOf('west/n1')],
      )
      assert.deepEqual(
        refused.map((r) => r.about),
        ['west-bad'],
      )
      assert.match(refused[0]?.says ?? '', says)
    })

  test('what is not good for a gateway is left out of its addresses, and the rest is used', () => {
    const candidates = [
      { address: '::1', port: 51820 },
      { address: '192.0.2.9', port: 51820 },
    ] as const
    assert.deepEqual(
      overWireGuard(planGateway(gatewayFacts({ gateways: [gatewayOf('west', 'n1', { candidates })] }))).map((c) => c.candidates),
      [[{ address: '192.0.2.9', port: 51820 }]],
    )
  })

  test('a tunnel address is heard and spoken to through cables only', () => {
    const chains = rulesOf(planGateway(gatewayFacts()).network.nft[0])
    assert.match(chains, /iifname != \{ "tmb-wg", "lo" \} ip6 saddr fd74:6f6d::\/32 drop/)
    assert.match(chains, /oifname != \{ "tmb-wg", "lo" \} ip6 daddr fd74:6f6d::\/32 drop/)
  })

  test('of two gateways with one key the first by name is taken, on every gateway the same', () => {
    const [a, b] = [gatewayOf('north', 'n1', { publicKey: keyOf('west/n1') }), gatewayOf('west', 'n1')]
    for (const gateways of [
      [a, b],
      [b, a],
    ])
      assert.deepEqual(
        planGateway(gatewayFacts({ gateways })).peers.map((p) => p.name),
        ['north-n1'],
      )
  })

  test('routes into a cable through which less passes than its device takes say how much', () => {
    const route = (narrow: ReadonlyMap<PublicKey, number>) =>
      planGateway(gatewayFacts({ narrow })).network.routes.find(({ to }) => to === '10.242.0.0/16')?.target
    assert.deepEqual([new Map(), new Map([[keyOf('west/n1'), 1320]]), new Map([[keyOf('west/n2'), 1320]])].map(route), [
      { kind: 'device', dev: 'tmb-wg' },
      { kind: 'device', dev: 'tmb-wg', mtu: 1320 },
      { kind: 'device', dev: 'tmb-wg' },
    ])
  })

  test('where two gateways speak with one key it is said; a peer that takes the other one for us has no cable any more', () => {
    const told = (copy: 'Peer' | 'OursOlder' | 'OursNewer') => {
      const plan = planGateway(gatewayFacts({ copies: new Map([[keyOf('west/n1'), copy]]) }))
      return [plan.cables.get('wireguard')?.length, plan.refused.map(({ says }) => says).join()] as const
    }
    assert.equal(told('Peer')[0], 1)
    assert.match(told('Peer')[1], /two gateways speak with its key/)
    assert.equal(told('OursOlder')[0], 1)
    assert.match(told('OursOlder')[1], /with the key of this one/)
    assert.equal(told('OursNewer')[0], 0)
    assert.match(told('OursNewer')[1], /takes another gateway for this one/)
  })

  test('a gateway that names another’s key loses it as soon as the holder speaks', () => {
    const gateways = [gatewayOf('north', 'n1', { publicKey: keyOf('west/n1') }), gatewayOf('west', 'n1')]
    const heard = new Map([[keyOf('west/n1'), { speaker: { clusterID: 'west', node: 'n1' }, claim: undefined }]])
    const plan = planGateway(gatewayFacts({ gateways, heard }))
    const { peers, refused } = plan
    assert.deepEqual(
      [peers.map((p) => p.name), overWireGuard(plan).map((c) => c.cidrs), refused.map((r) => r.about)],
      [['west-n1'], [west.podCIDRs], ['north-n1']],
    )
  })

  test('a key is the one’s who was seen with it first, until somebody speaks with it: nobody takes a cable by a name that sorts first', () => {
    const late = gatewayOf('mal', 'n1', { publicKey: keyOf('west/n1'), since: '2030-01-02T00:00:00Z' })
    const plan = planGateway(gatewayFacts({ gateways: [late, gatewayOf('west', 'n1')] }))
    assert.deepEqual(
      plan.peers.map((p) => p.clusterID),
      ['west'],
    )
    assert.deepEqual(
      plan.refused.map((r) => r.about),
      ['mal-n1'],
    )
  })

  suite('with cables of two kinds', () => {
    const certified = { dnsName: 'n1.west.gateway.tombolo.dev', certificate: 'PEM', port: 4500 }
    const both = ['ipsec', 'wireguard'] as const
    const plan = (up: boolean, theirs: OtherGateway = gatewayOf('west', 'n1', { cables: both, certified })) =>
      planGateway(gatewayFacts({ cables: both, isUp: () => up, gateways: [theirs] }))
    const over = (made: GatewayPlan, cable: 'ipsec' | 'wireguard') => made.cables.get(cable) ?? []
    const routes = (made: GatewayPlan) =>
      made.network.routes.map(({ to, table, target }) => [to, table, target.kind === 'device' ? target.dev : ''])
    const tunnel = `${tunnelAddress(keyOf('west/n1'))}/128`

    test('all that both have are kept, carrying the same; packets take the best that is up', () => {
      assert.deepEqual(routes(plan(true)), [
        [tunnel, 254, 'ipsec0'],
        ['10.242.0.0/16', 7300, 'ipsec0'],
      ])
      assert.deepEqual(routes(plan(false)), [['10.242.0.0/16', 7300, 'tmb-wg']])
      for (const cable of both) assert.deepEqual(over(plan(true), cable)[0]?.cidrs, west.podCIDRs)
    })

    test('over IPsec a gateway is called at its port for it, and known by its certificate; we speak as our pods', () => {
      const [cable] = over(plan(true), 'ipsec')
      assert.deepEqual(cable?.candidates, [{ address: '192.0.2.1', port: 4500 }])
      assert.deepEqual(cable.ipsec, { dnsName: certified.dnsName, certificate: 'PEM', own: east.podCIDRs })
      assert.deepEqual(over(plan(true), 'wireguard')[0]?.candidates, [{ address: '192.0.2.1', port: 51820 }])
    })

    test('of a kind that only one has there is none, and who has none in common is not taken', () => {
      const old = plan(true, gatewayOf('west', 'n1'))
      assert.deepEqual([over(old, 'ipsec').length, over(old, 'wireguard').length], [0, 1])
      assert.deepEqual(routes(old), [['10.242.0.0/16', 7300, 'tmb-wg']])
      const apart = planGateway(gatewayFacts({ cables: ['ipsec'] }))
      assert.deepEqual([over(apart, 'ipsec'), apart.peers], [[], []])
      assert.match(apart.refused[0]?.says ?? '', /no kind of cable that this gateway has \(it: wireguard; here: ipsec\)/)
      assert.deepEqual(routes(apart), [['10.242.0.0/16', 7300, 'ipsec0']], 'its packets end there, and not in clear')
    })

    test('both devices are guarded alike, and no other one is opened', () => {
      const chains = rulesOf(plan(true).network.nft[0])
      assert.match(chains, /oifname != \{ "ipsec0", "tmb-wg", "vx-tombolo" \} drop/)
      assert.match(chains, /iifname != \{ "ipsec0", "tmb-wg", "lo" \} ip6 saddr fd74:6f6d::\/32 drop/)
      assert.match(chains, /iifname \{ "ipsec0", "tmb-wg" \} drop/)
      assert.doesNotMatch(rulesOf(planGateway(gatewayFacts()).network.nft[0]), /ipsec/)
    })
  })
})
