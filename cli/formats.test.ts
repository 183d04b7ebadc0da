// Every command in every format that it offers, on test apiservers: what a program reads is the same in JSON and YAML, names are
// `kind/name`, and wide has what the table has. The commands come from the tree, so one that is added is missed here until it has a scene.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parse, parseAllDocuments } from 'yaml'
import { joinGrant } from '#crds/join-grant.ts'
import { joinRequest } from '#crds/join-request.ts'
import { member } from '#crds/member.ts'
import { gatewayNodeLabel } from '#crds/places.ts'
import { serviceExport } from '#crds/service-export.ts'
import { formatGrant } from '#lib/identity/grant.ts'
import { fingerprint, publicIdentity } from '#lib/identity/identity.ts'
import { kube } from '#lib/kube/client.ts'
import { configMaps, namespaces, nodes, pods, services } from '#lib/kube/kinds.ts'
import { logger } from '#lib/std/log.ts'
import { every } from '#lib/std/pause.ts'
import { keepIdentity } from '#operator/joining/identity-secret.ts'
import type { ApiServer } from '#test/kit/apiserver.ts'
import { apiserver } from '#test/kit/apiserver.ts'
import type { Ran } from '#test/kit/cli.ts'
import { inProcess } from '#test/kit/in-process.ts'
import { bareCluster, installedBroker, installedMember } from '#test/kit/installed.ts'
import { grantFor, joiner, memberOf, requestBy } from '#test/kit/joining.ts'
import { kubeconfig } from '#test/kit/kubeconfig.ts'
import { exporting, namespace, service } from '#test/kit/services.ts'
import { podNamed } from '#test/kit/why.ts'
import type { Format } from './output/output.ts'
import { formats } from './output/output.ts'
import { program } from './program.ts'
import { leavesOf, quietSession } from './tree.ts'

/** Why a command is not tried here. */
const elsewhere: Readonly<Record<string, string>> = {
  completion: 'offers no -o: prints a script for a shell, which has one form',
}

type Scene = {
  readonly args: readonly string[]
  readonly put: (server: ApiServer) => unknown
  /** What a controller does meanwhile. */
  readonly answer?: (server: ApiServer) => void
  /** For what needs another cluster: context west. */
  readonly beside?: (server: ApiServer) => unknown
}
const { signal } = quietSession
const one = joiner('east')
const image = ['--image', 'tombolo/tombolo:1']
const inBroker = { namespace: 'tombolo-broker', name: 'east' }
const asking = { namespace: 'tombolo-j-east', name: 'east' }
const expiresAt = new Date('2030-01-01T00:15:00Z')
const ca = '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n'
const print = fingerprint(publicIdentity(one.identity))
const fleet = (server: ApiServer) => {
  bareCluster(server, 'uid-east', 'east-1')
  installedBroker(server)
  server.put(member, { ...memberOf(one), metadata: inBroker })
  const later = new Date(Date.now() + 900_000).toISOString()
  server.put(joinGrant, grantFor(one, { expiresAt: later }, { state: 'Open' }))
  server.put(configMaps, {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'kube-root-ca.crt', namespace: 'kube-public' },
    data: { 'ca.crt': ca },
  })
}
const shop = (server: ApiServer) => {
  fleet(server)
  server.put(nodes, gatewayNode('east-1'))
  installedMember(server, 'east', 'alive')
  server.put(namespaces, namespace('shop'))
  server.put(services, service())
  server.put(serviceExport, exporting())
  server.put(pods, podNamed('client'))
}

const gatewayNode = (name: string) => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name, labels: { [gatewayNodeLabel]: 'true' } },
  status: { conditions: [{ type: 'Ready', status: 'True' }] },
})

