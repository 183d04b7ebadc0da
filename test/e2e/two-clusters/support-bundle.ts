// What may be shown to others: a support bundle, logs, metrics, statuses, events and what commands say. No secret is in any of it.
import assert from 'node:assert/strict'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { brokerNamespace, systemNamespace } from '#crds/places.ts'
import { parseGrant } from '#lib/identity/grant.ts'
import type { Secret } from '#lib/kube/kinds.ts'
import { image, tombolo } from '#test/kit/cli.ts'
import { fleetOf } from '#test/kit/fleet.ts'
import type { PodRow } from '#test/kit/pods.ts'
import { served, tomboloPods } from '#test/kit/pods.ts'
import type { RigSuite } from '#test/kit/rig-suite.ts'
import type { Cluster } from '#test/rig/cluster.ts'

export const supportBundle = (at: RigSuite): void => {
  suite('what may be shown to others', () => {
    const west = () => at.rig.cluster('west')
    const canary = 'kittiwake'
    /** By what it is: every secret of both clusters, as it is in its Secret or file and as it is meant. */
    let real: ReadonlyMap<string, string>
    let grant: string
    suiteSetup(async () => {
      real = new Map((await Promise.all(at.rig.clusters.map(secretsIn))).flatMap((one) => [...one]))
      grant = (await fleetOf(at.rig, at.signal).must('grant', 'create', 'north', '--context', 'east')).out.trim()
    })
    suiteTeardown(() => fleetOf(at.rig, at.signal).must('grant', 'remove', 'north', '--context', 'east'))
    const all = (): readonly (readonly [string, string])[] => {
      const read = parseGrant(grant)
      assert.ok(read.ok)
      return [...real, ['the grant', grant], ['the code of the grant', read.value.code.base64()], ['its token', read.value.token]]
    }
    const lacks = (where: string, text: string, secrets: Iterable<readonly [string, string]> = all()) => {
      for (const [what, secret] of secrets) assert.ok(!text.includes(secret), `${where} has ${what}`)
    }

    test('T18: every secret is known to these tests', () => {
      const kinds = new Set([...real.keys()].map((name) => name.replace(/^\w+ /, '')))
      for (const kind of [
        ...['tombolo-broker/token', 'tombolo-broker/renewalToken', 'tombolo-identity/signing', 'tombolo-identity/agreement'],
        ...['tombolo-pair-keys', 'tombolo-fleet-ca/root-1.key', 'wireguard', 'ike'],
      ])
        assert.ok(
          [...kinds].some((found) => found.startsWith(kind)),
          `${kind} is not in ${[...kinds].join(', ')}`,
        )
    })

    test('T18: no secret is in what our programs log and measure, in what they write to apiservers, or in events', async () => {
      for (const cluster of at.rig.clusters) {
        for (const pod of await tomboloPods(cluster))
          for (const text of await saidBy(cluster, pod)) lacks(`${cluster.id}: ${pod.name}`, text)
        const ours = (await cluster.kubectl(['api-resources', '--api-group=tombolo.dev', '-o', 'name'])).trim().split('\n')
        const others = ['serviceexports.multicluster.x-k8s.io', 'serviceimports.multicluster.x-k8s.io', 'events.events.k8s.io']
        const more = ['configmaps', 'nodes', 'deployments.apps', 'daemonsets.apps', 'pods', 'leases.coordination.k8s.io']
        for (const kind of [...ours, ...others, ...more])
          lacks(`${cluster.id}: ${kind}`, await cluster.kubectl(['get', kind, '-A', '-o', 'json']))
      }
    })

    test('T18: no secret is in what commands say that fail, with --verbose', async () => {
      const asked = (args: readonly string[], stdin?: string) =>
        tombolo([...args, '--kubeconfig', at.rig.kubeconfig, '--verbose'], {
          signal: at.signal,
          ...(stdin === undefined ? {} : { stdin }),
        })
      const used = ['join', '--grant', '-', '--context', 'west', '--gateway-node', west().node(1).name, '--timeout', '5']
      const failing = await Promise.all([
        asked(used, grant),
        asked(['join', '--grant', '-', '--context', 'west'], `${grant.slice(0, -8)}x`),
        asked(['join', '--grant', grant.slice(0, -9), '--context', 'west']),
        asked(['why', 'shop/nobody', 'web.shop', '--context', 'west', '--to-context', 'east']),
        asked(['revoke', 'nobody', '--yes', '--context', 'east']),
      ])
      for (const { code, out, err } of failing) {
        assert.notEqual(code, 0, out)
        lacks('a command', `${out}${err}`, [...all(), ['part of the grant', grant.slice(20, 60)]])
      }
    })

    test('T18: a support bundle of real clusters holds what helps, and no secret, real or planted', async function () {
      this.timeout(120_000)
      await west().apply(secretOf(canary))
      await west().kubectl(['-n', systemNamespace, 'annotate', 'daemonset/tombolo-agent', `note=${canary}`])
      await west().apply(talkative(canary))
      await west().kubectl(['-n', systemNamespace, 'wait', '--for=condition=Ready', 'pod/talkative', '--timeout=60s'])
      const planted = [canary, Buffer.from(canary).toString('base64')].map((secret) => ['the canary', secret] as const)

      const folder = await mkdtemp(join(tmpdir(), 'tombolo-bundle-'))
      try {
        const dir = join(folder, 'bundle')
        const { code, out, err } = await fleetOf(at.rig, at.signal).tombolo(
          'gather',
          '--contexts',
          'east,west',
          '--dir',
          dir,
          '--verbose',
        )
        assert.equal(code, 0, err)
        const names = (await readdir(dir, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile())
        const texts = new Map(
          await Promise.all(
            names.map(async ({ parentPath, name }) => {
              const path = join(parentPath, name)
              return [path.slice(dir.length + 1), await readFile(path, 'utf8')] as const
            }),
          ),
        )
        for (const [path, text] of [...texts, ['stdout', out], ['stderr', err]] as const)
          lacks(path, text, [...all(), ...planted])
        const has = (path: RegExp, what: RegExp) =>
          assert.ok(
            [...texts].some(([name, text]) => path.test(name) && what.test(text)),
            `${String(path)} ${String(what)}`,
          )
        has(/^west\/objects\/gatewayendpoints\.yaml$/, /clusterID: east/)
        has(/^west\/nodes\/west-1\/wg_show_all_latest-handshakes\.txt$/, /tmb-wg/)
        has(/^west\/nodes\/west-2\/ip_-j_route_show_table_all\.txt$/, /"7300"|7300/)
        has(/^west\/nodes\/west-1\/nft_-j_list_table_inet_tombolo-gateway\.txt$/, /"nftables"/)
        has(/^east\/logs\/tombolo-broker-controller[^/]*\/.*\.log$/, /"level"/)
        has(/^west\/logs\/talkative\/operator\.log$/, /"renewed".*\n\(left out: 1 fields .* 1 lines of other text\)/)
        has(/^summary\.txt$/, /tombolo-gateway/)
      } finally {
        await rm(folder, { recursive: true })
        await west().kubectl(['-n', systemNamespace, 'delete', 'pod/talkative', 'secret/canary', '--grace-period=0', '--force'])
      }
    })
  })
}

/** Values in it that everybody may know. */
const isPublic = (key: string): boolean => /^(server|stage|.*\.crt)$/.test(key)
/** A word that is long enough to be a secret; the name of a pair key is published. */
const isKept = (word: string): boolean => word.length >= 24 && !/^[0-9a-f]{32}$/.test(word)

/** What lies in Secrets of ours, and on the nodes of the gateways. */
async function secretsIn(cluster: Cluster): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, string>()
  const add = (what: string, text: string) => {
    for (const [n, word] of text.split(/\s+/).filter(isKept).entries()) found.set(`${cluster.id} ${what}, word ${n}`, word)
  }
  for (const namespace of [systemNamespace, brokerNamespace]) {
    const { items } = JSON.parse(await cluster.kubectl(['-n', namespace, 'get', 'secrets', '-o', 'json'])) as {
      items: Required<Secret>[]
    }
    for (const { metadata, data } of items)
      for (const [key, value] of Object.entries(data).filter(([name]) => !isPublic(name))) {
        found.set(`${cluster.id} ${metadata.name}/${key}, as it lies there`, value)
        add(`${metadata.name}/${key}`, Buffer.from(value, 'base64').toString('utf8'))
      }
  }
  for (const { component, name, node } of await tomboloPods(cluster)) {
    if (component !== 'gateway') continue
    add('wireguard', (await cluster.exec(`${systemNamespace}/${name}`, ['wg', 'show', 'tmb-wg', 'private-key'])).stdout)
    const key = await cluster.nodes.find((one) => one.name === node)?.exec(['cat', '/var/lib/tombolo/ike/key.pem'])
    add('ike', key?.stdout ?? '')
  }
  return found
}

const secretOf = (value: string): string =>
  JSON.stringify({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'canary', namespace: systemNamespace },
    stringData: { value },
  })

/** A pod that passes for our operator, and says in its log and its environment what nobody should. */
const talkative = (secret: string): string =>
  JSON.stringify({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: 'talkative',
      namespace: systemNamespace,
      labels: { 'app.kubernetes.io/component': 'operator', note: secret },
    },
    spec: {
      containers: [
        {
          name: 'operator',
          image,
          imagePullPolicy: 'Never',
          env: [{ name: 'CANARY', value: secret }],
          command: [
            'sh',
            '-c',
            `echo '{"msg":"renewed","token":"${secret}"}'; echo 'Authorization: Bearer ${secret}'; sleep infinity`,
          ],
        },
      ],
    },
  })

/** Its log, and what it serves on its metrics port. */
const saidBy = async (cluster: Cluster, pod: PodRow): Promise<readonly string[]> => [
  await served(cluster, pod, '/metrics'),
  await cluster.kubectl(['-n', pod.namespace, 'logs', pod.name]),
]
