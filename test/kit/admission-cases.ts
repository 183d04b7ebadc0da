// What the accounts of clusters may and may not write on the broker, as one table: allow and deny, IPv4 and IPv6. Run against the rules in
// TypeScript (crds/rules/index.test.ts) and against a real apiserver (test/e2e/admission.test.ts), which must agree on every case.
import { memberSchema } from '#broker/install/limits.ts'
import type { Allocation } from '#crds/allocation.ts'
import { allocation, maxExportNames } from '#crds/allocation.ts'
import type { Definition } from '#crds/define.ts'
import { exportedEndpoints } from '#crds/exported-endpoints.ts'
import { exportedService } from '#crds/exported-service.ts'
import { gatewayCertificate } from '#crds/gateway-certificate.ts'
import { gatewayEndpoint } from '#crds/gateway-endpoint.ts'
import { joinRequest } from '#crds/join-request.ts'
import { levelOfAMember, mostOfAMember } from '#crds/limits.ts'
import {
  allocationName,
  brokerNamespace,
  clusterIDLabel,
  controllerName,
  heartbeatName,
  joinNamespace,
  memberLabel,
  memberNamespace,
} from '#crds/places.ts'
import { userOf } from '#crds/rules/account.ts'
import type { Operation, Review } from '#crds/rules/rule.ts'
import { leases, secrets } from '#lib/kube/kinds.ts'
import type { Kind, KubeObject, Meta } from '#lib/kube/object.ts'
import type { CIDR } from '#lib/net/cidr.ts'
import type { ClusterID } from '#lib/net/cluster-id.ts'
import { controllerCases } from './controller-cases.ts'
import { joiner, requestBy } from './joining.ts'
import { levelCases } from './level-cases.ts'

export type Case = {
  readonly name: string
  readonly review: Review
  /** Where the write goes; a built-in kind has no definition. */
  readonly kind: Kind
  /** The rule that refuses it; undefined: it is allowed. */
  readonly rule: string | undefined
}

/** Who may export what: `shut` is the only one that may export nothing but what is granted to it, with as many names as an Allocation holds. */
const grants: Readonly<Record<string, Partial<Allocation['spec']['exports']>>> = {
  east: {
    granted: ['com/granted', 'default/web', 'kube-system/metrics', 'ledger/*', 'payments/api', 'tombolo-demo/*'],
    reserved: ['payments/*', 'vault/db'],
  },
  shut: {
    ungranted: 'Deny',
    granted: [...Array.from({ length: maxExportNames - 2 }, (_, i) => `a/s${i}`), 'ledger/*', 'shop/web'],
  },
}

/** Who is a member, with which addresses. `wide` is what a broken controller might have admitted; `ghost` has no Allocation, `unmarked` no label. */
const ranges: Readonly<Record<string, { readonly pods: readonly string[]; readonly services: readonly string[] }>> = {
  east: { pods: ['10.1.0.0/16', 'fd00:1::/64'], services: ['10.101.0.0/16', 'fd00:101::/112'] },
  west: { pods: ['10.2.0.0/16', 'fd00:2::/64'], services: ['10.102.0.0/16', 'fd00:102::/112'] },
  wide: { pods: ['0.0.0.0/0', '::/0'], services: ['203.0.113.0/24'] },
  shut: { pods: ['10.3.0.0/16'], services: ['10.103.0.0/16'] },
  unmarked: { pods: ['10.4.0.0/16'], services: ['10.104.0.0/16'] },
}
export const ghost = 'ghost'
export const unmarked = 'unmarked'
export const joining = ['east', 'north'] as const

export const allocations: readonly Allocation[] = Object.entries(ranges).map(([id, { pods, services }]) => ({
  apiVersion: allocation.apiVersion,
  kind: allocation.kind,
  metadata: { name: allocationName, namespace: memberNamespace(id) },
  spec: {
    clusterID: id as ClusterID,
    podCIDRs: [...pods] as CIDR[],
    serviceCIDRs: [...services] as CIDR[],
    state: 'Admitted',
    exports: { ungranted: 'Allow', granted: [], reserved: [], ...grants[id] },
  },
}))

export const member = (id: string): string => userOf(memberNamespace(id), 'member')
const asking = (id: string): string => userOf(joinNamespace(id), 'joiner')
/** Of the broker cluster's own; whoever they are, they are RBAC's to judge. */
export const others = ['jane', userOf(brokerNamespace, controllerName), userOf('shop', 'member')] as const