/** A member with a gateway's node and another, in which pods run at once and their programs print this. */
const talking = (id: string, prints: (command: readonly string[]) => object) => (server: ApiServer) => {
  bareCluster(server, `uid-${id}`)
  for (const [name, labels] of [
    [`${id}-1`, { [gatewayNodeLabel]: 'true' }],
    [`${id}-2`, {}],
  ] as const)
    server.put(nodes, {
      apiVersion: 'v1',
      kind: 'Node',
      metadata: { name, labels },
      status: { conditions: [{ type: 'Ready', status: 'True' }] },
    })
  installedMember(server, id, 'alive')
  server.onExec(({ command }) => ({ stdout: JSON.stringify(prints(command)) }))
}
const podsRun = (server: ApiServer) => {
  for (const { verb, plural, namespace, name } of server.requests) {
    const pod = verb === 'apply' && plural === 'pods' ? server.read(pods, { namespace, name }) : undefined
    if (pod === undefined || pod.status !== undefined) continue
    const podIPs = [{ ip: '10.1.0.5' }]
    server.put(pods, { ...pod, status: { podIPs, conditions: [{ type: 'Ready', status: 'True' }] } })
  }
}
const answers = () => ({ kind: 'answer', pod: 'worker', from: '10.1.0.5' })
const measures = (command: readonly string[]) =>
  command.length === 7 ? { kind: 'sent', bytes: 1_000_000, ms: 1000 } : { kind: 'echoed', micros: [100, 200, 300] }

const scenes: Readonly<Record<string, Scene>> = {
  'deploy-broker': { args: [...image, '--dry-run'], put: (server) => bareCluster(server, 'uid-hub', 'hub-1') },
  'grant create': {
    args: ['east', '--broker-server', 'https://192.0.2.10:6443'],
    put: fleet,
    answer: (server) => {
      const grant = server.read(joinGrant, inBroker)
      if (grant !== undefined && grant.status?.verifier !== grant.spec.verifier)
        server.put(joinGrant, { ...grant, status: { state: 'Open', verifier: grant.spec.verifier } })
    },
  },
  'grant list': { args: [], put: fleet },
  'grant remove': { args: ['east'], put: fleet },
  join: {
    args: [
      ...[
        '--grant',
        formatGrant({ clusterID: one.id, server: 'https://192.0.2.10:6443', ca, token: 't', code: one.code, expiresAt }),
      ],
      ...['--gateway-node', 'east-1', '--pod-cidr', '10.1.0.0/16', '--service-cidr', '10.101.0.0/16', ...image, '--dry-run'],
    ],
    put: (server) => bareCluster(server, 'uid-east', 'east-1'),
  },
  approve: {
    args: ['east', '--fingerprint', print],
    put: (server) => {
      fleet(server)
      const status = { state: 'AwaitingApproval' as const, fingerprint: print, observedGeneration: 1 }
      server.put(joinRequest, { ...requestBy(one), metadata: asking, status })
    },
    answer: (server) => {
      const request = server.read(joinRequest, asking)
      if (request?.status?.state === 'AwaitingApproval' && server.read(joinGrant, inBroker)?.spec.approved !== undefined)
        server.put(joinRequest, { ...request, status: { ...request.status, state: 'Admitted' } })
    },
  },
  leave: {
    args: ['--yes'],
    put: async (server) => {
      await using client = kube(server.connection, logger('test', 'silent'))
      await keepIdentity(client, 'test', signal)
    },
  },
  quarantine: {
    args: ['east'],
    put: fleet,
    answer: (server) => {
      const own = server.read(member, inBroker)
      if (own === undefined || own.spec.state !== 'Quarantined') return
      if (own.status?.observedGeneration !== own.metadata.generation)
        server.put(member, { ...own, status: { observedGeneration: own.metadata.generation, conditions: [] } })
    },
  },
  revoke: { args: ['east', '--yes'], put: fleet },
  'gateway drain': { args: ['east-1', '--force'], put: shop },
  'gateway uncordon': { args: ['east-1'], put: shop },
  'gateway rotate-key': { args: ['east-1', '--force', '--dry-run'], put: shop },
  'rotate-keys': { args: [], put: shop },
  show: { args: ['all'], put: shop },
  diagnose: { args: ['--no-probe'], put: shop },
  why: { args: ['shop/client', 'web.shop', '--no-probe'], put: shop },
  'export service': { args: ['web', '-n', 'shop', '--no-wait'], put: shop },
  'unexport service': { args: ['web', '-n', 'shop', '--no-wait'], put: shop },
  upgrade: { args: [...image, '--dry-run'], put: shop },
  uninstall: { args: ['--dry-run'], put: shop },
  gather: { args: ['--module', 'operator'], put: shop },
  version: { args: [], put: shop },
  verify: {
    args: ['connectivity', '--to-context', 'west', '--connection-timeout', '1'],
    put: talking('east', answers),
    beside: talking('west', answers),
    answer: podsRun,
  },
  benchmark: {
    args: ['--to-context', 'west', '--seconds', '1'],
    put: talking('east', measures),
    beside: talking('west', measures),
    answer: podsRun,
  },
}

