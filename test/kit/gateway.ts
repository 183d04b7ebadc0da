// Builders for tests of gateway and agent: two clusters, the facts in one line.
import type { CIDR } from '#lib/net/cidr.ts'
import type { PublicKey } from '#lib/net/keys.ts'
import { PrivateKey } from '#lib/net/keys.ts'
import type { AgentFacts } from '../../gateway/agent/plan.ts'
import type { GatewayFacts, OtherGateway } from '../../gateway/engine.ts'

export const cidrs = (...texts: readonly string[]): readonly CIDR[] => texts as readonly CIDR[]

/** A key for each name, the same for the whole run. */
export const keyOf = (name: string): PublicKey => {
  const known = keys.get(name) ?? PrivateKey.generate().publicKey
  keys.set(name, known)
  return known
}
const keys = new Map<string, PublicKey>()

export const gatewayOf = (clusterID: string, node: string, change: Partial<OtherGateway> = {}): OtherGateway => ({
  name: `${clusterID}-${node}`,
  clusterID,
  node,
  publicKey: keyOf(`${clusterID}/${node}`),
  candidates: [{ address: '192.0.2.1', port: 51820 }],
  cables: ['wireguard'],
  certified: undefined,
  pairKeyIDs: [],
  relayPort: undefined,
  claim: { role: 'Active', term: 1 },
  since: '2030-01-01T00:00:00Z',
  ...change,
})

export const east = { podCIDRs: cidrs('10.241.0.0/16'), serviceCIDRs: cidrs('10.91.0.0/16') }
export const west = { clusterID: 'west', podCIDRs: cidrs('10.242.0.0/16') }

/** The active gateway of east, with west as its only peer. */
export const gatewayFacts = (change: Partial<GatewayFacts> = {}): GatewayFacts => ({
  way: { to: 'cables' },
  publicKey: keyOf('east/n1'),
  cables: ['wireguard'],
  kernelHasIPsec: false,
  isUp: () => true,
  own: east,
  nodeAddresses: ['172.29.1.1', '172.29.1.2'],
  announced: [west],
  gateways: [gatewayOf('west', 'n1')],
  heard: new Map(),
  copies: new Map(),
  narrow: new Map(),
  pairKeys: new Map(),
  announcedPairKeys: new Map(),
  handshakes: () => 'Well',
  ...change,
})

/** Three nodes of east; n1 is its gateway. */
export const agentFacts = (change: Partial<AgentFacts> = {}): AgentFacts => ({
  self: 'n2',
  cables: ['wireguard'],
  nodes: [1, 2, 3].map((n) => ({ name: `n${n}`, address: `172.29.1.${n}`, podCIDRs: cidrs(`10.241.${n}.0/24`) })),
  gateways: ['n1'],
  active: 'n1',
  own: east,
  announced: [west],
  machine: { underlay: { dev: 'eth0', mtu: 1500 }, addresses: ['172.29.1.2', '10.241.2.1'], kernelHasIPsec: false },
  ...change,
})