type Spec = Readonly<Record<string, unknown>>
export type Write = {
  readonly user?: string
  readonly operation?: Operation
  readonly subresource?: string
  readonly namespace?: string
  readonly metadata?: Partial<Meta>
  readonly spec?: Spec
  /** Of the object as it was. */
  readonly old?: Spec
}

const key = 'xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg='
const good: Readonly<Record<string, Spec>> = {
  GatewayEndpoint: {
    clusterID: 'east',
    node: 'n1',
    candidates: [{ type: 'NodeInternal', address: '192.0.2.1', port: 51820 }],
    wireguard: { publicKey: key },
  },
  GatewayCertificate: { clusterID: 'east', node: 'n1', request: '-----BEGIN CERTIFICATE REQUEST-----\n', trusts: [] },
  ExportedService: {
    clusterID: 'east',
    namespace: 'shop',
    name: 'web',
    type: 'ClusterSetIP',
    ports: [{ port: 80, protocol: 'TCP' }],
    ipFamilies: ['IPv4'],
    exportedAt: '2026-01-01T00:00:00Z',
  },
  ExportedEndpoints: {
    clusterID: 'east',
    namespace: 'shop',
    name: 'web',
    addressType: 'IPv4',
    ports: [{ port: 80, protocol: 'TCP' }],
    endpoints: [{ address: '10.1.0.5', ready: true }],
  },
  // All there is, and a part of what west has.
  Allocation: { clusterID: 'east', podCIDRs: ['0.0.0.0/0'], serviceCIDRs: ['10.2.7.0/24'] },
  Lease: { holderIdentity: 'east', leaseDurationSeconds: 60 },
  PriorityLevelConfiguration: levelOfAMember,
  FlowSchema: memberSchema('north').spec,
  JoinRequest: requestBy(joiner('east')).spec,
}
const names: Readonly<Record<string, string>> = {
  GatewayEndpoint: 'east-0a1b2c3d',
  Lease: heartbeatName,
  JoinRequest: 'east',
  ExportedService: '7',
  ExportedEndpoints: '7',
  PriorityLevelConfiguration: 'tombolo-m-north',
  FlowSchema: 'tombolo-m-north',
}

/** One case. Without anything said, east's member creates what it should, where it should. */
function write(name: string, kind: Kind, rule: string | undefined, how: Write = {}): Case {
  const { user = member('east'), operation = 'CREATE', subresource = '', old } = how
  const namespace = how.namespace ?? memberNamespace('east')
  const group = kind.apiVersion.includes('/') ? (kind.apiVersion.split('/')[0] ?? '') : ''
  const object = (spec: Spec | undefined, metadata: Partial<Meta> = {}) => ({
    apiVersion: kind.apiVersion,
    kind: kind.kind,
    metadata: { name: names[kind.kind] ?? 'x', ...(namespace === '' ? {} : { namespace }), ...metadata },
    spec: { ...good[kind.kind], ...spec },
  })
  const before =
    operation === 'CREATE' || operation === 'CONNECT'
      ? undefined
      : object(old, { name: how.metadata?.name ?? names[kind.kind] ?? 'x' })
  return {
    name: `${name}: ${operation.toLowerCase()} ${[kind.plural, subresource].filter((part) => part !== '').join('/')}`,
    kind,
    rule,
    review: {
      request: {
        ...{ operation, user, group, resource: kind.plural, subresource, namespace },
        name: how.metadata?.name ?? names[kind.kind] ?? 'x',
      },
      object: operation === 'DELETE' ? undefined : object(how.spec, how.metadata),
      oldObject: before,
      params: allocations.find(({ metadata }) => metadata.namespace === namespace),
      namespaceLabels: labelsOf(namespace),
    },
  }
}

const labelsOf = (namespace: string): Readonly<Record<string, string>> =>
  namespace.startsWith(memberNamespace('')) && namespace !== memberNamespace(unmarked) ? { [memberLabel]: 'true' } : {}

const published: readonly Definition<KubeObject>[] = [gatewayEndpoint, exportedService, exportedEndpoints]
const owned: readonly Definition<KubeObject>[] = [...published, gatewayCertificate]

// Addresses. Each list is one reason.

