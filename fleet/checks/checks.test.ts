import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Allocation } from '#crds/allocation.ts'
import { returnTable } from '#gateway/data-plane.ts'
import type { CIDR } from '#lib/net/cidr.ts'
import type { podOf } from '#test/kit/snapshot.ts'
import {
  conditionOf,
  emptySnapshot,
  gatewayOf,
  goodSnapshot,
  grantTo,
  policyOf,
  withBroker,
  withMember,
  withPlatform,
  withProbed,
  workload,
} from '#test/kit/snapshot.ts'
import { allocationOf, exporting } from '#test/kit/services.ts'
import type { PolicyFact } from '../facts/exported.ts'
import type { Snapshot } from '../snapshot.ts'
import { subjects } from './check.ts'
import { checks, findingsOf } from './index.ts'

type Row = readonly [check: string, broken: string, seen: Snapshot, level: 'warn' | 'fail', says: RegExp, remedy: RegExp]

const pods = (change: (text: string) => Parameters<typeof podOf>[1]) =>
  withMember(({ pods: good }) => ({ pods: good.map((p) => ({ ...p, ...change(`${p.component} ${p.node ?? ''}`) })) }))
const exported = (...conditions: Parameters<typeof conditionOf>[]) =>
  withMember({ exports: [{ ...exporting(), status: { conditions: conditions.map((c) => conditionOf(...c)) } }] })
const membership = (...conditions: Parameters<typeof conditionOf>[]) =>
  withMember(({ membership: good }) => ({
    membership: { ...good, status: { observedGeneration: 1, conditions: conditions.map((c) => conditionOf(...c)) } },
  }))
const gateways = (east: Parameters<typeof gatewayOf>[1], west: Parameters<typeof gatewayOf>[1] = {}, status: object = {}) =>
  withMember({ gateways: [gatewayOf('east', east, status), gatewayOf('west', west)] })
const broken = (reason: 'NothingHeard' | 'OneWay' | 'FellSilent') => ({ state: 'Error', reason, message: 'silent' }) as const
const node = (name: string, change: object) =>
  withPlatform(({ nodes }) => ({ nodes: nodes.map((n) => (n.name === name ? { ...n, ...change } : n)) }))
const network = (name: string, change: object) =>
  withProbed(({ networks }) => ({ networks: networks.map((n) => (n.node === name ? { ...n, ...change } : n)) }))
const without = (what: 'rules' | 'routes', table: number, name: string) =>
  withProbed(({ networks }) => ({
    networks: networks.map((n) => (n.node === name ? { ...n, [what]: n[what].filter((of) => of.table !== table) } : n)),
  }))
const west = (podCIDRs: readonly string[]): Allocation => ({
  ...allocationOf('west'),
  spec: { ...allocationOf('west').spec, podCIDRs: podCIDRs as CIDR[] },
})
const policy = (ingress: PolicyFact['ingress'], matchLabels: Record<string, string> = {}) =>
  withMember(({ exported: good }) => ({
    exported: {
      ...good,
      policies: [{ namespace: 'shop', name: 'inward', selects: { matchLabels, matchExpressions: [] }, ingress }],
      podLabels: [{ namespace: 'shop', name: 'web-1', labels: { app: 'web', tier: 'front' } }],
    },
  }))
const block = (cidr: string, ...except: readonly string[]) => ({ block: { cidr, except } })
const minutes = (n: number): Date => new Date(goodSnapshot.takenAt.getTime() + n * 60_000)
const heard = (at: Date) => withBroker({ heartbeats: [{ namespace: 'tombolo-m-west', heardAt: at, goodForSeconds: 60 }] })
const withoutAdmission = (name: string) =>
  withBroker(({ admission }) => ({ admission: admission.filter((o) => o.metadata.name !== name) }))

const requestOf = (state: string, type: string, message: string) => ({
  metadata: { name: 'north', namespace: 'tombolo-j-north' },
  spec: { clusterID: 'north' },
  status: { state, message, conditions: [{ type, status: 'True', reason: type, message, lastTransitionTime: '' }] },
})

