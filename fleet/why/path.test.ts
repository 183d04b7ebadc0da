import assert from 'node:assert/strict'
import type { ChoiceState } from '#crds/service-traffic-policy.ts'
import type { NetworkPolicy } from '#lib/kube/kinds.ts'
import { membershipOf } from '#test/kit/installed.ts'
import { allocationOf, exporting, idOf } from '#test/kit/services.ts'
import { policyOf } from '#test/kit/snapshot.ts'
import { clusterIP, endpoint, factsOf, farOf, gatewayOf, nearOf, podOf, readingOf, snapshotOf, webPod } from '#test/kit/why.ts'
import type { Facts } from './facts.ts'
import { known, notKnown } from './facts.ts'
import { targetOf } from './gather.ts'
import { parseReading } from './node.ts'
import { walk } from './path.ts'
import { parsePolicy } from './policy.ts'

const near = (change: Parameters<typeof nearOf>[0]) => ({ near: nearOf(change) })
const member = (...of: Parameters<typeof snapshotOf> extends [unknown, ...infer Rest] ? Rest : never) =>
  near({ snapshot: snapshotOf('west', ...of) })
const far = (change: Parameters<typeof farOf>[0]) => ({ far: farOf(change) })
const nodes = (change: Partial<Facts['nodes']>) => ({ nodes: { ...factsOf().nodes, ...change } })
const source = (change: Parameters<typeof readingOf>[1]) => nodes({ source: known(readingOf('west-2', change)) })
const policies = (spec: NetworkPolicy['spec']) => {
  const parsed = parsePolicy({
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: { name: 'np' },
    spec,
  })
  assert.ok(parsed)
  return known([parsed])
}
const asked = (port: number | undefined) => ({ asked: { ...factsOf().asked, port } })
const takingFrom = (...clusters: readonly Parameters<typeof idOf>[0][]) => {
  const own = membershipOf('west')
  return { ...own, spec: { ...own.spec, importFrom: [{ namespace: 'shop', clusters: clusters.map((id) => idOf(id)) }] } }
}
const conditions = (type: string, reason = 'Because') => ({
  conditions: [{ type, status: 'False' as const, reason, message: 'it says so', lastTransitionTime: '2026-01-01T00:00:00Z' }],
})
const choice = (cluster: Parameters<typeof idOf>[0], state: ChoiceState, message = 'because') => ({
  cluster: idOf(cluster),
  state,
  message,
})
const withDefault = () =>
  (['east', 'west'] as const).map((cluster) => {
    const { spec, ...rest } = allocationOf(cluster)
    return { ...rest, spec: { ...spec, traffic: { locality: 'Local' as const, minReadyEndpoints: 1 } } }
  })
const pending = (state: 'Connecting' | 'Error') => ({
  connections: (gatewayOf('west').status?.connections ?? []).map((c) => ({ ...c, state, message: 'no answer' })),
})