const malformed = [
  ...[
    '010.1.0.5',
    '10.001.0.5',
    '10.1.0.05',
    '0012.1.0.5',
    '10.1.0',
    '10.1',
    '167837701',
    '0x0a010005',
    '0x0a.1.0.5',
    '10.1.0.256',
  ],
  ...[
    '10.1.0.5/32',
    '10.1.0.5 ',
    ' 10.1.0.5',
    '10.1.0.5\n',
    '10.1.0.-1',
    '10.1.0.5.',
    '.10.1.0.5',
    '10..0.5',
    '１0.1.0.5',
    '',
    'web',
  ],
  ...[
    '::ffff:10.1.0.5',
    '::ffff:0a01:0005',
    '::FFFF:10.1.0.5',
    '0:0:0:0:0:ffff:10.1.0.5',
    '::ffff:127.0.0.1',
    '::ffff:a9fe:a9fe',
  ],
  ...[
    'fd00:1::5%eth0',
    'fe80::1%1',
    'fd00:1::5/128',
    'fd00:1:::5',
    'fd00:1::5::',
    'fd00:1::g',
    '[fd00:1::5]',
    'fd00:1',
    ':',
    '::00001',
  ],
  ...['fd00:1::10.1.0.05', '1:2:3:4:5:6:7:8:9', 'fd00:1::5:'],
]
const reserved = [
  ...['0.0.0.0', '0.1.2.3', '127.0.0.1', '127.255.255.254', '169.254.169.254', '169.254.0.1', '169.254.170.2', '224.0.0.1'],
  ...['239.255.255.255', '255.255.255.255', '100.100.100.200', '168.63.129.16', '192.0.0.192'],
  ...[
    '::',
    '::1',
    '0:0:0:0:0:0:0:1',
    '::2',
    '::127.0.0.1',
    '::10.1.0.5',
    '64:ff9b::7f00:1',
    '64:ff9b::10.1.0.5',
    '::ffff:0:10.1.0.5',
  ],
  ...['fe80::1', 'FE80::1', 'febf::1', 'fec0::1', 'ff02::1', 'ff0e::1', 'fd00:ec2::254', 'FD00:0EC2:0::0254', 'fd74:6f6d::1'],
  'FD74:6F6D:ffff::1',
]
const ownServices = ['10.101.0.1', '10.101.0.10', '10.101.255.255', 'fd00:101::1', 'FD00:101::A']
const ownPods = [
  ...['10.1.0.0', '10.1.0.5', '10.1.128.7', '10.1.255.255', 'fd00:1::', 'fd00:1::5', 'FD00:1::5', 'fd00:1:0:0:0:0:0:5'],
  ...['fd00:0001::0005', 'fd00:1::ffff:ffff:ffff:ffff', 'fd00:1::10.1.0.5'],
]
/** Another member's, inside and at the edges; nobody's; the node's; the internet's. */
const foreign = [
  ...['10.2.0.5', '10.2.255.255', '10.0.255.255', '10.2.0.0', '10.102.0.1', '10.9.0.1', '192.0.2.1', '172.16.0.1', '192.168.0.1'],
  ...['8.8.8.8', '1.1.1.1', '203.0.113.7', '100.64.0.1', '240.0.0.1'],
  ...[
    'fd00:2::5',
    'fd00:0:ffff:ffff:ffff:ffff:ffff:ffff',
    'fd00:1:0:1::',
    'fd00:102::1',
    'fd00:9::1',
    '2001:db8::1',
    '2606:4700::1111',
  ],
]

/** Each IPv4 address that is not to be had, in the guises in which other programs would take it for the same. */
const guises = (address: string) => {
  const bytes = address.split('.').map(Number)
  const hex = bytes.map((byte) => byte.toString(16).padStart(2, '0')).join('')
  const [high, low] = [hex.slice(0, 4), hex.slice(4)]
  return {
    malformed: [bytes.map((byte) => `0${byte}`).join('.'), `0x${hex}`, `::ffff:${address}`, `::ffff:${high}:${low}`],
    reserved: [`::${address}`, `64:ff9b::${address}`, `::ffff:0:${high}:${low}`],
    foreign: [`2002:${high}:${low}::1`],
  }
}
const disguised = [...reserved, ...foreign].filter((address) => !address.includes(':')).map(guises)
/** By the rule that refuses an endpoint there. */
export const hostile: Readonly<Record<'endpoint-family' | 'endpoint-admitted', readonly string[]>> = {
  'endpoint-family': [...malformed, ...disguised.flatMap((as) => as.malformed)],
  'endpoint-admitted': [
    ...[...reserved, ...ownServices, ...foreign],
    ...disguised.flatMap((as) => [...as.reserved, ...as.foreign]),
  ],
}

const familyOf = (address: string) => (address.includes(':') ? 'IPv6' : 'IPv4')
const neighbours = (address: string, count: number) =>
  Array.from({ length: count }, (_, i) => (familyOf(address) === 'IPv6' ? `fd00:1::1:${i.toString(16)}` : `10.1.7.${i}`))

