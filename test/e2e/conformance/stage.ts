// Where a test of the MCS API plays: a namespace of its own in both clusters, a service `hello` in it, and pods that ask for it.
import assert from 'node:assert/strict'
import type { Condition } from '#lib/kube/conditions.ts'
import { mcsServiceNameLabel } from '#crds/places.ts'
import type { ServiceExport } from '#crds/service-export.ts'
import { serviceExport } from '#crds/service-export.ts'
import type { ServiceImport } from '#crds/service-import.ts'
import { serviceImport } from '#crds/service-import.ts'
import type { Kube } from '#lib/kube/client.ts'
import type { EndpointSlice, Service } from '#lib/kube/kinds.ts'
import { deployments, endpointSlices, namespaces, pods, services } from '#lib/kube/kinds.ts'
import type { Kind, KubeObject } from '#lib/kube/object.ts'
import { eventually } from '#test/kit/eventually.ts'
import type { Cluster } from '#test/rig/cluster.ts'

/** One cluster, as a test sees it. */
export interface Place {
  readonly id: string
  readonly cluster: Cluster
  readonly api: Kube
  readonly namespace: string
  readonly signal: AbortSignal
}

/** `here` exports, or exports first. */
export interface Stage {
  readonly here: Place
  readonly there: Place
  readonly both: readonly [Place, Place]
}

/** A test of the API: what it is about, and what it does on a stage of its own. */
export interface Case {
  readonly title: string
  readonly run: (stage: Stage) => Promise<void>
}

/** The service under test; tests may have a second one. */
export const name = 'hello'
const fieldManager = 'conformance'
const longMs = 30_000
/** Often enough to be quick, and seldom enough that several tests at once leave the machine its time. */
const everyMs = 100

/** What the API demands to happen happens within `ms`. */
export const soon = (check: () => void | Promise<void>, ms = longMs): Promise<void> => eventually(check, ms, everyMs)

/** What must stay so stays so for five seconds, for which upstream's suite looks as well. */
export async function holds(check: () => Promise<void>): Promise<void> {
  const end = performance.now() + 5000
  while (performance.now() < end) {
    await check()
    await new Promise((resolve) => setTimeout(resolve, everyMs))
  }
}

/** Timestamps have whole seconds: what comes after this is younger than what was before. */
export const aSecondLater = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 1100))

export const nameIn = ({ namespace }: Place): string => `${name}.${namespace}.svc.clusterset.local`

export async function put<T extends KubeObject>(at: Place, kind: Kind<T>, object: object): Promise<void> {
  const { metadata, ...rest } = object as { readonly metadata?: object }
  const whole = {
    apiVersion: kind.apiVersion,
    kind: kind.kind,
    metadata: { name, namespace: at.namespace, ...metadata },
    ...rest,
  } as unknown as T
  await at.api.apply(kind, whole, { fieldManager }, at.signal)
}

export const remove = (at: Place, kind: Kind, called = name): Promise<void> =>
  at.api.delete(kind, { namespace: at.namespace, name: called }, {}, at.signal)

export const openNamespace = ({ api, namespace, signal }: Place): Promise<unknown> =>
  api.apply(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } }, { fieldManager }, signal)

/** Does not wait until it is gone. */
export const dropNamespace = ({ api, namespace, signal }: Place): Promise<void> =>
  api.delete(namespaces, { name: namespace }, {}, signal)

export const tcp = { name: 'tcp', protocol: 'TCP', port: 42 } as const
export const udp = { name: 'udp', protocol: 'UDP', port: 42 } as const
const asked = { selector: { app: name }, ipFamilyPolicy: 'PreferDualStack', ports: [tcp, udp] }

/** Service `hello`, of both families, on port 42 of TCP and UDP unless `spec` says otherwise. */
export const expose = (at: Place, spec: Service['spec'] = {}, metadata: object = {}): Promise<void> =>
  put(at, services, { metadata, spec: { ...asked, ...spec } })