/** What is wrong, the change of the facts that all is well with, the station that breaks, what it says, and what is to be typed. */
const rows: readonly (readonly [string, Partial<Facts>, string, RegExp, RegExp])[] = [
  ['the pod is missing', near({ source: known(undefined) }), 'source pod', /no pod shop\/client in west/, /get pods/],
  [
    'the pod is not ready',
    near({ source: known(podOf({ ready: false, state: 'Pending' })) }),
    'source pod',
    /not ready/,
    /describe pod client/,
  ],
  ['the Service is missing', far({ serviceType: known(undefined) }), 'export', /no Service shop\/web in east/, /get services/],
  ['the Service is external', far({ serviceType: known('ExternalName') }), 'export', /ExternalName/, /edit service web/],
  [
    'it is not exported',
    far({ snapshot: snapshotOf('east', { exports: [] }) }),
    'export',
    /is not exported by east/,
    /^tombolo export service web -n shop --context east$/,
  ],
  [
    'the export is not valid',
    far({ snapshot: snapshotOf('east', { exports: [{ ...exporting(), status: conditions('Valid') }] }) }),
    'export',
    /not valid: it says so/,
    /describe serviceexport web/,
  ],
  [
    'the fleet does not let it be exported',
    far({ snapshot: snapshotOf('east', { exports: [{ ...exporting(), status: conditions('Valid', 'NotGranted') }] }) }),
    'export',
    /^the fleet does not let east export shop\/web$/,
    /^echo '\{.*"kind":"ExportGrant".*"services":\["web"\],"clusters":\["east"\].*\}' \| kubectl --context BROKER apply -f -/,
  ],
  [
    'it is exported for other clusters alone',
    far({ snapshot: snapshotOf('east', { exports: [exporting({ annotations: { 'tombolo.dev/export-to': 'south' } })] }) }),
    'export',
    /^shop\/web is exported by east for south, and not for west$/,
    /^tombolo export service web -n shop --to south,west --context east$/,
  ],
  [
    'it is imported from other clusters alone',
    member({ imports: [], membership: takingFrom('north') }),
    'import',
    /^west takes services of namespace shop from other clusters than east alone: spec\.importFrom/,
    /^kubectl --context west -n tombolo-system edit membership membership, and name east/,
  ],
  [
    'the far cluster is no member',
    far({ snapshot: { ...snapshotOf('east'), member: undefined } }),
    'export',
    /no member of a fleet/,
    /tombolo join/,
  ],
  [
    'no endpoint is ready',
    far({
      snapshot: snapshotOf('east', {
        exported: {
          services:
            snapshotOf('east').member?.exported.services.map((s) => ({
              ...s,
              endpoints: [{ address: endpoint, ready: false, pod: undefined }],
            })) ?? [],
          policies: [],
          podLabels: [],
        },
      }),
    }),
    'endpoints',
    /no endpoint of shop\/web is ready/,
    /get pods/,
  ],
  [
    'no endpoint is ready, as published',
    { far: undefined, ...near({ slices: known([]) }) },
    'endpoints',
    /no endpoint of shop\/web is ready/,
    /get pods/,
  ],
  [
    'this cluster is no member',
    near({ snapshot: { ...snapshotOf('west'), member: undefined } }),
    'admission',
    /no member of a fleet/,
    /tombolo join/,
  ],
  [
    'the Allocation is missing',
    member({ allocations: [allocationOf('west')] }),
    'admission',
    /east is not known in west/,
    /tombolo show clusters/,
  ],
  [
    'the far cluster is set aside',
    member({ allocations: [{ ...allocationOf('east'), spec: { ...allocationOf('east').spec, state: 'Quarantined' } }] }),
    'admission',
    /east is Quarantined/,
    /tombolo show clusters/,
  ],
  [
    'the address is not admitted',
    { target: { address: '10.9.9.9', cluster: 'east', port: 8080, protocol: 'TCP' } },
    'admission',
    /10\.9\.9\.9 is outside/,
    /--pod-cidr/,
  ],
  [
    'nobody has the address',
    {
      target: { address: '203.0.113.1', cluster: undefined, port: 80, protocol: 'TCP' },
      far: undefined,
      asked: { ...factsOf().asked, destination: { kind: 'address', address: '203.0.113.1' } },
    },
    'admission',
    /no cluster of the fleet has the address/,
    /tombolo show clusters/,
  ],
  [
    'the namespace is missing',
    near({ namespaceExists: known(false) }),
    'import',
    /no namespace shop in west/,
    /create namespace shop$/,
  ],
  ['the import has not come', member({ imports: [] }), 'import', /has not come to west/, /logs deployment\/tombolo-operator/],
  [
    'nobody exports it',
    { far: undefined, ...member({ imports: [] }) },
    'import',
    /no cluster of the fleet exports shop\/web/,
    /^tombolo export service web/,
  ],
  ['no endpoint came here', near({ slices: known([]) }), 'import', /no ready endpoint in west/, /tombolo show services/],
  [
    'a traffic policy lets others answer',
    member({ trafficPolicies: [policyOf([choice('east', 'Standby', 'west comes before it'), choice('west', 'Answers')])] }),
    'import',
    /^the traffic policy of shop\/web in west lets west answer and not east: west comes before it$/,
    /^kubectl --context west -n shop edit servicetrafficpolicy web$/,
  ],
  [
    'a traffic policy lets nobody answer',
    {
      far: undefined,
      ...near({
        slices: known([]),
        snapshot: snapshotOf('west', { trafficPolicies: [policyOf([choice('east', 'Denied')])] }),
      }),
    },
    'import',
    /lets no cluster answer/,
    /edit servicetrafficpolicy web/,
  ],
  [
    'the fleet’s default lets others answer',
    near({
      slices: known([{ cluster: 'west', ports: [], endpoints: [{ address: '10.2.0.9', ready: true }] }]),
      snapshot: snapshotOf('west', { trafficPolicies: [], allocations: withDefault() }),
    }),
    'import',
    /^the fleet’s traffic default, Local, lets west answer shop\/web in west and not east$/,
    /^a ServiceTrafficPolicy web with order: \[east\] chooses for this service: kubectl --context west -n shop apply/,
  ],
  ['there is no such port', asked(81), 'port', /no port 81: it offers 80\/TCP/, /add 81/],
  [
    'the DNS servers are at 0',
    member({ workloads: snapshotOf('west').member?.workloads.map((w) => ({ ...w, available: 0 })) ?? [] }),
    'DNS',
    /no DNS server/,
    /scale deployment tombolo-dns/,
  ],
  [
    'the stub zone is missing',
    member({}, { forwardsTo: undefined }),
    'DNS',
    /stub zone is missing/,
    /restart deployment tombolo-operator/,
  ],
  [
    'the stub zone leads elsewhere',
    member({}, { forwardsTo: ['10.102.0.99'] }),
    'DNS',
    /forwards clusterset\.local to 10\.102\.0\.99/,
    /restart deployment tombolo-operator/,
  ],
  [
    'our DNS server does not answer',
    source({ dns: [{ server: '10.102.0.53', addresses: [], failure: 'ETIMEOUT' }] }),
    'DNS',
    /server of the fleet .* ETIMEOUT/,
    /logs deployment\/tombolo-dns/,
  ],
  [
    'the cluster DNS does not answer',
    source({ dns: [{ server: '10.102.0.10', addresses: [], failure: 'ENOTFOUND' }] }),
    'DNS',
    /the cluster DNS .* ENOTFOUND/,
    /restart deployment coredns/,
  ],
  [
    'a policy forbids DNS',
    near({
      policies: policies({
        podSelector: {},
        egress: [{ to: [{ ipBlock: { cidr: '10.1.0.0/16' } }], ports: [{ port: 8080 }] }],
        policyTypes: ['Egress'],
      }),
    }),
    'egress policy',
    /ask no DNS server/,
    /port 53/,
  ],
  [
    'a policy forbids to send',
    near({
      policies: policies({
        podSelector: { matchLabels: { app: 'client' } },
        egress: [{ ports: [{ port: 53, protocol: 'UDP' }] }],
      }),
    }),
    'egress policy',
    /NetworkPolicy np lets shop\/client send nothing to 10\.1\.2\.5:8080\/TCP/,
    /edit networkpolicy np/,
  ],
  [
    'no node is a gateway',
    near({
      snapshot: {
        ...snapshotOf('west', { gateways: [gatewayOf('east')] }),
        platform: { ...snapshotOf('west').platform, nodes: [] },
      },
    }),
    'gateway',
    /no node carries the label/,
    /label node NODE tombolo\.dev\/gateway=true/,
  ],
  ['the gateway does not run', member({ running: [] }), 'gateway', /no gateway is active in west/, /west-1 do not run/],
  ['no agent is ready', member({ pods: [] }), 'routes', /no agent is ready on node west-2/, /component=agent/],
  ['the rule is missing', source({ rules: [] }), 'routes', /rule for table 7300 is missing/, /delete pod tombolo-agent-west-2/],
  ['the routes are gone', source({ routes: [] }), 'routes', /no route to 10\.1\.2\.5/, /delete pod tombolo-agent-west-2/],
  ['the agent knows no gateway', source({ routes: readingOf('x').routes.slice(1) }), 'routes', /refuses packets/, /delete pod/],
  [
    'nothing comes over the overlay',
    nodes({ gateway: known(readingOf('west-1', { overlay: false })) }),
    'overlay',
    /overlay from west-2 to west-1$/,
    /UDP 4800/,
  ],
  ['nothing comes back over the overlay', source({ overlay: false }), 'overlay', /overlay from west-1 to west-2$/, /UDP 4800/],
  [
    'the far side has no gateway',
    far({ snapshot: snapshotOf('east', { running: [] }) }),
    'far gateway',
    /no gateway is active in east/,
    /--context east label node/,
  ],
  [
    'the far side announced no gateway',
    { far: undefined, ...member({ gateways: [gatewayOf('west')] }) },
    'far gateway',
    /east has announced no active gateway/,
    /label node/,
  ],
  [
    'the cable does not connect',
    member({ gateways: [gatewayOf('east'), gatewayOf('west', pending('Error'))] }),
    'cable',
    /is Error: no answer/,
    /UDP 51820 between 192\.0\.2\.9 and 192\.0\.2\.1/,
  ],
  [
    'there is no cable',
    member({ gateways: [gatewayOf('east'), gatewayOf('west', { connections: [] })] }),
    'cable',
    /is not there yet/,
    /UDP 51820/,
  ],
  [
    'the far gateway knows no way to the pod’s node',
    nodes({ farGateway: known(readingOf('east-1', { routes: [] })) }),
    'far routes',
    /^node east-1 does not know that 10\.1\.2\.0\/24 is on east-2$/,
    /^kubectl --context east -n tombolo-system delete pod tombolo-agent-east-1/,
  ],
  [
    'the gateway knows no way back',
    nodes({ gateway: known(readingOf('west-1', { routes: readingOf('x').routes.slice(0, 2) })) }),
    'way back',
    /^node west-1 does not know that 10\.2\.2\.0\/24 is on west-2$/,
    /^kubectl --context west -n tombolo-system delete pod tombolo-agent-west-1/,
  ],
  [
    'the gateway does not look up the way back',
    nodes({ gateway: known(readingOf('west-1', { rules: readingOf('x').rules.slice(0, 1) })) }),
    'way back',
    /the rule for table 7301 is missing for IPv4$/,
    /delete pod tombolo-agent-west-1/,
  ],
  [
    'the far overlay is blocked',
    nodes({ farGateway: known(readingOf('east-1', { overlay: false })) }),
    'far overlay',
    /from east-2 to east-1/,
    /UDP 4800 between the nodes of east/,
  ],
  [
    'the far pod is not ready',
    far({ pods: known([{ ...webPod, ready: false }]) }),
    'far pod',
    /web-0 is not ready/,
    /describe pod web-0/,
  ],
  ['the far pod is gone', far({ pods: known([]) }), 'far pod', /no pod with 10\.1\.2\.5 in east/, /get pods -A/],
  [
    'a policy of the far side forbids it',
    far({ policies: policies({ podSelector: {}, ingress: [{ from: [{ podSelector: {} }] }] }) }),
    'ingress policy',
    /NetworkPolicy np lets shop\/web-0 take nothing from 10\.2\.2\.7 on 8080\/TCP/,
    /ipBlock/,
  ],
  [
    'nobody listens',
    source({ tcp: [{ address: endpoint, port: 8080, outcome: 'refused' }] }),
    'answer',
    /nobody listens on port 8080/,
    /targetPort/,
  ],
  [
    'nobody answers',
    source({ tcp: [{ address: endpoint, port: 8080, outcome: 'silent' }] }),
    'answer',
    /gives no answer/,
    /--to-context/,
  ],
  [
    'the service’s address is dead',
    source({
      tcp: [
        { address: endpoint, port: 8080, outcome: 'open' },
        { address: clusterIP, port: 80, outcome: 'silent' },
      ],
    }),
    'answer',
    /own address 10\.102\.0\.9:80 does not/,
    /kube-proxy/,
  ],
]