/** The address alone, between good ones, and at the end of as many as an object holds; as a new object and as a change of one. */
function endpoint(address: string, rule: string | undefined): readonly Case[] {
  const spec = (addresses: readonly string[]) => ({
    addressType: familyOf(address),
    endpoints: addresses.map((one) => ({ address: one, ready: true })),
  })
  const before = spec(neighbours(address, 1))
  const name = `endpoint ${JSON.stringify(address)}`
  const last = [...neighbours(address, 199), address]
  return [
    write(name, exportedEndpoints, rule, { spec: spec([address]) }),
    write(`${name} among others`, exportedEndpoints, rule, {
      spec: spec([...neighbours(address, 2), address, '10.1.9.9'].slice(0, 3)),
    }),
    write(`${name} as the last of 200`, exportedEndpoints, rule, { spec: spec(last) }),
    write(`${name} later`, exportedEndpoints, rule, {
      operation: 'UPDATE',
      metadata: { name: `was-${familyOf(address).toLowerCase()}` },
      old: before,
      spec: spec([address]),
    }),
  ]
}

function candidate(address: string, rule: string | undefined): readonly Case[] {
  const [first, last] = [address, '192.0.2.1'].map((one) => ({ type: 'NodeInternal', address: one, port: 51820 }))
  const name = `candidate ${JSON.stringify(address)}`
  return [
    write(name, gatewayEndpoint, rule, { spec: { candidates: [first] } }),
    write(`${name} behind a good one`, gatewayEndpoint, rule, { spec: { candidates: [last, first] } }),
    write(`${name} later`, gatewayEndpoint, rule, {
      operation: 'UPDATE',
      metadata: { name: 'east-00000001' },
      spec: { candidates: [first] },
    }),
  ]
}

const addresses: readonly Case[] = [
  ...ownPods.flatMap((address) => endpoint(address, undefined)),
  ...Object.entries(hostile).flatMap(([rule, addresses]) => addresses.flatMap((address) => endpoint(address, rule))),
  write('no endpoint', exportedEndpoints, undefined, { spec: { endpoints: [] } }),
  write('IPv4 in a list of IPv6', exportedEndpoints, 'endpoint-family', { spec: { addressType: 'IPv6' } }),
  write('IPv6 in a list of IPv4', exportedEndpoints, 'endpoint-family', {
    spec: { endpoints: [{ address: 'fd00:1::5', ready: true }] },
  }),
  // What policies see of other members is nothing, so their addresses pass here, and are left out by every gateway.
  ...foreign.flatMap((address) => candidate(address, undefined)),
  ...malformed.flatMap((address) => candidate(address, 'candidate-form')),
  ...reserved.flatMap((address) => candidate(address, 'candidate-reserved')),
  ...[...ownPods, ...ownServices].flatMap((address) => candidate(address, 'candidate-outside')),
  // An Allocation of everything opens nothing that is reserved.
  ...reserved.map((address) =>
    write(`${address} of a member with all addresses`, exportedEndpoints, 'endpoint-reserved', {
      user: member('wide'),
      namespace: memberNamespace('wide'),
      spec: { clusterID: 'wide', addressType: familyOf(address), endpoints: [{ address, ready: true }] },
    }),
  ),
]

// Whose an object is.

const identity: readonly Case[] = owned.flatMap((kind) => {
  const [before, update] = [{ name: kind === gatewayEndpoint ? 'east-00000002' : 'was' }, 'UPDATE'] as const
  const moved: Readonly<Record<string, string>> =
    kind === gatewayEndpoint || kind === gatewayCertificate ? { node: 'n2' } : { name: 'db', namespace: 'other' }
  return [
    write('its own', kind, undefined),
    write('its own, again', kind, undefined, { operation: update, metadata: before }),
    write('its own', kind, undefined, { operation: 'DELETE', metadata: before }),
    ...['west', 'eas', 'east2', 'e'].map((id) => write(`that speaks for ${id}`, kind, 'own-id', { spec: { clusterID: id } })),
    write('that comes to speak for west', kind, 'own-id', { operation: update, metadata: before, spec: { clusterID: 'west' } }),
    ...Object.entries(moved).map(([field, to]) =>
      write(`that moves to another ${field}`, kind, 'fixed-identity', {
        operation: update,
        metadata: before,
        spec: { [field]: to },
      }),
    ),
    write('that speaks for west since an administrator made it', kind, 'own-id', {
      operation: update,
      metadata: { name: kind === gatewayEndpoint ? 'east-00000003' : 'planted' },
      old: { clusterID: 'west' },
      spec: { clusterID: 'west' },
    }),
    write('of a cluster that was not admitted', kind, 'no-allocation', {
      user: member(ghost),
      namespace: memberNamespace(ghost),
      spec: { clusterID: ghost },
    }),
  ]
})

