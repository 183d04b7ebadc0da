import assert from 'node:assert/strict'
import type { Allocation } from '#crds/allocation.ts'
import type { GatewayEndpoint } from '#crds/gateway-endpoint.ts'
import { budgetOf } from '../door/budget.ts'
import type { Situation } from './status.ts'
import { conditionsOf } from './status.ts'

const gateway = { spec: { node: 'n1' }, status: { role: 'Active' } } as unknown as GatewayEndpoint
const faulty = {
  spec: { node: 'n2' },
  status: {
    role: 'Standby',
    conditions: [{ type: 'Ready', status: 'False', message: 'wireguard-go did not come up. Does the node have /dev/net/tun?' }],
  },
} as unknown as GatewayEndpoint
const well: Situation = {
  broker: { kind: 'reached' },
  renewal: { kind: 'fresh' },
  clock: { kind: 'agrees' },
  allocation: undefined,
  workloads: [
    { name: 'gateway', wanted: 1, ready: 1 },
    { name: 'agent', wanted: 2, ready: 2 },
  ],
  gateways: [gateway],
  dns: 'wired',
  refused: [],
  leftOut: [],
  held: [],
  throttled: [],
}
const of = (change: Partial<Situation>, type: string) => conditionsOf({ ...well, ...change }).find((c) => c.type === type)

suite('the conditions of a Membership', () => {
  test('all is well: every one is True', () => assert.ok(conditionsOf(well).every((c) => c.status === 'True')))

  const cases: readonly (readonly [string, Partial<Situation>, string, string, RegExp, 'ready' | 'unready'])[] = [
    [
      'the broker is away',
      { broker: { kind: 'unreachable', why: 'connect ECONNREFUSED' } },
      'BrokerReachable',
      'Unreachable',
      /ECONNREFUSED.*go on/,
      'ready',
    ],
    ['the token was refused', { broker: { kind: 'refused', why: '401' } }, 'BrokerReachable', 'Unauthorized', /401/, 'ready'],
    [
      'the credentials expired beyond renewal',
      { renewal: { kind: 'expired', why: 'the credentials expired at 2026-01-01' } },
      'CredentialsValid',
      'Expired',
      /expired at 2026-01-01.*go on.*tombolo grant create.*tombolo join/,
      'ready',
    ],
    [
      'the clock of the cluster is behind',
      { clock: { kind: 'off', aheadMs: -420_000 } },
      'ClockAgrees',
      'ClockSkewed',
      /7 minutes behind the broker’s.*NTP/,
      'ready',
    ],
    [
      'the clock of the cluster is ahead',
      { clock: { kind: 'off', aheadMs: 3_600_000 } },
      'ClockAgrees',
      'ClockSkewed',
      /60 minutes ahead of the broker’s/,
      'ready',
    ],
    [
      'the broker put us into quarantine',
      { allocation: { spec: { state: 'Quarantined' } } as unknown as Allocation },
      'Admitted',
      'Quarantined',
      /quarantine/,
      'unready',
    ],
    [
      'no node is labelled',
      { workloads: [{ name: 'gateway', wanted: 0, ready: 0 }] },
      'ComponentsReady',
      'NotReady',
      /kubectl label node NODE tombolo\.dev\/gateway=true/,
      'unready',
    ],
    [
      'an agent is not up',
      { workloads: [{ name: 'agent', wanted: 2, ready: 1 }] },
      'ComponentsReady',
      'NotReady',
      /agent: 1 of 2/,
      'unready',
    ],
    ['no gateway is active', { gateways: [] }, 'GatewayActive', 'NoActiveGateway', /no gateway/, 'unready'],
    [
      'a gateway could not set its node up',
      { gateways: [faulty] },
      'GatewayActive',
      'GatewayFailed',
      /on n2 cannot work: .*\/dev\/net\/tun/,
      'unready',
    ],
    ['another product has the zone', { dns: 'foreignZone' }, 'NamesWired', 'ForeignZone', /edit configmap coredns/, 'unready'],
    ['the cluster has another DNS', { dns: 'noCoreDNS' }, 'NamesWired', 'ForwardByHand', /forward clusterset\.local/, 'ready'],
    [
      'a peer publishes nonsense',
      { refused: ['GatewayEndpoint tombolo-m-west/x: spec: want an object'] },
      'PeersValid',
      'Refused',
      /tombolo-m-west\/x/,
      'ready',
    ],
    [
      'T11: a peer changes what it publishes all the time',
      { throttled: [{ clusterID: 'west', kind: 'ExportedService', short: 'changes', budget: budgetOf(2000) }] },
      'PeersInBudget',
      'Throttled',
      /^west changes its ExportedService objects more often than 100 times a second.*holds.*tombolo quarantine west/,
      'ready',
    ],
    [
      'T11: a peer publishes more objects than anybody may',
      { throttled: [{ clusterID: 'west', kind: 'ExportedService', short: 'objects', budget: budgetOf(2000) }] },
      'PeersInBudget',
      'Throttled',
      /^west publishes more than 2000 ExportedService objects/,
      'ready',
    ],
    [
      'T11: a peer publishes more endpoints of a service than any may have',
      {
        throttled: [
          { clusterID: 'west', kind: 'ExportedEndpoints', short: 'endpoints', service: 'shop/db', budget: budgetOf(4000) },
        ],
      },
      'PeersInBudget',
      'Throttled',
      /^west publishes more than 10000 endpoints of shop\/db: what is beyond waits/,
      'ready',
    ],
    [
      'a restored broker has forgotten much of a peer',
      { held: [{ source: 'west', here: 48, lost: 40, token: '1a2b3c4d' }] },
      'RemovalsBelieved',
      'Held',
      /lists no more 40 of 48 objects of west.*annotate membership membership --overwrite tombolo\.dev\/accept-removal=1a2b3c4d$/,
      'ready',
    ],
    [
      'this cluster does not want a service',
      { leftOut: ['payments/db of west'] },
      'ImportsTaken',
      'LeftOut',
      /importFrom leaves out .* 1 in all: payments\/db of west/,
      'ready',
    ],
  ]
  for (const [name, change, type, reason, message, ready] of cases) {
    test(`${name}: ${type} says ${reason}, and the cluster is ${ready}`, () => {
      assert.equal(of(change, type)?.reason, reason)
      assert.match(of(change, type)?.message ?? '', message)
      assert.equal(of(change, 'Ready')?.status, ready === 'ready' ? 'True' : 'False')
    })
  }
})