/** What looks otherwise from the broker. */
const registry: Scene = { args: ['networks', '--broker'], put: fleet }

/** What is another each time. */
const passing = new Set([
  'tombolo.dev/rotate-key',
  'takenAt',
  'expiresAt',
  'grant',
  'bundle',
  'uid',
  'resourceVersion',
  'creationTimestamp',
  'seconds',
])
const kept = (value: unknown): unknown =>
  JSON.parse(JSON.stringify(value, (key, v: unknown) => (passing.has(key) ? 'passing' : v)))

suite('what commands print', function () {
  this.timeout(20_000)
  let dir: string
  let commands: readonly string[]
  suiteSetup(async () => {
    dir = mkdtempSync(join(tmpdir(), 'tombolo-formats-'))
    commands = leavesOf(await program([], quietSession)).map(({ path }) => path.join(' '))
  })
  suiteTeardown(() => rmSync(dir, { recursive: true }))

  async function printed(name: string, { args, put, answer, beside }: Scene, format: Format): Promise<Ran> {
    await using server = await apiserver()
    await using other = await apiserver()
    const west = beside === undefined ? {} : { west: other.connection.server }
    await using config = await kubeconfig({ east: server.connection.server, ...west })
    await put(server)
    await beside?.(other)
    const done = new AbortController()
    const bothAnswer = () => {
      for (const one of [server, other]) answer?.(one)
    }
    const answering = every(10, bothAnswer, done.signal)
    const folder = name === 'gather' ? ['--dir', join(dir, format)] : []
    const ran = await inProcess([...name.split(' '), ...args, ...folder, '--kubeconfig', config.path, '-o', format])
    done.abort()
    await answering
    assert.notEqual(ran.code, 2, `${name} -o ${format}: ${ran.err}`)
    return ran
  }

  test('is tried of every command here, or it is said where', () =>
    assert.deepEqual([...Object.keys(scenes), ...Object.keys(elsewhere)].toSorted(), commands.toSorted()))

  const all = Object.entries(scenes).map(([name, scene]) => [`tombolo ${name}`, name, scene] as const)
  for (const [title, name, scene] of [...all, ['tombolo show networks, from the broker', 'show', registry] as const])
    test(title, async () => {
      const texts = new Map<Format, Ran>()
      for (const format of formats) texts.set(format, await printed(name, scene, format))
      const of = (format: Format) => texts.get(format)?.out ?? ''
      const fromJSON: unknown = JSON.parse(of('json'))
      assert.deepEqual(kept(fromYAML(of('yaml'))), kept(itemsOf(fromJSON)))
      for (const line of of('name').split('\n').slice(0, -1)) assert.match(line, /^[\w.-]+\/\S+$/)
      assert.notEqual(of('table'), '')
      const wide = columnsOf(of('wide'))
      for (const column of columnsOf(of('table'))) assert.ok(wide.has(column), `-o wide has no ${column}`)
      assert.equal(new Set([...texts.values()].map(({ code }) => code)).size, 1)
    })
})

/** Of manifests, documents for kubectl; else one. */
function fromYAML(text: string): unknown {
  const options = { version: '1.1' } as const
  const documents = parseAllDocuments(text, options)
  return text.startsWith('apiVersion: ') ? documents.map((document) => document.toJS() as unknown) : parse(text, options)
}

const itemsOf = (value: unknown): unknown => {
  const list = value as { readonly kind?: string; readonly items?: readonly unknown[] }
  return list.kind === 'List' ? list.items : value
}

/** The headings of its tables. */
const columnsOf = (text: string): ReadonlySet<string> =>
  new Set(
    text
      .split('\n')
      .filter((line) => /^[A-Z][A-Z -]*$/.test(line))
      .flatMap((line) => line.split(/ {2,}/)),
  )