const newKey = write('that comes to name another key', gatewayEndpoint, 'fixed-identity', {
  operation: 'UPDATE',
  metadata: { name: 'east-00000002' },
  spec: { wireguard: { publicKey: 'AAAA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg0=' } },
})
const newPairKey = write('that comes to hold the key of a pair', gatewayEndpoint, undefined, {
  operation: 'UPDATE',
  metadata: { name: 'east-00000002' },
  spec: { wireguard: { publicKey: key, pairKeys: [{ clusterID: 'west', id: '0123456789abcdef'.repeat(2) }] } },
})

// Under which names. `granted` and `reserved` of east are above.

const allowedNames = [
  ...[
    'shop/web',
    'payments/api',
    'ledger/web',
    'ledger/db',
    'vault/api',
    'default/web',
    'kube-system/metrics',
    'tombolo-demo/web',
  ],
  // Almost a name of others, or of a namespace that needs a grant.
  ...['payment/db', 'payments-test/db', 'my-payments/db', 'db/payments', 'vault/db2', 'vault/d', 'vault-db/db', 'defaults/web'],
  ...['my-default/web', 'kube/web', 'kubelet/web', 'my-kube-system/dns', 'tombolo/web', 'my-tombolo-system/web'],
  ...['com/granted', 'dev/web', 'test/web', 'app/web', 'coms/web', 'my-com/web', 'c/com', 'shop/localhost'],
]
const refusedNames = [
  ...['payments/db', 'payments/web', 'payments/apis', 'payments/ap', 'vault/db', 'default/api', 'default/kubernetes'],
  ...['kube-system/kube-dns', 'kube-system/metrics2', 'kube-public/web', 'kube-node-lease/web', 'kube-flannel/web', 'kube-x/web'],
  ...['tombolo-system/tombolo-dns', 'tombolo-broker/web', 'tombolo-m-west/web', 'tombolo-x/web'],
  ...['com/example', 'net/web', 'io/web', 'local/printer', 'localhost/web', 'internal/metadata', 'onion/web', 'arpa/in-addr'],
]
/** Of one with nothing but grants. */
const [allowedWhenShut, refusedWhenShut] = [
  ['shop/web', 'ledger/web', 'a/s0', `a/s${maxExportNames - 3}`],
  ['shop/db', 'a/web', 'a/s', 'payments/api', 'default/web', 'kube-system/metrics', 'tombolo-demo/web'],
]

const exportNames: readonly Case[] = [exportedService, exportedEndpoints].flatMap((kind) => {
  const named = (name: string, rule: string | undefined, how: Write = {}) => {
    const [namespace, service] = name.split('/')
    return write(`called ${name}`, kind, rule, { ...how, spec: { ...how.spec, namespace, name: service } })
  }
  const ofShut = {
    user: member('shut'),
    namespace: memberNamespace('shut'),
    spec: { clusterID: 'shut', ...(kind === exportedEndpoints ? { endpoints: [] } : {}) },
  }
  const vault = { namespace: 'vault', name: 'db' }
  const withdrawn = { metadata: { name: 'vault-db' }, old: vault, spec: vault } as const
  return [
    ...allowedNames.map((name) => named(name, undefined)),
    ...refusedNames.map((name) => named(name, 'export-granted')),
    ...allowedWhenShut.map((name) => named(name, undefined, ofShut)),
    ...refusedWhenShut.map((name) => named(name, 'export-granted', ofShut)),
    write('whose grant was withdrawn', kind, 'export-granted', { ...withdrawn, operation: 'UPDATE' }),
    write('whose grant was withdrawn', kind, 'export-granted', { ...withdrawn, operation: 'UPDATE', subresource: 'status' }),
    write('whose grant was withdrawn', kind, undefined, { ...withdrawn, operation: 'DELETE' }),
    write('of a granted name that moves to one of others', kind, 'fixed-identity', {
      operation: 'UPDATE',
      metadata: { name: 'was' },
      spec: vault,
    }),
  ]
})

// Under how many names.

const numbers: readonly Case[] = (
  [
    [exportedService, mostOfAMember.exportedservices],
    [exportedEndpoints, mostOfAMember.exportedendpoints],
  ] as const
).flatMap(([kind, most]) => {
  const named = (name: string, rule: string | undefined) => write(`named ${name}`, kind, rule, { metadata: { name } })
  return [
    ...['0', '9', '10', String(most - 1)].map((name) => named(name, undefined)),
    ...[
      String(most),
      String(most * 10),
      '999999999',
      '1000000000',
      '9'.repeat(40),
      '00',
      '01',
      '0.1',
      '1-0',
      '1a',
      'a',
      'web',
    ].map((name) => named(name, 'numbered')),
    named('0123456789abcdef'.repeat(2), 'numbered'),
    write('from before there were numbers', kind, undefined, { operation: 'UPDATE', metadata: { name: 'was' } }),
  ]
})