/** For ten seconds a client keeps its pod, as long as there is one for it. */
export const sticky = { sessionAffinity: 'ClientIP', sessionAffinityConfig: { clientIP: { timeoutSeconds: 10 } } } as const

/** A Service that is but a name outside of the cluster. */
export const exposeOutside = (at: Place): Promise<void> =>
  put(at, services, { spec: { type: 'ExternalName', externalName: 'example.com' } })

export const headless = { clusterIP: 'None' } as const

export const exportIt = (at: Place, spec: object = {}): Promise<void> => put(at, serviceExport, { spec })
export const unexport = (at: Place): Promise<void> => remove(at, serviceExport)

/** The service in both clusters, exported here and then there. */
export async function exportInBoth({ here, there }: Stage, of: { readonly here?: Offer; readonly there?: Offer }): Promise<void> {
  await expose(here, of.here?.service)
  await exportIt(here, of.here?.export)
  await soonImported(here)
  await aSecondLater()
  await expose(there, of.there?.service)
  await exportIt(there, of.there?.export)
}
type Offer = { readonly service?: Service['spec']; readonly export?: object }

export const imported = ({ api, namespace, signal }: Place): Promise<ServiceImport | undefined> =>
  api.get(serviceImport, { namespace, name }, signal)

/** The import once it is there and `check` is content. */
export async function soonImported(at: Place, check: (found: ServiceImport) => void = () => undefined): Promise<ServiceImport> {
  let last: ServiceImport | undefined
  await soon(async () => {
    const found = await imported(at)
    assert.ok(found !== undefined, `there is no import in ${at.id}`)
    check(found)
    last = found
  })
  assert.ok(last !== undefined)
  return last
}

export const soonGone = (at: Place): Promise<void> =>
  soon(async () => assert.equal(await imported(at), undefined, `the import in ${at.id}`))

/** By type: `status reason`. */
export async function saidOf({ api, namespace, signal }: Place): Promise<Readonly<Record<string, string>>> {
  const found: ServiceExport | undefined = await api.get(serviceExport, { namespace, name }, signal)
  return short(found?.status?.conditions)
}
export const short = (conditions: readonly Pick<Condition, 'type' | 'status' | 'reason'>[] = []): Record<string, string> =>
  Object.fromEntries(conditions.map(({ type, status, reason }) => [type, `${status} ${reason}`]))

/** The export in `at` comes to say this of itself. */
export const soonSays = (at: Place, wanted: Readonly<Record<string, string>>): Promise<void> =>
  soon(async () => {
    const said = await saidOf(at)
    for (const [type, text] of Object.entries(wanted)) assert.equal(said[type], text, `${type} of the export in ${at.id}`)
  })

export const bothSay = async ({ both }: Stage, conflict: string): Promise<void> => {
  await Promise.all(both.map((at) => soonSays(at, { Conflict: conflict })))
}

/** Of the imported service, in one cluster; IPv4 first, as their names say nothing. */
export const importedSlices = async ({ api, namespace, signal }: Place): Promise<readonly EndpointSlice[]> =>
  (await api.list(endpointSlices, { namespace, labels: `${mcsServiceNameLabel}=${name}` }, signal)).items.toSorted((a, b) =>
    a.addressType.localeCompare(b.addressType),
  )

// Replies with the name of its pod. Readiness is whether a file is there.
const server = `
const [net, dgram, os, http, fs] = ['net', 'dgram', 'os', 'http', 'fs'].map(require)
const said = process.env.CLUSTER + ' ' + os.hostname() + '\\n'
net.createServer((socket) => socket.on('error', () => 0).end(said)).listen(42, '::')
const udp = dgram.createSocket('udp6')
http.createServer((_, reply) => reply.writeHead(fs.existsSync('/tmp/busy') ? 503 : 200).end()).listen(8080, '::')
udp.on('message', (_, to) => udp.send(said, to.port, to.address)).bind(42)
process.on('SIGTERM', () => process.exit(0))`