suite('why', () => {
  for (const [what, change, at, says, remedy] of rows)
    test(`${what}: ${at} is the first that breaks`, () => {
      const { first, reachable } = walk(factsOf(change))
      assert.deepEqual([first?.at, reachable], [at, 'no'])
      assert.match(first?.says ?? '', says)
      assert.match(first?.remedy ?? '', remedy)
    })

  test('nothing is broken where all is well, and everything is known', () => {
    const { reachable, steps } = walk(factsOf())
    assert.equal(reachable, 'yes')
    assert.deepEqual(
      steps.filter((step) => step.state !== 'ok'),
      [],
    )
  })

  test('who answers by a traffic policy is said where all is well, and with weights what share each has', () => {
    const share = (gotPercent: number) => ({ wantedPercent: 75, gotPercent, readyEndpoints: 4, usedEndpoints: 1 })
    const says = (...clusters: Parameters<typeof policyOf>[0] & object) => {
      const step = walk(factsOf(member({ trafficPolicies: [policyOf(clusters)] }))).steps.find(({ at }) => at === 'import')
      return step?.state === 'ok' ? step.says : undefined
    }
    const byDefault = member({ trafficPolicies: [], allocations: withDefault() })
    const step = walk(factsOf(byDefault)).steps.find(({ at }) => at === 'import')
    assert.match(step?.state === 'ok' ? step.says : '', /; the fleet’s traffic default, Local, lets east answer$/)
    const [east, west] = [choice('east', 'Answers'), choice('west', 'Answers')]
    assert.match(says(east) ?? '', /; by its traffic policy east answers$/)
    assert.match(
      says({ ...east, share: share(75) }, { ...west, share: share(25) }) ?? '',
      /east, west answer, of the calls east 75 %, west 25 %$/,
    )
  })

  test('what could not be read is unknown and says why, and nothing is called reachable without an answer', () => {
    const refused = notKnown('pods is forbidden')
    const { reachable, steps } = walk(
      factsOf({ ...near({ source: refused }), nodes: { source: refused, gateway: refused, farGateway: refused } }),
    )
    assert.equal(reachable, 'unproven')
    assert.deepEqual(steps[0], { at: 'source pod', state: 'unknown', why: 'pods is forbidden' })
  })

  test('without the far context its inside is unknown, and the way can still be shown to work', () => {
    const { reachable, steps } = walk(factsOf({ far: undefined }))
    assert.equal(reachable, 'yes')
    assert.deepEqual(
      steps.filter((s) => s.state === 'unknown').map((s) => s.at),
      ['far routes', 'far overlay', 'far pod', 'ingress policy'],
    )
  })

  test('pods whose node names no block of theirs are the CNI’s to reach', () => {
    const { platform } = snapshotOf('west')
    const nodeless = { ...platform, nodes: platform.nodes.map((n) => ({ ...n, podCIDRs: [] })) }
    const { steps, reachable } = walk(
      factsOf({
        ...near({ snapshot: { ...snapshotOf('west'), platform: nodeless } }),
        ...nodes({ gateway: known(readingOf('west-1', { routes: [] })) }),
      }),
    )
    assert.equal(reachable, 'yes')
    assert.match(JSON.stringify(steps.find((s) => s.at === 'way back')), /leaves pods on west-2 to the CNI/)
  })

  test('what comes after the first break is still shown', () => {
    const { steps } = walk(factsOf(asked(81)))
    assert.equal(steps.find((s) => s.at === 'cable')?.state, 'ok')
  })

  test('an address has no export, import, port or name', () => {
    const { steps, reachable } = walk(
      factsOf({ asked: { ...factsOf().asked, destination: { kind: 'address', address: endpoint } } }),
    )
    assert.equal(reachable, 'yes')
    assert.ok(!steps.some((s) => ['export', 'endpoints', 'import', 'port', 'DNS'].includes(s.at)))
  })

  test('a pod in the node’s network is not under NetworkPolicies', () => {
    const closed = policies({ podSelector: {}, policyTypes: ['Egress'] })
    assert.equal(walk(factsOf(near({ source: known(podOf({ hostNetwork: true })), policies: closed }))).reachable, 'yes')
  })

  test('the endpoint that is tried is ready, and of the cluster whose context was given', () => {
    const slice = (cluster: string, address: string, ready = true) => ({
      cluster,
      ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
      endpoints: [{ address, ready }],
    })
    const slices = known([
      slice('west', '10.2.0.1'),
      slice('north', '10.3.0.1'),
      slice('east', endpoint),
      slice('east', '10.1.0.1', false),
    ])
    const { asked: question } = factsOf()
    assert.deepEqual(targetOf(question, nearOf({ slices }), farOf()), {
      address: endpoint,
      cluster: 'east',
      port: 8080,
      protocol: 'TCP',
    })
    assert.equal(targetOf(question, nearOf({ slices }), undefined)?.cluster, idOf('north'))
  })

  test('a node’s answer is read, and anything else is an error', () => {
    const printed = JSON.stringify({
      routes4: '[{"type":"unreachable","dst":"10.1.0.0/16","table":"7300","metric":9000}]',
      routes6: '',
      rules4: '[{"priority":7300,"table":"7300","protocol":"98"}]',
      rules6: '[]',
      dns: [],
      tcp: [],
    })
    const { rules, routes } = parseReading('west-2', printed)
    assert.deepEqual(rules, [{ family: 'IPv4', priority: 7300, table: 7300 }])
    assert.deepEqual(routes, [{ to: '10.1.0.0/16', table: 7300, metric: 9000, target: { kind: 'unreachable' } }])
    assert.throws(() => parseReading('west-2', '{}'))
  })
})