const family = write('that moves to another family', exportedEndpoints, 'fixed-identity', {
  operation: 'UPDATE',
  metadata: { name: 'was-ipv4' },
  spec: { addressType: 'IPv6', endpoints: [] },
})

const status: readonly Case[] = published.flatMap((kind) => {
  const [before, planted] = kind === gatewayEndpoint ? ['east-00000002', 'east-00000003'] : ['was', 'planted']
  const how = { operation: 'UPDATE', subresource: 'status' } as const
  const west = { clusterID: 'west' }
  return [
    write('the status of its own', kind, undefined, { ...how, metadata: { name: before } }),
    write('the status of what speaks for west', kind, 'own-id', { ...how, metadata: { name: planted }, old: west, spec: west }),
    write('the status of west’s', kind, 'own-namespace', { ...how, namespace: memberNamespace('west'), old: west, spec: west }),
  ]
})

const metadata: readonly Case[] = [...owned, leases].flatMap((kind) => {
  const owner = { apiVersion: 'v1', kind: 'Namespace', name: 'tombolo-m-east', uid: '0' }
  const many = (count: number, value: string) => Object.fromEntries(Array.from({ length: count }, (_, i) => [`a${i}`, value]))
  const with_ = (name: string, rule: string | undefined, beside: Partial<Meta>) => write(name, kind, rule, { metadata: beside })
  return [
    with_('with a finalizer', 'no-finalizers', { finalizers: ['example.com/stay'] }),
    with_('with the finalizer of the broker', 'no-finalizers', { finalizers: ['tombolo.dev/member'] }),
    with_('with an owner', 'no-owners', { ownerReferences: [owner] }),
    with_('with west’s label', 'own-label', { labels: { [clusterIDLabel]: 'west' } }),
    with_('with no id in the label', 'own-label', { labels: { [clusterIDLabel]: '' } }),
    with_('with its own label', undefined, { labels: { [clusterIDLabel]: 'east' } }),
    with_('with 16 labels', undefined, { labels: many(16, 'x') }),
    with_('with 17 labels', 'little-metadata', { labels: many(17, 'x') }),
    with_('with 4 annotations', undefined, { annotations: many(4, 'é'.repeat(256)) }),
    with_('with 5 annotations', 'little-metadata', { annotations: many(5, 'x') }),
    with_('with a long annotation', 'little-metadata', { annotations: many(1, 'x'.repeat(257)) }),
    with_('with a giant annotation', 'little-metadata', { annotations: many(1, 'x'.repeat(200_000)) }),
  ]
})

// Where one may write at all. The apiserver that is asked gives these accounts every right, so what refuses is the policy.

const builtin = (apiVersion: string, kind: string, plural: string, scope: Kind['scope'] = 'Namespaced'): Kind => ({
  apiVersion,
  kind,
  plural,
  scope,
})
const elsewhere: readonly Kind[] = [
  builtin('v1', 'Secret', 'secrets'),
  builtin('v1', 'ConfigMap', 'configmaps'),
  builtin('v1', 'ServiceAccount', 'serviceaccounts'),
  builtin('v1', 'ResourceQuota', 'resourcequotas'),
  builtin('rbac.authorization.k8s.io/v1', 'Role', 'roles'),
  builtin('networking.k8s.io/v1', 'NetworkPolicy', 'networkpolicies'),
]
const clusterWide: readonly Kind[] = [
  builtin('v1', 'Namespace', 'namespaces', 'Cluster'),
  builtin('rbac.authorization.k8s.io/v1', 'ClusterRole', 'clusterroles', 'Cluster'),
]
const notPublished: readonly Definition<KubeObject>[] = [allocation, joinRequest]