const rows: readonly Row[] = [
  [
    'readable',
    'a right is missing',
    { ...goodSnapshot, unread: [{ what: 'Nodes', why: 'forbidden' }] },
    'warn',
    /^Nodes could not be read/,
    /that right/,
  ],
  [
    'readable',
    'a probe failed',
    withProbed({ failed: [{ what: 'node east-2', why: 'no pod' }] }),
    'warn',
    /east-2 could not be probed/,
    /pods\/exec/,
  ],
  ['membership', 'nobody reported', membership(), 'fail', /has not reported/, /logs deployment\/tombolo-operator/],
  [
    'membership',
    'it is not ready',
    membership(['Ready', 'False', 'dns: 0 of 2']),
    'fail',
    /east is not ready: dns: 0 of 2/,
    /findings below/,
  ],
  [
    'membership',
    'the newest was not looked at',
    withMember(({ membership: m }) => ({ membership: { ...m, metadata: { ...m.metadata, generation: 2 } } })),
    'warn',
    /newest/,
    /tombolo-operator/,
  ],
  [
    'membership',
    'it is leaving',
    withMember(({ membership: m }) => ({ membership: { ...m, metadata: { ...m.metadata, deletionTimestamp: 'now' } } })),
    'warn',
    /leaving/,
    /tombolo uninstall/,
  ],
  [
    'workloads-available',
    'dns was scaled to 0',
    withMember(({ workloads: w }) => ({ workloads: [...w.slice(0, 3), workload('dns 0/0')] })),
    'fail',
    /dns was scaled to 0/,
    /scale deployment\/tombolo-dns --replicas=2/,
  ],
  [
    'workloads-available',
    'half of dns runs',
    withMember(({ workloads: w }) => ({ workloads: [...w.slice(0, 3), workload('dns 1/2')] })),
    'warn',
    /1 of 2/,
    /describe pods/,
  ],
  [
    'workloads-available',
    'no node is a gateway',
    withMember(({ workloads: w }) => ({ workloads: w.map((x) => (x.component === 'gateway' ? workload('gateway 0/0') : x)) })),
    'fail',
    /no node carries the label/,
    /kubectl label node NODE tombolo.dev\/gateway=true/,
  ],
  [
    'workloads-available',
    'the agent is not installed',
    withMember(({ workloads: w }) => ({ workloads: w.filter((x) => x.component !== 'agent') })),
    'fail',
    /agent is not installed/,
    /logs deployment\/tombolo-operator/,
  ],
  [
    'workloads-available',
    'the broker controller is gone',
    withBroker({ workloads: [] }),
    'fail',
    /broker-controller is not installed/,
    /tombolo deploy-broker/,
  ],
  [
    'pods-running',
    'an image cannot be pulled',
    pods((p) => (p === 'dns east-2' ? { ready: false, phase: 'Pending', trouble: 'ImagePullBackOff: no such image' } : {})),
    'fail',
    /ImagePullBackOff/,
    /describe pod tombolo-dns-east-2/,
  ],
  [
    'pods-running',
    'one crashes',
    pods((p) => (p === 'agent east-2' ? { ready: false, trouble: 'CrashLoopBackOff' } : {})),
    'warn',
    /CrashLoopBackOff/,
    /logs tombolo-agent-east-2 --previous/,
  ],
  [
    'restarts',
    'one was restarted five times',
    pods((p) => (p === 'gateway east-1' ? { restarts: 5 } : {})),
    'warn',
    /restarted 5 times/,
    /--previous/,
  ],
  [
    'nodes-ready',
    'a worker is down',
    node('east-2', { ready: false }),
    'warn',
    /node east-2 is not ready/,
    /kubectl describe node east-2/,
  ],
  ['nodes-ready', 'a gateway node is down', node('east-1', { ready: false }), 'fail', /gateway node east-1/, /describe node/],
  [
    'cni',
    'Cilium goes past the kernel',
    withPlatform({ daemonSets: ['kube-system/cilium'], cilium: { 'enable-bpf-masquerade': 'true' } }),
    'warn',
    /Cilium/,
    /bpf.masquerade=false and bpf.hostLegacyRouting=true/,
  ],
  [
    'cni',
    'OVN-Kubernetes goes past the routes',
    withPlatform({ daemonSets: ['ovn-kubernetes/ovnkube-node'] }),
    'warn',
    /OVN/,
    /routingViaHost: true/,
  ],
  [
    'agents-everywhere',
    'a node has no agent',
    withMember(({ pods: p }) => ({ pods: p.filter((x) => x.name !== 'tombolo-agent-east-2') })),
    'fail',
    /no agent runs on east-2/,
    /describe daemonset tombolo-agent/,
  ],
  [
    'agents-everywhere',
    'an agent is not ready',
    pods((p) => (p === 'agent east-2' ? { ready: false } : {})),
    'fail',
    /has not set up its node/,
    /logs tombolo-agent-east-2/,
  ],
  [
    'node-addresses',
    'a node has only the other family',
    node('east-2', { addresses: ['fd00::2'] }),
    'fail',
    /no internal IPv4 address/,
    /--node-ip/,
  ],
  [
    'active-gateway',
    'none is active',
    gateways({}, {}, { role: 'Standby' }),
    'fail',
    /no gateway is active/,
    /component=gateway/,
  ],
  [
    'active-gateway',
    'it cannot work',
    gateways({}, {}, { role: 'Standby', conditions: [conditionOf('Ready', 'False', 'no \/dev\/net\/tun')] }),
    'fail',
    /cannot work: no \/dev\/net\/tun/,
    /logs/,
  ],
  [
    'active-gateway',
    'all of them were drained',
    gateways({}, {}, { role: 'Standby', conditions: [conditionOf('Electable', 'False', '', 'Drained')] }),
    'fail',
    /no gateway is active/,
    /tombolo gateway uncordon east-1/,
  ],
  ['active-gateway', 'it does not run any more', withMember({ running: [] }), 'fail', /no gateway is active/, /logs/],
  [
    'active-gateway',
    'there is no gateway at all',
    withMember({ gateways: [gatewayOf('west')] }),
    'fail',
    /nothing reaches other clusters/,
    /kubectl label node/,
  ],
  [
    'active-gateway',
    'a peer has none',
    withMember({ gateways: [gatewayOf('east')] }),
    'fail',
    /west has announced no active gateway/,
    /--context west/,
  ],
  [
    'cables-connected',
    'the active cable is broken',
    gateways({ ...broken('FellSilent') }),
    'fail',
    /east-1 to west\/west-1 is broken: silent/,
    /tombolo diagnose firewall/,
  ],
  ['cables-connected', 'there is no round trip', gateways({ rttMicros: undefined }), 'warn', /no round trip/, /starts it anew/],
  ['cables-connected', 'the way is slow', gateways({ rttMicros: 3_000_000 }), 'warn', /3000 ms/, /load of both nodes/],
  [
    'both-directions',
    'the far end says otherwise',
    gateways({}, { state: 'Error', message: 'deaf' }),
    'warn',
    /west\/west-1, which says Error: deaf/,
    /--context west/,
  ],
  [
    'pair-keys',
    'the other cluster has announced none',
    gateways({ pairKey: 'None' }),
    'warn',
    /east-1 to west\/west-1 goes without the key/,
    /Is west of this version/,
  ],
  [
    'peers-believed',
    'the operator refuses objects',
    membership(['PeersValid', 'False', 'ExportedService x: a lie']),
    'fail',
    /the operator .*a lie/,
    /tombolo quarantine/,
  ],
  [
    'peers-believed',
    'another cluster floods',
    membership(['PeersInBudget', 'False', 'west changes its ExportedService objects more often']),
    'fail',
    /the operator .*west changes/,
    /tombolo quarantine/,
  ],
  [
    'peers-believed',
    'the gateway refuses a peer',
    gateways({}, {}, { conditions: [conditionOf('PeersAccepted', 'False', 'west: overlaps')] }),
    'fail',
    /the gateway on east-1 .*west: overlaps/,
    /diagnose broker/,
  ],
  [
    'peers-believed',
    'an object is malformed',
    { ...goodSnapshot, ignored: [{ object: 'GatewayEndpoint x/y', why: 'no spec' }] },
    'warn',
    /GatewayEndpoint x\/y is malformed/,
    /delete it/,
  ],
  [
    'removals-held',
    'the broker has forgotten much of a cluster',
    membership(['RemovalsBelieved', 'False', 'the broker lists no more 40 of 48 objects of west']),
    'fail',
    /40 of 48 objects of west/,
    /show services --context BROKER/,
  ],
  [
    'overlapping-cidrs',
    'two clusters have the same pods',
    withMember({ allocations: [allocationOf('east'), west(['10.1.128.0/17'])] }),
    'fail',
    /east and west overlap: 10\.1\.0\.0\/16 and 10\.1\.128\.0\/17/,
    /--pod-cidr/,
  ],
  [
    'overlapping-cidrs',
    'a peer has the addresses of our nodes',
    withMember({ allocations: [allocationOf('east'), west(['192.0.2.0/24'])] }),
    'fail',
    /east-1, east-2/,
    /--pod-cidr/,
  ],
  [
    'former-gateways',
    'the label is gone',
    node('east-1', { gateway: false }),
    'warn',
    /east-1 is announced as a gateway/,
    /delete gatewayendpoint gw-east-1/,
  ],
  [
    'former-gateways',
    'a gateway node says nothing',
    node('east-2', { gateway: true }),
    'warn',
    /east-2 has not announced itself/,
    /Allocation/,
  ],
  [
    'node-routes',
    'the rule is missing',
    network('east-2', { rules: [] }),
    'fail',
    /rule that looks up table 7300 is missing on east-2/,
    /half a minute/,
  ],
  [
    'node-routes',
    'a route leads nowhere',
    network('east-2', { routes: [] }),
    'fail',
    /east-2 has no way to 10\.2\.0\.0\/16/,
    /active gateway/,
  ],
  [
    'node-routes',
    'a gateway does not look up the way back',
    without('rules', returnTable, 'east-1'),
    'fail',
    /rule that looks up table 7301 is missing on east-1/,
    /half a minute/,
  ],
  [
    'node-routes',
    'a gateway knows no way back to a node',
    without('routes', returnTable, 'east-1'),
    'fail',
    /^east-1 does not know that 10\.1\.2\.0\/24 is on east-2/,
    /half a minute/,
  ],
  [
    'mtu',
    'the network is narrow',
    network('east-1', { underlay: { name: 'eth0', mtu: 1400 } }),
    'warn',
    /tmb-wg on east-1 takes packets of 1420/,
    /MTU of eth0 on east-1 to 1500/,
  ],
  [
    'gateway-ports',
    'nothing was ever heard',
    gateways(broken('NothingHeard'), broken('NothingHeard')),
    'fail',
    /no packet of west\/west-1 \(198\.51\.100\.1:51820\) was ever heard/,
    /Let UDP from east-1 .* through .*And back/,
  ],
  [
    'gateway-ports',
    'ours do not arrive',
    gateways(broken('OneWay')),
    'fail',
    /none of ours arrive/,
    /Let UDP from east-1 \(192\.0\.2\.1:51820\) to west/,
  ],
  [
    'gateway-ports',
    'theirs do not arrive',
    gateways(broken('NothingHeard'), broken('OneWay')),
    'fail',
    /none of its packets arrive/,
    /Let UDP from west\/west-1 .* to east-1/,
  ],
  [
    'gateway-ports',
    'it fell silent',
    gateways(broken('FellSilent')),
    'fail',
    /hears it no more/,
    /tombolo show gateways --context west/,
  ],
  [
    'gateway-ports',
    'packets go through a relay',
    gateways({ state: 'Connected', path: 'Relay', relay: 'hub/n1', pathMessage: 'UDP is blocked' }),
    'warn',
    /between east-1 and west\/west-1 go through the relay hub\/n1: UDP is blocked/,
    /Where UDP between the two is let through/,
  ],
  [
    'overlay-port',
    'VXLAN is blocked one way',
    withProbed({ overlay: [{ from: 'east-2', to: 'east-1', heard: false }] }),
    'fail',
    /east-2 sends over the overlay arrives at east-1/,
    /UDP 4800/,
  ],
  [
    'guard-in-place',
    'the agent’s table is gone',
    network('east-2', { nftTables: [] }),
    'fail',
    /tombolo-agent is missing on east-2/,
    /flushes the ruleset/,
  ],
  [
    'guard-in-place',
    'the gateway’s table is gone',
    network('east-1', { nftTables: ['tombolo-agent'] }),
    'fail',
    /tombolo-gateway is missing/,
    /The gateway puts it back/,
  ],
  ['kube-proxy', 'it runs in mode ipvs', network('east-2', { proxyMode: 'ipvs' }), 'warn', /mode ipvs/, /mode: nftables/],
  [
    'kube-proxy',
    'it hides sources',
    withPlatform({ kubeProxy: { mode: 'iptables', masqueradeAll: true } }),
    'warn',
    /masquerades/,
    /masqueradeAll: false/,
  ],
  [
    'kube-proxy',
    'nobody knows',
    { ...withPlatform({ kubeProxy: undefined }), probed: emptySnapshot.probed },
    'warn',
    /not known/,
    /proxyMode/,
  ],
  [
    'dns-servers',
    'none is ready',
    pods((p) => (p.startsWith('dns') ? { ready: false } : {})),
    'fail',
    /no server for clusterset.local/,
    /describe pods/,
  ],
  [
    'dns-servers',
    'it was scaled to 0',
    withMember(({ pods: p, workloads: w }) => ({
      pods: p.filter((x) => x.component !== 'dns'),
      workloads: [...w.slice(0, 3), workload('dns 0/0')],
    })),
    'fail',
    /no server/,
    /--replicas=2/,
  ],
  [
    'dns-servers',
    'there is no Service',
    withMember({ dnsAddresses: [] }),
    'fail',
    /Service tombolo-dns is missing/,
    /tombolo-operator/,
  ],
  [
    'stub-zone',
    'the block is gone',
    withPlatform(({ dns }) => ({ dns: { ...dns, forwardsTo: undefined } })),
    'fail',
    /has a block for clusterset.local: its names are unknown/,
    /rollout status deployment\/tombolo-operator/,
  ],
  [
    'stub-zone',
    'it points elsewhere',
    withPlatform(({ dns }) => ({ dns: { ...dns, forwardsTo: ['10.9.9.9'] } })),
    'fail',
    /sends clusterset.local to 10\.9\.9\.9/,
    /forward \. 10\.101\.0\.53/,
  ],
  [
    'stub-zone',
    'there is no CoreDNS',
    withPlatform(({ dns }) => ({ dns: { ...dns, coreDNS: 'absent' } })),
    'warn',
    /no CoreDNS/,
    /forward clusterset.local to 10\.101\.0\.53/,
  ],
  [
    'cluster-dns',
    'CoreDNS is down',
    withPlatform(({ dns }) => ({ dns: { ...dns, available: 0 } })),
    'fail',
    /0 of 2/,
    /k8s-app=kube-dns/,
  ],
  [
    'dns-answers',
    'our server is silent',
    withProbed(({ names }) => ({ names: names.map((n) => ({ ...n, failure: 'timeout' })) })),
    'fail',
    /tombolo-dns at .* does not answer/,
    /NetworkPolicy on that node/,
  ],
  [
    'dns-answers',
    'the cluster DNS does not know the zone',
    withProbed(({ names }) => ({ names: names.map((n) => (n.asked === 'cluster DNS' ? { ...n, failure: 'ENOTFOUND' } : n)) })),
    'fail',
    /cluster DNS .*ENOTFOUND/,
    /does not ask it/,
  ],
  [
    'exports-valid',
    'the Service is missing',
    exported(['Valid', 'False', 'there is no Service shop/web']),
    'fail',
    /there is no Service/,
    /tombolo unexport service web -n shop/,
  ],
  [
    'exports-valid',
    'the name is granted to others',
    exported(['Valid', 'False', 'shop/web is not exported', 'NotGranted']),
    'fail',
    /shop\/web is not exported/,
    /Ask the administrator of the broker for that grant/,
  ],
  [
    'exports-valid',
    'the broker does not take it',
    exported(['Valid', 'True'], ['Ready', 'False', 'refused', 'Failed']),
    'fail',
    /not published: refused/,
    /diagnose broker/,
  ],
  [
    'exports-valid',
    'it is for a cluster that is no member',
    exported(['Valid', 'True'], ['Ready', 'True', 'published'], ['ImportersKnown', 'False', 'export-to names suoth']),
    'warn',
    /export-to names suoth/,
    /tombolo export service web -n shop --to CLUSTERS/,
  ],
  ['exports-valid', 'nobody has looked at it', exported(), 'warn', /has not looked at it/, /diagnose broker/],
  [
    'export-conflicts',
    'clusters differ',
    exported(['Conflict', 'True', 'ports: west differs']),
    'fail',
    /ports: west differs/,
    /make them equal/,
  ],
  [
    'exported-endpoints',
    'no pod is ready',
    withMember(({ exported: e }) => ({ exported: { ...e, services: e.services.map((s) => ({ ...s, endpoints: [] })) } })),
    'warn',
    /no endpoint that is ready/,
    /get pods -l app=web/,
  ],
  [
    'exported-endpoints',
    'they are not in the clusterset',
    withMember({ slices: [] }),
    'warn',
    /1 ready endpoints, of which 0/,
    /tombolo-operator/,
  ],
  [
    'imports-answer',
    'no endpoint is ready',
    withMember(({ slices }) => ({ slices: slices.map((s) => ({ ...s, ready: 0 })) })),
    'fail',
    /exported by east, has no ready endpoint of 1/,
    /endpointslices -l kubernetes.io\/service-name=web/,
  ],
  [
    'imports-answer',
    'it has no address',
    withMember(({ imports }) => ({ imports: imports.map((i) => ({ ...i, spec: { ...i.spec, ips: [] } })) })),
    'fail',
    /no address/,
    /get serviceimport web/,
  ],
  [
    'traffic-policies',
    'nobody may answer',
    withMember({ trafficPolicies: [policyOf([], conditionOf('Ready', 'False', 'no cluster may answer', 'NoClusterLeft'))] }),
    'fail',
    /^shop\/web: no cluster may answer$/,
    /^kubectl -n shop edit servicetrafficpolicy web$/,
  ],
  [
    'traffic-policies',
    'a part of it holds nowhere',
    withMember({ trafficPolicies: [policyOf([], conditionOf('Ready', 'False', 'spec.order names wets', 'UnknownCluster'))] }),
    'warn',
    /spec\.order names wets/,
    /edit servicetrafficpolicy web/,
  ],
  [
    'network-policies',
    'nobody is let in',
    policy([]),
    'fail',
    /inward keeps pods of west from shop\/web, 80\/TCP/,
    /ipBlock: \{cidr: 10\.2\.0\.0\/16\}.*port: 8080/,
  ],
  [
    'network-policies',
    'pods of this cluster alone are',
    policy([{ from: [{ block: undefined }], ports: [] }]),
    'fail',
    /keeps pods of west/,
    /not built yet/,
  ],
  [
    'network-policies',
    'the wrong port is open',
    policy([{ from: [], ports: [{ protocol: 'TCP', port: 80, endPort: undefined }] }]),
    'fail',
    /80\/TCP/,
    /port: 8080/,
  ],
  [
    'network-policies',
    'a hole is cut',
    policy([{ from: [block('10.0.0.0/8', '10.2.3.0/24')], ports: [] }]),
    'fail',
    /keeps pods of west/,
    /ipBlock/,
  ],
  [
    'broker-reachable',
    'it is away',
    membership(['BrokerReachable', 'False', 'no route', 'Unreachable']),
    'fail',
    /no route/,
    /From a node of this cluster/,
  ],
  [
    'broker-reachable',
    'we are refused',
    membership(['BrokerReachable', 'False', '401', 'Unauthorized']),
    'fail',
    /401/,
    /tombolo join east/,
  ],
  [
    'broker-reachable',
    'nobody has asked it',
    membership(['BrokerReachable', 'Unknown', 'not asked yet']),
    'warn',
    /not asked yet/,
    /key server/,
  ],
  [
    'token-life',
    'it ran out',
    withMember({ token: { renewAt: minutes(-90), expiresAt: minutes(-1) } }),
    'fail',
    /ran out at/,
    /grant create east; then tombolo join/,
  ],
  [
    'token-life',
    'it is not renewed',
    withMember({ token: { renewAt: minutes(-60), expiresAt: minutes(120) } }),
    'warn',
    /good for 2\.0 h more/,
    /grep token/,
  ],
  ['clocks', 'the apiserver is behind', withPlatform({ clock: minutes(-6) }), 'fail', /360 s behind/, /NTP/],
  [
    'clocks',
    'the apiserver is as far behind as is tolerated',
    withPlatform({ clock: minutes(-5) }),
    'warn',
    /300 s behind/,
    /NTP/,
  ],
  [
    'clocks',
    'the operator found its own clock wrong',
    withMember(({ membership }) => ({
      membership: {
        ...membership,
        status: {
          conditions: [
            { type: 'ClockAgrees', status: 'False', reason: 'ClockSkewed', message: '7 minutes behind', lastTransitionTime: '' },
          ],
        },
      },
    })),
    'fail',
    /7 minutes behind/,
    /NTP/,
  ],
  ['clocks', 'a member is ahead', heard(minutes(2)), 'warn', /clock of west is 120 s ahead/, /NTP/],
  ['members-heard', 'one is silent', heard(minutes(-3)), 'fail', /west is Silent/, /diagnose broker --context west/],
  ['members-heard', 'one has no gateway', withBroker({ gateways: [gatewayOf('east')] }), 'fail', /./, /context/],
  [
    'members-heard',
    'one is not provisioned',
    withBroker(({ members }) => ({ members: members.map((m) => ({ ...m, status: {} })) })),
    'fail',
    /east is NotReady/,
    /tombolo-broker-controller/,
  ],
  [
    'export-grants',
    'a cluster is mistyped',
    withBroker({ exportGrants: [grantTo('east', 'wset')] }),
    'warn',
    /names of shop to clusters that are no members: wset/,
    /edit exportgrant web/,
  ],
  [
    'join-requests',
    'one waits',
    withBroker({ requests: [{ metadata: { name: 'north', namespace: 'tombolo-join' }, spec: { clusterID: 'north' } }] as never }),
    'warn',
    /north waits/,
    /tombolo approve north/,
  ],
  [
    'join-requests',
    'one was refused',
    withBroker({
      requests: [
        {
          metadata: { name: 'north', namespace: 'tombolo-join' },
          spec: { clusterID: 'north' },
          status: { state: 'Refused', message: 'overlap' },
        },
      ] as never,
    }),
    'warn',
    /north was refused: overlap/,
    /run tombolo join there again/,
  ],
  [
    'join-requests',
    'one overlaps',
    withBroker({ requests: [requestOf('Refused', 'Overlap', 'north and east')] as never }),
    'warn',
    /north overlaps: north and east/,
    /Renumber one of the two/,
  ],
  [
    'join-requests',
    'a clock is wrong',
    withBroker({ requests: [requestOf('Admitted', 'ClockSkewed', '7 minutes ahead')] as never }),
    'warn',
    /north: 7 minutes ahead/,
    /NTP/,
  ],
  [
    'join-requests',
    'a member is too far behind',
    withBroker({ requests: [requestOf('Admitted', 'VersionSkewed', 'old')] as never }),
    'warn',
    /north: old/,
    /tombolo upgrade/,
  ],
  [
    'join-requests',
    'tokens are cut short',
    withBroker({ requests: [requestOf('Admitted', 'ShortCredentials', '1.0 h')] as never }),
    'warn',
    /north: 1\.0 h/,
    /max-token-expiration/,
  ],
  [
    'join-requests',
    'the broker does not know its own name',
    withBroker({ requests: [requestOf('Admitted', 'BrokerNameUnknown', 'hub.example')] as never }),
    'warn',
    /north: hub\.example/,
    /resolve that name/,
  ],
  [
    'admission-policies',
    'a policy is missing',
    withoutAdmission('tombolo-member-identity'),
    'fail',
    /ValidatingAdmissionPolicy tombolo-member-identity is missing: what members write is not held/,
    /tombolo deploy-broker/,
  ],
  [
    'admission-policies',
    'the policy about the controller is missing',
    withoutAdmission('tombolo-controller-places'),
    'fail',
    /tombolo-controller-places is missing: whoever comes to act as the broker controller/,
    /tombolo deploy-broker/,
  ],
  [
    'admission-policies',
    'a policy lets errors pass',
    withBroker(({ admission }) => ({
      admission: admission.map((o) =>
        o.kind === 'ValidatingAdmissionPolicy' ? { ...o, spec: { ...(o.spec as object), failurePolicy: 'Ignore' } } : o,
      ),
    })),
    'fail',
    /is not what this version of Tombolo makes/,
    /deploy-broker/,
  ],
  [
    'admission-policies',
    'an expression does not compile',
    withBroker(({ admission }) => ({
      admission: admission.map((o) => ({
        ...o,
        status: { typeChecking: { expressionWarnings: [{ warning: 'undeclared isIP' }] } },
      })),
    })),
    'fail',
    /undeclared isIP/,
    /1\.31/,
  ],
  [
    'kubernetes-version',
    'it is too old',
    withPlatform({ version: 'v1.30.9' }),
    'fail',
    /v1\.30\.9 is too old for a broker: 1\.31/,
    /another cluster/,
  ],
  [
    'one-version',
    'a roll-out is not done',
    pods((p) => (p === 'agent east-2' ? { image: 'tombolo/tombolo:0' } : {})),
    'warn',
    /agent runs tombolo\/tombolo:0 and tombolo\/tombolo:1/,
    /roll-out/,
  ],
  [
    'one-version',
    'the operator is of another version',
    withMember(({ workloads: w, pods: p }) => ({
      workloads: w.map((x) => (x.component === 'operator' ? { ...x, image: 'other:2' } : x)),
      pods: p.map((x) => (x.component === 'operator' ? { ...x, image: 'other:2' } : x)),
    })),
    'warn',
    /different images: .*operator other:2/,
    /tombolo upgrade/,
  ],
  [
    'api-kinds',
    'a CRD is missing',
    { ...goodSnapshot, unserved: ['Allocation'] },
    'fail',
    /does not know Allocation/,
    /tombolo deploy-broker/,
  ],
]

