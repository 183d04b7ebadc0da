import assert from 'node:assert/strict'
import fc from 'fast-check'
import { routeText } from '#lib/host/ip.ts'
import type { Route } from '#lib/host/ip.ts'
import { agentFacts, cidrs } from '#test/kit/gateway.ts'
import { rulesOf } from '#test/kit/rules.ts'
import type { AgentFacts } from './plan.ts'
import { planAgent } from './plan.ts'

const plan = (change: Partial<AgentFacts> = {}) => planAgent(agentFacts(change)).network
/** `block via gateway's node | nowhere`, of one table. */
const routes = (table: number, all: readonly Route[]) =>
  all
    .filter((r) => r.table === table)
    .map((r) => `${r.to} ${r.target.kind === 'device' ? (r.target.gateway ?? r.target.dev) : 'nowhere'}`)

suite('the plan of an agent', () => {
  test('a worker sends to the node of the active gateway, and nowhere when it would lose that route', () => {
    const [via, nowhere] = routes(7300, plan().routes)
    assert.match(via ?? '', /^10\.242\.0\.0\/16 fe80::/)
    assert.equal(nowhere, '10.242.0.0/16 nowhere')
    const [first, second] = plan().routes
    assert.ok((first?.metric ?? 0) < (second?.metric ?? 0), 'the one that leads nowhere comes last')
  })

  test('without an active gateway, packets are answered with "unreachable" and never follow the default route', () =>
    assert.deepEqual(routes(7300, plan({ active: undefined }).routes), ['10.242.0.0/16 nowhere']))

  test('another active gateway changes the routes and nothing else', () => {
    const both = { gateways: ['n1', 'n3'] }
    const [before, after] = [plan(both), plan({ ...both, active: 'n3' })]
    assert.notDeepEqual(before.routes, after.routes)
    assert.deepEqual({ ...before, routes: [] }, { ...after, routes: [] })
  })

  test('the gateway’s node leaves the way out to the gateway, and sends what came out of a cable back over the overlay', () => {
    const network = plan({ self: 'n1' })
    assert.deepEqual(routes(7300, network.routes), ['10.242.0.0/16 nowhere'])
    assert.equal(routes(7301, network.routes).length, 2)
    assert.deepEqual(
      network.rules.filter((r) => r.iif === 'tmb-wg').map((r) => r.table),
      [7301, 7301],
    )
  })

  test('a worker knows gateways only, so that other nodes come and go without it', () => {
    const fewer = agentFacts().nodes.slice(0, 2)
    assert.deepEqual({ ...plan({ nodes: fewer }), nft: [] }, { ...plan(), nft: [] })
    assert.equal(plan({ self: 'n1' }).forwardings.length, 2)
  })

  const mtus: readonly (readonly [number, number, number])[] = [
    [1500, 1450, 1380],
    [1400, 1350, 1280],
    [9000, 1450, 1380],
    [1300, 1280, 1180],
  ]
  for (const [underlay, overlay, segment] of mtus)
    test(`on an underlay of ${underlay} bytes the overlay has ${overlay}, and TCP over IPv4 segments of ${segment}`, () => {
      const network = plan({ machine: { ...agentFacts().machine, underlay: { dev: 'eth0', mtu: underlay } } })
      assert.equal(network.links[0]?.mtu, overlay)
      assert.match(rulesOf(network.nft[0]), new RegExp(`ipv4 .*maxseg size set ${segment}`))
    })

  test('pods keep their addresses both ways; the node’s own packets take the one it has among pods', () => {
    const [table] = plan().nft
    assert.match(rulesOf(table), /ip saddr \{ 10\.241\.0\.0\/16 \} ip daddr \{ 10\.242\.0\.0\/16 \} snat ip prefix/)
    assert.match(rulesOf(table), /ip saddr \{ 10\.242\.0\.0\/16 \} ip daddr \{ 10\.241\.0\.0\/16 \} snat ip prefix/)
    assert.match(rulesOf(table), /fib saddr type local ip daddr \{ 10\.242\.0\.0\/16 \} snat ip to 10\.241\.2\.1/)
  })

  test('connections that only pass through a gateway’s node are not tracked there, and nowhere else', () => {
    const chains = rulesOf(plan({ self: 'n1' }).nft[0])
    assert.match(chains, /iifname "vx-tombolo" ip saddr \{ 10\.241\.0\.0\/16 \} ip daddr \{ 10\.242\.0\.0\/16 \} notrack/)
    assert.match(chains, /iifname \{ "tmb-wg" \} ip daddr \{ 10\.241\.2\.0\/24, 10\.241\.3\.0\/24 \} notrack/)
    assert.doesNotMatch(rulesOf(plan().nft[0]), /notrack/)
  })

  test('what is for another cluster leaves by our devices or not at all', () =>
    assert.match(rulesOf(plan().nft[0]), /ip daddr \{ 10\.242\.0\.0\/16 \} oifname != \{ "tmb-wg", "vx-tombolo" \} drop/))

  test('or encrypted by the kernel, where that does it: such a packet is seen again on the device that its ESP takes', () => {
    const machine = { ...agentFacts().machine, kernelHasIPsec: true }
    const only = (change: Partial<AgentFacts>) => /oifname != \{ .* \}.* drop/.exec(rulesOf(plan(change).nft[0]))?.[0]
    assert.equal(only({ cables: ['ipsec'], machine }), 'oifname != { "ipsec0", "vx-tombolo" } rt ipsec missing drop')
    for (const change of [{ cables: ['ipsec'] }, { machine }] as const) assert.doesNotMatch(only(change) ?? '', /rt ipsec/)
  })

  test('VXLAN is taken from gateways’ nodes only', () => {
    assert.match(rulesOf(plan().nft[0]), /ip saddr \{ 172\.29\.1\.1 \} udp dport 4800 accept\n\s+udp dport 4800 drop/)
  })

  test('no node forwards a packet for the overlay of another: it would be a pod’s, under the address of its node', () => {
    const chains = rulesOf(plan().nft[0])
    assert.match(
      chains,
      /hook forward [^}]*ip daddr \{ 172\.29\.1\.1\/32, 172\.29\.1\.2\/32, 172\.29\.1\.3\/32 \} udp dport 4800 drop/,
    )
  })

  test('a cluster with IPv6 pods gets routes and rules of that family too', () => {
    const network = plan({
      own: { podCIDRs: cidrs('10.241.0.0/16', 'fd00:241::/48'), serviceCIDRs: cidrs('10.91.0.0/16') },
      announced: [{ clusterID: 'west', podCIDRs: cidrs('10.242.0.0/16', 'fd00:242::/48') }],
    })
    assert.equal(routes(7300, network.routes).filter((r) => r.startsWith('fd00:242::/48')).length, 2)
    assert.match(rulesOf(network.nft[0]), /ip6 daddr \{ fd00:242::\/48 \} oifname != /)
    assert.ok(network.sysctls.some((s) => s.key === 'net/ipv6/conf/all/forwarding' && s.value === '1'))
  })

  test('a node that is not in the list yet is an error that names it', () =>
    assert.throws(() => plan({ self: 'new' }), /there is no node new/))

  test('the order in which things are heard changes nothing', () => {
    const shuffled = fc.shuffledSubarray([...agentFacts().nodes], { minLength: 3 })
    const text = ({ routes }: { readonly routes: readonly Route[] }) => routes.map(routeText).toSorted()
    fc.assert(fc.property(shuffled, (nodes) => assert.deepEqual(text(plan({ nodes, self: 'n1' })), text(plan({ self: 'n1' })))))
  })
})
