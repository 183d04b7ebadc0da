// `tombolo why` and `tombolo diagnose` on two real clusters: both are content while all is well; then one fault after the other is planted
// on the way from a pod in west to a service in east. Each is named rightly while it is there, by `why` and, where a check of the whole
// cluster can see it, by that check; when it is gone the pod is said to reach the service again.
import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Found } from '#fleet/checks/index.ts'
import type { Verdict } from '#fleet/why/path.ts'
import { agentTable } from '#gateway/data-plane.ts'
import type { Cluster } from '#test/rig/cluster.ts'
import { eventually } from '#test/kit/eventually.ts'
import { exportWeb, firstAnswer, fleetOf } from '#test/kit/fleet.ts'
import { inProcess } from '#test/kit/in-process.ts'
import { gatewaysChange } from './faults/gateways-change.ts'
import { podsTalk } from './faults/pods-talk.ts'
import { isMember, onPair } from './fleets.ts'

/** Takes the fault back. */
type Heal = () => Promise<unknown>
/** What a check has to find: as something that does not work, unless it is a warning. */
type Symptom = { readonly check: string; readonly level?: 'warn' | 'fail'; readonly says: RegExp; readonly remedy: RegExp }
/** What one run of `tombolo diagnose all` in a cluster has to find. */
type Diagnosis = { readonly in: 'east' | 'west'; readonly finds: readonly Symptom[] }