const reach: readonly Case[] = [
  ...owned.flatMap((kind) =>
    ['tombolo-m-west', 'tombolo-broker', 'tombolo-j-east', 'default', 'kube-system'].flatMap((namespace) => [
      write(`in ${namespace}`, kind, 'own-namespace', { namespace }),
      write(`in ${namespace}`, kind, 'own-namespace', { namespace, operation: 'DELETE', metadata: { name: 'theirs' } }),
    ]),
  ),
  ...owned.map((kind) =>
    write('by another account of its namespace', kind, 'own-account', { user: userOf('tombolo-m-east', 'default') }),
  ),
  ...[...owned, leases].flatMap((kind) => {
    const own = {
      ...(kind === gatewayEndpoint ? { metadata: { name: `${unmarked}-0a1b2c3d` } } : {}),
      ...(kind === leases ? {} : { spec: { clusterID: unmarked, ...(kind === exportedEndpoints ? { endpoints: [] } : {}) } }),
    }
    const how = { user: member(unmarked), namespace: memberNamespace(unmarked), ...own }
    return [
      write('in its namespace without the label', kind, 'marked-namespace', how),
      write('in its namespace without the label', kind, 'marked-namespace', {
        ...how,
        operation: 'DELETE',
        metadata: { name: 'theirs' },
      }),
      write('in a namespace without the label, by an administrator', kind, undefined, { ...how, user: others[0] }),
    ]
  }),
  ...owned.map((kind) => write('by an account of the same name elsewhere', kind, undefined, { user: others[2] })),
  ...owned.map((kind) => write('by a namespace whose name begins alike', kind, 'own-namespace', { user: member('east-1') })),
  ...owned.map((kind) => write('by who may only ask', kind, 'own-namespace', { user: asking('east') })),
  ...owned.map((kind) =>
    write('by who may only ask', kind, 'own-kinds', { user: asking('east'), namespace: joinNamespace('east') }),
  ),
  ...owned.map((kind) =>
    write('with west’s id by an administrator', kind, undefined, { user: others[0], spec: { clusterID: 'west' } }),
  ),
  ...[...elsewhere, ...notPublished].flatMap((kind) => [
    write('in its own namespace', kind, 'own-kinds'),
    write('in its own namespace', kind, 'own-kinds', { operation: 'DELETE', metadata: { name: 'doomed' } }),
    write('in west’s namespace', kind, 'own-namespace', { namespace: memberNamespace('west') }),
    write('in the broker’s namespace', kind, 'own-namespace', { namespace: 'tombolo-broker' }),
  ]),
  ...clusterWide.map((kind) => write('of the cluster', kind, 'own-namespace', { namespace: '' })),
  write('the answer to itself', gatewayCertificate, 'own-kinds', {
    operation: 'UPDATE',
    subresource: 'status',
    metadata: { name: 'was' },
  }),
  write('under west’s name', gatewayEndpoint, 'gateway-name', { metadata: { name: 'west-0a1b2c3d' } }),
  write('under half its name', gatewayEndpoint, 'gateway-name', { metadata: { name: 'eas-0a1b2c3d' } }),
  write('its sign of life', leases, undefined),
  write('another Lease', leases, 'one-lease', { metadata: { name: 'x' } }),
  write('west’s sign of life', leases, 'own-namespace', { namespace: memberNamespace('west') }),
  write('a Lease that the broker leads by', leases, 'own-namespace', { namespace: 'tombolo-broker' }),
]

const inside = (kind: Kind, subresource: string): readonly Case[] =>
  [
    ['its own namespace', 'own-kinds', memberNamespace('east')],
    ['the broker’s namespace', 'own-namespace', 'tombolo-broker'],
  ].map(([where = '', rule = '', namespace = '']) =>
    write(`in ${where}`, kind, rule, { operation: 'CONNECT', subresource, namespace, metadata: { name: 'any' } }),
  )

const connections: readonly Case[] = [
  ...inside(builtin('v1', 'Service', 'services'), 'proxy'),
  ...inside(builtin('v1', 'Pod', 'pods'), 'exec'),
]

const requests: readonly Case[] = [
  write('its own', joinRequest, undefined, {
    user: asking('north'),
    namespace: joinNamespace('north'),
    metadata: { name: 'north' },
    spec: { clusterID: 'north' },
  }),
  write('its own', joinRequest, undefined, { user: asking('east'), namespace: joinNamespace('east'), operation: 'DELETE' }),
  write('for west', joinRequest, 'joiners-id', {
    user: asking('east'),
    namespace: joinNamespace('east'),
    spec: { clusterID: 'west' },
  }),
  write('under another name', joinRequest, 'joiners-id', {
    user: asking('east'),
    namespace: joinNamespace('east'),
    metadata: { name: 'east2' },
  }),
  write('with a finalizer', joinRequest, 'no-finalizers', {
    user: asking('east'),
    namespace: joinNamespace('east'),
    metadata: { finalizers: ['example.com/stay'] },
  }),
  write('where north asks', joinRequest, 'own-namespace', { user: asking('east'), namespace: joinNamespace('north') }),
  write('by another account', joinRequest, 'own-account', {
    user: userOf(joinNamespace('east'), 'default'),
    namespace: joinNamespace('east'),
  }),
  write('by a member', joinRequest, 'own-namespace', { namespace: joinNamespace('east') }),
  write('the answer to itself', joinRequest, 'own-kinds', {
    user: asking('east'),
    namespace: joinNamespace('east'),
    operation: 'UPDATE',
    subresource: 'status',
  }),
]