const podTemplate = (cluster: string) => ({
  metadata: { labels: { app: name } },
  spec: {
    terminationGracePeriodSeconds: 1,
    containers: [
      {
        name: 'server',
        image: 'localhost/toolbox:1',
        command: ['node', '-e', server],
        env: [{ name: 'CLUSTER', value: cluster }],
        // By HTTP: a program started each second in each of many pods would take the machine.
        readinessProbe: { httpGet: { path: '/', port: 8080 }, periodSeconds: 1 },
      },
    ],
  },
})

const workload = (cluster: string, replicas: number) => ({
  spec: { replicas, selector: { matchLabels: { app: name } }, template: podTemplate(cluster) },
})

/** Pods behind Service `hello`. */
export const run = (at: Place, replicas = 1): Promise<void> => put(at, deployments, workload(at.id, replicas))

const statefulSets: Kind = { apiVersion: 'apps/v1', kind: 'StatefulSet', plural: 'statefulsets', scope: 'Namespaced' }

/** Pods `hello-0`, `hello-1`…, which have these names in DNS. */
export const runNamed = (at: Place, replicas: number): Promise<void> => {
  const { spec } = workload(at.id, replicas)
  return put(at, statefulSets, { spec: { ...spec, serviceName: name, podManagementPolicy: 'Parallel' } })
}

/** Resolves when `count` pods behind the service are ready, to all their addresses. */
export async function soonRunning(at: Place, count: number): Promise<readonly string[]> {
  let addresses: readonly string[] = []
  await soon(async () => {
    const { items } = await at.api.list(pods, { namespace: at.namespace, labels: `app=${name}` }, at.signal)
    const ready = items.filter(({ status }) => status?.conditions?.some((c) => c.type === 'Ready' && c.status === 'True'))
    assert.equal(ready.length, count, `ready pods in ${at.id}`)
    addresses = ready.flatMap(({ status }) => (status?.podIPs ?? []).flatMap(({ ip }) => ip ?? []))
  }, 60_000)
  return addresses
}

export type Family = 4 | 6
export const families = [4, 6] as const

/** In the pod that asks. */
const sh = (at: Place, script: string) => at.cluster.exec('shop/client', ['sh', '-c', script], at.signal)

/** Who answers `times` connections to a port of the service, by its clusterset name: a line of the server, or `nobody`. */
export async function answers(at: Place, family: Family, port: number, times = 10): Promise<readonly string[]> {
  const { stdout } = await sh(at, `for i in $(seq ${times}); do nc -${family} -d -w 2 ${nameIn(at)} ${port} || echo nobody; done`)
  return stdout.trim().split('\n')
}

export async function answersUDP(at: Place, family: Family, port: number): Promise<string> {
  return (await sh(at, `echo hello | socat -t 2 - UDP${family}:${nameIn(at)}:${port}`)).stdout.trim()
}

/** Of answers as `answers` gives them: the clusters they came from. */
export const clustersIn = (lines: readonly string[]): readonly string[] =>
  [...new Set(lines.map((line) => line.split(' ')[0] ?? ''))].sort()

export type Reply = { readonly status: string; readonly records: readonly string[] }

/** What the cluster's own DNS says to a pod, question by question: `NAME TYPE`. Records without their name, TTL and class. */
export async function resolve(at: Place, ...questions: readonly string[]): Promise<readonly Reply[]> {
  const script = questions.map((question) => `dig +noall +comments +answer +tries=1 +time=2 ${question}; echo ---`).join('\n')
  const { stdout } = await sh(at, script)
  return stdout
    .split('---\n')
    .slice(0, -1)
    .map((text) => ({
      status: /status: (\w+)/.exec(text)?.[1] ?? 'none',
      records: text
        .split('\n')
        .filter((line) => line !== '' && !line.startsWith(';'))
        .map((line) => line.split(/\s+/).slice(3).join(' ')),
    }))
}