suite('tombolo why, tombolo diagnose', function () {
  this.timeout(120_000)
  const at = onPair()
  const east = () => at.rig.cluster('east')
  const west = () => at.rig.cluster('west')
  suiteSetup(async () => {
    // Alone it finds west as no member yet.
    if (!(await isMember(west()))) await fleetOf(at.rig, at.signal).join(west())
    await exportWeb(east(), at.signal)
    // On the node that is no gateway, so that its packets take the whole way.
    await west().apply(askerOn(west().node(2).name), at.signal)
    await west().kubectl(['-n', 'shop', 'wait', '--for=condition=Ready', 'pod/asker', '--timeout=60s'])
    await firstAnswer(west(), 40_000, at.signal)
  })

  /** In this process, as it is asked again and again. */
  const asked = (...args: readonly string[]) => inProcess([...args, '--kubeconfig', at.rig.kubeconfig], { signal: at.signal })
  const why = async (source: string, destination: string) => {
    const far = ['--context', 'west', '--to-context', 'east']
    const { out, err, code } = await asked('why', source, destination, ...far, '-o', 'json')
    assert.notEqual(out, '', err)
    return { code, ...(JSON.parse(out) as Verdict) }
  }
  /** Asks until the answer is the wanted one: what the operator and the gateways publish takes them a moment. */
  async function ask(
    source: string,
    destination: string,
    wanted: string,
    says: RegExp,
    types = /.{10}/,
    ms = 25_000,
  ): Promise<void> {
    const until = performance.now() + ms
    for (;;) {
      const { first, reachable, code, steps } = await why(source, destination)
      const now = first === undefined ? reachable : first.at
      if (now === wanted && (first === undefined || says.test(first.says))) {
        assert.equal(code, wanted === 'yes' ? 0 : 1)
        if (first !== undefined) assert.match(first.remedy, types)
        return
      }
      if (performance.now() > until) assert.fail(`${now}, not ${wanted}: ${JSON.stringify(steps, null, 1)}`)
      await sleep(300)
    }
  }

  const diagnose = async (cluster: string) => {
    const began = performance.now()
    const { out, err, code } = await asked('diagnose', 'all', '--context', cluster, '-o', 'json')
    assert.notEqual(out, '', err)
    const { findings } = JSON.parse(out) as { readonly findings: readonly Found[] }
    return { code, findings, troubles: findings.flatMap((f) => (f.level === 'pass' ? [] : [f])), ms: performance.now() - began }
  }
  /** Asks until the checks find it. */
  async function diagnosed({ in: cluster, finds }: Diagnosis, ms = 30_000): Promise<void> {
    const until = performance.now() + ms
    for (;;) {
      const { code, troubles } = await diagnose(cluster)
      const foundBy = ({ check, level = 'fail', says, remedy }: Symptom) =>
        troubles.some((f) => f.check === check && f.level === level && says.test(f.says) && remedy.test(f.remedy))
      const missed = finds.filter((symptom) => !foundBy(symptom))
      if (missed.length === 0) {
        assert.equal(code, finds.some(({ level }) => level !== 'warn') ? 1 : code)
        return
      }
      const names = missed.map(({ check }) => check).join(', ')
      if (performance.now() > until) assert.fail(`${names} does not find it: ${JSON.stringify(troubles, null, 1)}`)
      await sleep(300)
    }
  }

  for (const cluster of ['east', 'west'])
    test(`diagnose all finds nothing wrong in ${cluster}, which is well`, async () => {
      const until = performance.now() + 25_000
      for (;;) {
        const { code, findings, troubles, ms } = await diagnose(cluster)
        if (troubles.length === 0) {
          assert.equal(code, 0)
          // Each of the subjects has been looked at, not passed over.
          assert.ok(findings.length >= 25, `only ${findings.length} findings`)
          process.stdout.write(`      ${findings.length} findings in ${(ms / 1000).toFixed(1)} s\n`)
          return
        }
        if (performance.now() > until) assert.fail(JSON.stringify(troubles, null, 1))
        await sleep(300)
      }
    })

  podsTalk(at)

  test('names every station, and says that the pod is answered', async () => {
    await ask('shop/asker', 'web.shop', 'yes', /./)
    const { out, code } = await fleetOf(at.rig, at.signal).tombolo(
      'why',
      'shop/asker',
      'web.shop:80',
      '--context',
      'west',
      '--to-context',
      'east',
    )
    process.stdout.write(`${out}\n`)
    assert.equal(code, 0, out)
    assert.equal(out.split('\n').filter((line) => line.startsWith('✓')).length, 17, out)
  })

  const nothing: Heal = () => Promise.resolve()
  type Fault = {
    readonly name: string
    readonly plant: () => Promise<Heal>
    readonly from?: string
    readonly to?: string
    readonly at: string
    readonly says: RegExp
    /** What `why` gives to type. */
    readonly types?: RegExp
    readonly diagnosis?: Diagnosis | readonly Diagnosis[]
    /** Whether it takes the data plane a moment to mend: the next fault waits for that. */
    readonly thenAsk?: true
  }
  const undo =
    (cluster: Cluster, ...args: readonly string[]) =>
    () =>
      cluster.kubectl(args)
  const quick = ['--grace-period=1', '--ignore-not-found']

  const faults: readonly Fault[] = [
    {
      name: 'there is no such pod',
      plant: () => Promise.resolve(nothing),
      from: 'shop/nobody',
      at: 'source pod',
      says: /there is no pod shop\/nobody/,
    },
    {
      name: 'the pod is not ready',
      plant: async () => {
        await west().apply(askerOn(west().node(2).name, 'unready', 'readinessProbe: { exec: { command: ["false"] } }'))
        return undo(west(), '-n', 'shop', 'delete', 'pod', 'unready', ...quick)
      },
      from: 'shop/unready',
      at: 'source pod',
      says: /is not ready/,
    },
    {
      name: 'the service has no such port',
      plant: () => Promise.resolve(nothing),
      to: 'web.shop:81',
      at: 'port',
      says: /has no port 81: it offers 80\/TCP/,
    },
    {
      name: 'the service is not exported',
      plant: async () => {
        await east().kubectl(['-n', 'shop', 'create', 'service', 'clusterip', 'quiet', '--tcp=80:8080'])
        return undo(east(), '-n', 'shop', 'delete', 'service', 'quiet')
      },
      to: 'quiet.shop',
      at: 'export',
      says: /quiet is not exported/,
    },
    {
      name: 'the service is of type ExternalName',
      plant: async () => {
        await east().kubectl(['-n', 'shop', 'create', 'service', 'externalname', 'outside', '--external-name', 'example.com'])
        await east().apply(exportOf('shop', 'outside'))
        return undo(east(), '-n', 'shop', 'delete', 'service/outside', 'serviceexport/outside')
      },
      to: 'outside.shop',
      at: 'export',
      says: /ExternalName/,
      diagnosis: {
        in: 'east',
        finds: [
          { check: 'exports-valid', says: /shop\/outside: .*ExternalName/, remedy: /tombolo unexport service outside -n shop/ },
        ],
      },
    },
    {
      name: 'the fleet does not let it be exported',
      plant: async () => {
        await east().apply(grantOf('kept'))
        await east().kubectl(['-n', 'shop', 'create', 'service', 'clusterip', 'kept', '--tcp=80:8080'])
        await east().apply(exportOf('shop', 'kept'))
        return async () => {
          await east().kubectl(['-n', 'shop', 'delete', 'service/kept', 'serviceexport/kept'])
          await east().kubectl(['-n', 'tombolo-broker', 'delete', 'exportgrant', 'kept'])
        }
      },
      to: 'kept.shop',
      at: 'export',
      says: /^the fleet does not let east export shop\/kept$/,
      types: /^echo '\{.*"services":\["kept"\],"clusters":\["east"\].*\}' \| kubectl --context BROKER apply -f -/,
      diagnosis: {
        in: 'east',
        finds: [
          {
            check: 'exports-valid',
            says: /^shop\/kept: shop\/kept is not exported: the fleet lets other clusters export it/,
            remedy: /^Ask the administrator of the broker for that grant/,
          },
          {
            check: 'export-grants',
            level: 'warn',
            says: /^kept grants names of shop to clusters that are no members: nowhere$/,
            remedy: /kubectl -n tombolo-broker edit exportgrant kept/,
          },
        ],
      },
    },
    {
      name: 'it is taken from other clusters alone',
      plant: async () => {
        const importFrom = (value: unknown) =>
          west().kubectl([
            ...['-n', 'tombolo-system', 'patch', 'membership', 'membership', '--type=merge'],
            ...['-p', JSON.stringify({ spec: { importFrom: value } })],
          ])
        await importFrom([{ namespace: 'shop', clusters: ['west'] }])
        await eventually(async () => {
          const shown = await fleetOf(at.rig, at.signal).must('show', 'services', '--context', 'west', '-o', 'json')
          assert.doesNotMatch(shown.out, /"name": "web"/)
          const condition = 'jsonpath={.status.conditions[?(@.type=="ImportsTaken")].message}'
          const said = await west().kubectl(['-n', 'tombolo-system', 'get', 'membership', 'membership', '-o', condition])
          assert.match(said, /spec\.importFrom leaves out what other members export, \d in all: .*shop\/web of east/)
        })
        return () => importFrom(null)
      },
      at: 'import',
      thenAsk: true,
      says: /^west takes services of namespace shop from other clusters than east alone: spec\.importFrom/,
      types: /^kubectl --context west -n tombolo-system edit membership membership, and name east there/,
    },
    {
      name: 'no endpoint is ready',
      plant: async () => {
        await east().kubectl(['-n', 'shop', 'create', 'service', 'clusterip', 'empty', '--tcp=80:8080'])
        await east().apply(exportOf('shop', 'empty'))
        return undo(east(), '-n', 'shop', 'delete', 'service/empty', 'serviceexport/empty')
      },
      to: 'empty.shop',
      at: 'endpoints',
      says: /no endpoint of shop\/empty is ready/,
      diagnosis: [
        {
          in: 'west',
          finds: [
            {
              check: 'imports-answer',
              says: /shop\/empty, exported by east, has no (ready )?endpoint/,
              remedy: /where it is exported \(east\)/,
            },
          ],
        },
        {
          in: 'east',
          finds: [
            {
              check: 'exported-endpoints',
              level: 'warn',
              says: /^shop\/empty is exported and has no endpoint that is ready$/,
              remedy: /^kubectl -n shop get pods -l app=empty /,
            },
          ],
        },
      ],
    },
    {
      name: 'its traffic policy lets nobody answer',
      plant: async () => {
        await west().apply(
          JSON.stringify({
            apiVersion: 'tombolo.dev/v1alpha1',
            kind: 'ServiceTrafficPolicy',
            metadata: { namespace: 'shop', name: 'web' },
            spec: { deny: ['east'] },
          }),
        )
        return undo(west(), '-n', 'shop', 'delete', 'servicetrafficpolicy', 'web')
      },
      to: 'web.shop',
      at: 'import',
      says: /^the traffic policy of shop\/web in west lets no cluster answer$/,
      types: /^kubectl --context west -n shop edit servicetrafficpolicy web$/,
      diagnosis: {
        in: 'west',
        finds: [
          {
            check: 'traffic-policies',
            says: /^shop\/web: no cluster that exports shop\/web may answer: east would, if spec\.deny did not name it$/,
            remedy: /edit servicetrafficpolicy web/,
          },
        ],
      },
    },
    {
      name: 'the namespace is missing where it is imported',
      plant: async () => {
        await east().kubectl(['create', 'namespace', 'books'])
        await east().apply(elsewhere)
        await east().apply(exportOf('books', 'web'))
        return undo(east(), 'delete', 'namespace', 'books', '--wait=false')
      },
      to: 'web.books',
      at: 'import',
      says: /there is no namespace books in west/,
    },
    {
      name: 'an egress policy forbids it',
      plant: async () => {
        // DNS is allowed, and the same block as of another cluster, without this one.
        await west().apply(
          policy(
            'keep-in',
            'Egress',
            '{ egress: [{ ports: [{ port: 53, protocol: UDP }, { port: 53 }] }, { to: [{ ipBlock: { cidr: 10.0.0.0/8, except: [10.241.0.0/16] } }] }] }',
          ),
        )
        return undo(west(), '-n', 'shop', 'delete', 'networkpolicy', 'keep-in')
      },
      at: 'egress policy',
      says: /NetworkPolicy keep-in lets shop\/asker send nothing to 10\.241\./,
    },
    {
      name: 'an ingress policy of the far side forbids it',
      plant: async () => {
        await east().apply(policy('keep-out', 'Ingress', '{ ingress: [{ from: [{ namespaceSelector: {} }] }] }'))
        return undo(east(), '-n', 'shop', 'delete', 'networkpolicy', 'keep-out')
      },
      at: 'ingress policy',
      says: /NetworkPolicy keep-out lets shop\/web-.* take nothing from 10\.242\./,
      diagnosis: {
        in: 'east',
        finds: [
          {
            check: 'network-policies',
            says: /NetworkPolicy keep-out keeps pods of west from shop\/web, 80\/TCP/,
            remedy: /ipBlock: \{cidr: 10\.242\./,
          },
        ],
      },
    },
    {
      name: 'nobody listens on the port behind the service',
      plant: async () => {
        await east().apply(wrongTarget)
        await east().apply(exportOf('shop', 'wrong'))
        return undo(east(), '-n', 'shop', 'delete', 'service/wrong', 'serviceexport/wrong')
      },
      to: 'wrong.shop',
      at: 'answer',
      says: /refuses connections/,
    },
    {
      name: 'UDP 4800 is blocked between the nodes',
      plant: async () => {
        const node = west().node(2)
        const table =
          'table inet firewall { chain in { type filter hook input priority -200; udp dport 4800 drop; }; chain out { type filter hook output priority -200; udp dport 4800 drop; }; }'
        const { code, stderr } = await node.exec(['nft', table])
        assert.equal(code, 0, stderr)
        return () => node.exec(['nft', 'delete', 'table', 'inet', 'firewall'])
      },
      at: 'overlay',
      thenAsk: true,
      says: /nothing passes over the overlay/,
      diagnosis: {
        in: 'west',
        finds: [
          {
            check: 'overlay-port',
            says: /nothing that west-1 sends over the overlay arrives at west-2/,
            remedy: /Let UDP 4800 through/,
          },
        ],
      },
    },
    {
      name: 'the routes of the node are gone',
      plant: async () => {
        const pod = await agentOf(west(), west().node(2).name)
        // Again and again, as the agent would put them back.
        const flush = 'rm -f /tmp/healed; until [ -e /tmp/healed ]; do ip route flush table 7300; sleep 0.05; done'
        const flushing = west().node(2).exec(['sh', '-c', flush])
        return async () => {
          await west().node(2).exec(['touch', '/tmp/healed'])
          await flushing
          await west().kubectl(['-n', 'tombolo-system', 'delete', 'pod', pod, '--grace-period=1'])
        }
      },
      at: 'routes',
      thenAsk: true,
      says: /has no route to 10\.241\./,
      diagnosis: {
        in: 'west',
        finds: [{ check: 'node-routes', says: /west-2 has no way to 10\.241\..* of east/, remedy: /The agent puts it back/ }],
      },
    },
    {
      name: 'no node is a gateway',
      plant: async () => {
        const { name } = west().node(1)
        await west().kubectl(['label', 'node', name, 'tombolo.dev/gateway-'])
        return undo(west(), 'label', 'node', name, 'tombolo.dev/gateway=true', '--overwrite')
      },
      at: 'gateway',
      thenAsk: true,
      says: /no node carries the label/,
      diagnosis: {
        in: 'west',
        finds: [
          {
            check: 'workloads-available',
            says: /no node carries the label/,
            remedy: /kubectl label node NODE tombolo\.dev\/gateway=true/,
          },
          { check: 'active-gateway', says: /no gateway is active/, remedy: /./ },
          { check: 'membership', says: /^west is not ready: /, remedy: /logs deployment\/tombolo-operator/ },
        ],
      },
    },
    {
      name: 'nothing passes between the gateways',
      plant: async () => {
        const cut = await at.rig.partition('east', 'west')
        return () => Promise.resolve(cut[Symbol.asyncDispose]())
      },
      at: 'cable',
      thenAsk: true,
      says: /the cable between west-.* and east-.* is (Connecting|Error)/,
      diagnosis: {
        in: 'west',
        finds: [
          {
            check: 'cables-connected',
            says: /west-1 to east\/east-1 is (broken|not connected yet)/,
            remedy: /tombolo diagnose firewall/,
          },
          { check: 'gateway-ports', says: /east\/east-1/, remedy: /./ },
          { check: 'broker-reachable', says: /./, remedy: /From a node of this cluster/ },
        ],
      },
    },
  ]
  for (const { name, plant, from = 'shop/asker', to = 'web.shop', at: wanted, says, types, diagnosis, thenAsk } of faults)
    test(`${name}: it is named`, async () => {
      const heal = await plant()
      try {
        await ask(from, to, wanted, says, types)
        for (const each of diagnosis === undefined ? [] : [diagnosis].flat()) await diagnosed(each)
      } finally {
        await heal()
      }
      if (thenAsk === true) await ask(from, to, 'yes', /./, undefined, 40_000)
    })

  test('a program on a node flushes our packet filters: diagnose says on which node', async () => {
    // Again and again, as the agent puts them back.
    const flush = `rm -f /tmp/healed; until [ -e /tmp/healed ]; do nft delete table inet ${agentTable}; sleep 0.02; done`
    const flushing = west().node(2).exec(['sh', '-c', flush])
    try {
      await diagnosed({
        in: 'west',
        finds: [
          {
            check: 'guard-in-place',
            says: /^the nft table tombolo-agent is missing on west-2: /,
            remedy: /^The agent puts it back .* another program on the node flushes the ruleset/,
          },
        ],
      })
    } finally {
      await west().node(2).exec(['touch', '/tmp/healed'])
      await flushing
    }
    await ask('shop/asker', 'web.shop', 'yes', /./, undefined, 40_000)
  })

  test('what members write is held to their addresses no more: diagnose of the broker’s cluster says so', async () => {
    const binding = ['validatingadmissionpolicybinding', 'tombolo-member-gateways']
    const { metadata, ...rest } = JSON.parse(await east().kubectl(['get', ...binding, '-o', 'json'])) as {
      readonly metadata: { readonly name: string; readonly labels?: unknown }
    }
    await east().kubectl(['delete', ...binding])
    try {
      await diagnosed({
        in: 'east',
        finds: [
          {
            check: 'admission-policies',
            says: /^ValidatingAdmissionPolicyBinding .* is missing: what members write is not held to their addresses$/,
            remedy: /^tombolo deploy-broker puts it back/,
          },
        ],
      })
    } finally {
      await east().apply(JSON.stringify({ ...rest, metadata: { name: metadata.name, labels: metadata.labels } }))
    }
  })

  suite('while the operator is away, which would mend it', () => {
    const operator = (replicas: number) =>
      west().kubectl(['-n', 'tombolo-system', 'scale', 'deployment', 'tombolo-operator', `--replicas=${replicas}`])
    suiteSetup(async () => {
      await operator(0)
      await west().kubectl([
        '-n',
        'tombolo-system',
        'wait',
        '--for=delete',
        'pod',
        '-l',
        'app.kubernetes.io/component=operator',
        '--timeout=40s',
      ])
    })
    suiteTeardown(() => operator(1))

    test('diagnose says that it is away', () =>
      diagnosed({
        in: 'west',
        finds: [{ check: 'workloads-available', says: /operator was scaled to 0/, remedy: /scale deployment\/tombolo-operator/ }],
      }))

    test('the DNS servers are at 0', async () => {
      const scale = (n: number) =>
        west().kubectl(['-n', 'tombolo-system', 'scale', 'deployment', 'tombolo-dns', `--replicas=${n}`])
      await scale(0)
      await ask('shop/asker', 'web.shop', 'DNS', /no DNS server for clusterset\.local runs/)
      await diagnosed({
        in: 'west',
        finds: [
          {
            check: 'dns-servers',
            says: /no server for clusterset\.local is ready/,
            remedy: /scale deployment\/tombolo-dns --replicas=2/,
          },
        ],
      })
      await scale(2)
      await west().kubectl(['-n', 'tombolo-system', 'rollout', 'status', 'deployment/tombolo-dns', '--timeout=40s'])
    })

    test('the stub zone of CoreDNS is gone', async () => {
      const read = ['-n', 'kube-system', 'get', 'configmap', 'coredns', '-o', 'jsonpath={.data.Corefile}']
      const before = await west().kubectl(read)
      const write = (Corefile: string) =>
        west().kubectl([
          '-n',
          'kube-system',
          'patch',
          'configmap',
          'coredns',
          '--type=merge',
          '-p',
          JSON.stringify({ data: { Corefile } }),
        ])
      await write(before.replaceAll('clusterset.local', 'elsewhere.local'))
      await ask('shop/asker', 'web.shop', 'DNS', /its stub zone is missing/)
      await diagnosed({
        in: 'west',
        finds: [
          { check: 'stub-zone', says: /the Corefile has no block for clusterset\.local/, remedy: /deployment\/tombolo-operator/ },
        ],
      })
      await write(before)
    })

    test('the cluster DNS is at 0', async () => {
      const kubeSystem = (...args: readonly string[]) => west().kubectl(['-n', 'kube-system', ...args])
      const replicas = await kubeSystem('get', 'deployment', 'coredns', '-o', 'jsonpath={.spec.replicas}')
      await kubeSystem('scale', 'deployment', 'coredns', '--replicas=0')
      await diagnosed({
        in: 'west',
        finds: [
          { check: 'cluster-dns', says: /CoreDNS: 0 of 0 available/, remedy: /k8s-app=kube-dns/ },
          { check: 'dns-answers', says: /does not answer for clusterset\.local/, remedy: /./ },
        ],
      })
      await kubeSystem('scale', 'deployment', 'coredns', `--replicas=${replicas}`)
      await kubeSystem('rollout', 'status', 'deployment/coredns', '--timeout=40s')
    })

    test('a gateway’s node is none any more, and a node has no agent', async () => {
      const [gateway, other] = [west().node(1).name, west().node(2).name]
      const agents = (hostname: string | null) =>
        west().kubectl([
          ...['-n', 'tombolo-system', 'patch', 'daemonset', 'tombolo-agent', '--type=merge', '-p'],
          JSON.stringify({ spec: { template: { spec: { nodeSelector: { 'kubernetes.io/hostname': hostname } } } } }),
        ])
      await west().kubectl(['label', 'node', gateway, 'tombolo.dev/gateway-'])
      await agents(gateway)
      await diagnosed({
        in: 'west',
        finds: [
          {
            check: 'former-gateways',
            level: 'warn',
            says: new RegExp(`^${gateway} is announced as a gateway and carries no label`),
            remedy: /delete gatewayendpoint/,
          },
          {
            check: 'agents-everywhere',
            says: new RegExp(`^no agent runs on ${other}: `),
            remedy: /describe daemonset tombolo-agent/,
          },
        ],
      })
      await west().kubectl(['label', 'node', gateway, 'tombolo.dev/gateway=true'])
      await agents(null)
      for (const name of ['gateway', 'agent'])
        await west().kubectl(['-n', 'tombolo-system', 'rollout', 'status', `daemonset/tombolo-${name}`, '--timeout=60s'])
    })

    test('the far cluster has addresses of this one, and an image is not there', async () => {
      const inSystem = (...args: readonly string[]) => west().kubectl(['-n', 'tombolo-system', ...args])
      const own = ['get', 'allocation', 'west', '-o', 'jsonpath={.spec.podCIDRs[0]}']
      const podCIDRs = [await inSystem(...own)]
      await inSystem('patch', 'allocation', 'east', '--type=merge', '-p', JSON.stringify({ spec: { podCIDRs } }))
      await inSystem('set', 'image', 'deployment/tombolo-dns', '*=localhost/nothing:1')
      await diagnosed({
        in: 'west',
        finds: [
          { check: 'overlapping-cidrs', says: /(east and west|west and east) overlap: 10\.242\./, remedy: /--pod-cidr/ },
          { check: 'pods-running', says: /tombolo-dns-.* is not ready: /, remedy: /describe pod tombolo-dns-/ },
          { check: 'one-version', level: 'warn', says: /dns localhost\/nothing:1/, remedy: /tombolo upgrade/ },
          {
            check: 'peers-believed',
            says: /^the gateway on west-1 does not take all that others announce: east: /,
            remedy: /tombolo quarantine takes a member out/,
          },
        ],
      })
      await inSystem('rollout', 'undo', 'deployment/tombolo-dns')
      await inSystem('rollout', 'status', 'deployment/tombolo-dns', '--timeout=40s')
    })

    test('the far cluster is not admitted here', async () => {
      await west().kubectl(['-n', 'tombolo-system', 'delete', 'allocation', 'east'])
      await ask('shop/asker', 'web.shop', 'admission', /east is not known in west/)
    })
  })

  suite('in the end', () => {
    test('all is mended, and the pod is answered', () => ask('shop/asker', 'web.shop', 'yes', /./, undefined, 60_000))
  })

  gatewaysChange(at)
})

const agentOf = async (cluster: Cluster, node: string): Promise<string> =>
  (
    await cluster.kubectl([
      ...['-n', 'tombolo-system', 'get', 'pods', '-l', 'app.kubernetes.io/component=agent'],
      ...['--field-selector', `spec.nodeName=${node}`, '-o', 'jsonpath={.items[0].metadata.name}'],
    ])
  ).trim()

const askerOn = (node: string, name = 'asker', more = ''): string => `
apiVersion: v1
kind: Pod
metadata: { name: ${name}, namespace: shop, labels: { app: asker } }
spec:
  nodeName: ${node}
  terminationGracePeriodSeconds: 1
  containers:
    - name: client
      image: localhost/toolbox:1
      command: [sleep, infinity]
      ${more}
`
const exportOf = (namespace: string, name: string): string =>
  JSON.stringify({ apiVersion: 'multicluster.x-k8s.io/v1beta1', kind: 'ServiceExport', metadata: { name, namespace } })

/** To nobody that there is. */
const grantOf = (service: string): string =>
  JSON.stringify({
    apiVersion: 'tombolo.dev/v1alpha1',
    kind: 'ExportGrant',
    metadata: { name: service, namespace: 'tombolo-broker' },
    spec: { namespace: 'shop', services: [service], clusters: ['nowhere'] },
  })

const policy = (name: string, type: string, rest: string): string => `
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: { name: ${name}, namespace: shop }
spec:
  podSelector: {}
  policyTypes: [${type}]
  ${rest.slice(1, -1).trim()}
`
/** Has a manual endpoint, so that it is offered and the namespace is all that is missing. */
const elsewhere = `
apiVersion: v1
kind: Service
metadata: { name: web, namespace: books }
spec: { ports: [{ name: http, port: 80, targetPort: 8080 }] }
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: { name: web-1, namespace: books, labels: { kubernetes.io/service-name: web } }
addressType: IPv4
ports: [{ name: http, port: 8080, protocol: TCP }]
endpoints: [{ addresses: [10.241.1.250], conditions: { ready: true } }]
`
const wrongTarget = `
apiVersion: v1
kind: Service
metadata: { name: wrong, namespace: shop }
spec: { selector: { app: web }, ports: [{ name: http, port: 80, targetPort: 8099 }] }
`