const day = 24 * 3600

function token(
  text: string,
  rule: string | undefined,
  user: string,
  namespace: string,
  expirationSeconds: number,
  name = namespace.startsWith(joinNamespace('')) ? 'joiner' : 'member',
): Case {
  const object = {
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenRequest',
    metadata: { name, namespace },
    spec: { expirationSeconds },
  }
  const request = {
    operation: 'CREATE',
    user,
    group: '',
    resource: 'serviceaccounts',
    subresource: 'token',
    namespace,
    name,
  } as const
  const kind = builtin('v1', 'ServiceAccount', 'serviceaccounts')
  const namespaceLabels = labelsOf(namespace)
  return {
    name: `a token ${text}`,
    kind,
    rule,
    review: { request, object, oldObject: undefined, params: undefined, namespaceLabels },
  }
}

/** Filled by Kubernetes, one of the type is a token of the account that it names, for as long as both are there. */
export const tokenSecret = (namespace: string, account: string, name = 'lasting') => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name, namespace, annotations: { 'kubernetes.io/service-account.name': account } },
  type: 'kubernetes.io/service-account-token',
})

function secret(text: string, rule: string | undefined, user: string, namespace: string, type?: string): Case {
  const object = { ...tokenSecret(namespace, 'member'), spec: {}, ...(type === undefined ? {} : { type }) }
  const request = {
    operation: 'CREATE',
    user,
    group: '',
    resource: 'secrets',
    subresource: '',
    namespace,
    name: 'lasting',
  } as const
  const namespaceLabels = labelsOf(namespace)
  return {
    name: text,
    kind: secrets,
    rule,
    review: { request, object, oldObject: undefined, params: undefined, namespaceLabels },
  }
}

const tokens: readonly Case[] = [
  ...others.flatMap((user) => [
    token(`of a day, by ${user}`, undefined, user, memberNamespace('east'), day),
    token(`of more than a day, by ${user}`, 'short-token', user, memberNamespace('east'), day + 1),
    token(`to ask with for two weeks, by ${user}`, undefined, user, joinNamespace('east'), 14 * day),
    token(`to ask with for longer, by ${user}`, 'short-token', user, joinNamespace('east'), 14 * day + 1),
  ]),
  token('for a pod', 'no-pods-token', 'system:node:n1', memberNamespace('east'), 3600),
  token('of its own, by the member', 'own-kinds', member('east'), memberNamespace('east'), 600),
  token('of west, by the member east', 'own-namespace', member('east'), memberNamespace('west'), 600),
  token('to ask with, by the member', 'own-namespace', member('east'), joinNamespace('east'), 600),
  token('of its own, by who may only ask', 'own-kinds', asking('east'), joinNamespace('east'), 600),
  token('of itself, by the controller', 'controllers-place', others[1], brokerNamespace, 600, controllerName),
  token('of an account called like a member’s, by the controller', 'controllers-place', others[1], 'default', 600, 'member'),
  token(
    'of another account beside a member’s, by the controller',
    'controllers-place',
    others[1],
    memberNamespace('east'),
    600,
    'other',
  ),
  token('of another account beside a member’s, by an administrator', undefined, others[0], memberNamespace('east'), 600, 'other'),
  ...[...others, 'system:serviceaccount:kube-system:tokens-controller'].flatMap((user) => [
    ...[memberNamespace('east'), memberNamespace(unmarked), joinNamespace('east')].flatMap((namespace) => [
      secret(`a lasting token in ${namespace}, by ${user}`, 'no-lasting-token', user, namespace),
      secret(`another Secret in ${namespace}, by ${user}`, undefined, user, namespace, 'Opaque'),
    ]),
    ...['default', 'tombolo-broker'].map((namespace) =>
      secret(`a lasting token in ${namespace}, by ${user}`, undefined, user, namespace),
    ),
  ]),
  secret('a lasting token of its own, by the member', 'own-kinds', member('east'), memberNamespace('east')),
]

export const cases: readonly Case[] = [
  ...[
    addresses,
    identity,
    exportNames,
    numbers,
    [family, newKey, newPairKey],
    status,
    metadata,
    reach,
    connections,
    requests,
    tokens,
    levelCases(write),
    controllerCases(write, ghost),
  ].flat(),
]