/** Every other check is shown on two real clusters as well, by test/e2e/faults.test.ts. */
const onSnapshotsAlone: Readonly<Record<string, string>> = {
  'kubernetes-version': 'a rig has one Kubernetes, which is new enough',
  'removals-held': 'a broker has to lose a dozen services and their history: operator/mcs/mcs.test.ts has one that does',
}

suite('checks', () => {
  test('are silent about a cluster in which all is well', () => {
    const found = findingsOf(goodSnapshot, subjects)
    assert.deepEqual(
      found.filter((f) => f.level !== 'pass'),
      [],
    )
    // Each of them has looked.
    assert.deepEqual(
      checks.map((c) => c.name).filter((name) => !found.some((f) => f.check === name)),
      [],
    )
  })

  test('have nothing to say of a cluster without Tombolo, but that it could be read', () =>
    assert.deepEqual(
      findingsOf(emptySnapshot, subjects).map((f) => f.check),
      ['readable'],
    ))

  for (const [name, what, seen, level, says, remedy] of rows)
    test(`${name}: ${what}`, () => {
      const check = checks.find((c) => c.name === name)
      assert.ok(check, `no check ${name}`)
      const found = check.run(seen).filter((f) => f.level !== 'pass')
      const fits = found.find((f) => f.level === level && says.test(f.says) && remedy.test(f.remedy))
      assert.ok(fits, JSON.stringify(found, null, 2))
    })

  test('are each shown to fire', () => {
    const shown = new Set(rows.map(([name]) => name))
    assert.deepEqual(
      checks.map((c) => c.name).filter((name) => !shown.has(name)),
      [],
    )
  })

  test('are each shown to fire on real clusters, or it is said why not', () => {
    const suite = join(import.meta.dirname, '../../test/e2e')
    const files = ['faults.test.ts', ...readdirSync(join(suite, 'faults')).map((file) => join('faults', file))]
    const planted = files.flatMap((file) =>
      [...readFileSync(join(suite, file), 'utf8').matchAll(/\bcheck: '(.+?)'/g)].map(([, name = '']) => name),
    )
    assert.deepEqual(
      [...new Set([...planted, ...Object.keys(onSnapshotsAlone)])].toSorted(),
      checks.map((c) => c.name).toSorted(),
    )
  })

  test('are all in the list, under the name of their file, each subject together', () => {
    const files = readdirSync(import.meta.dirname)
      .filter((f) => !['check.ts', 'index.ts'].includes(f) && !f.endsWith('.test.ts'))
      .map((f) => f.replace(/\.ts$/, ''))
    assert.deepEqual(checks.map((c) => c.name).toSorted(), files.toSorted())
    assert.deepEqual([...new Set(checks.map((c) => c.subject))], subjects)
  })
})

suite('a NetworkPolicy lets other clusters in', () => {
  const open: readonly (readonly [string, Snapshot])[] = [
    ['by a rule for everybody', policy([{ from: [], ports: [] }])],
    ['by a block that contains them', policy([{ from: [block('10.0.0.0/8')], ports: [] }])],
    ['by a range of ports', policy([{ from: [], ports: [{ protocol: 'TCP', port: 8000, endPort: 8100 }] }])],
    ['by every port of the protocol', policy([{ from: [], ports: [{ protocol: 'TCP', port: undefined, endPort: undefined }] }])],
    ['when it chooses other pods', policy([], { app: 'db' })],
  ]
  for (const [name, seen] of open)
    test(name, () =>
      assert.deepEqual(
        findingsOf(seen, ['policies']).map((f) => f.level),
        ['pass'],
      ),
    )
})
