// Reads the facts of one path: both clusters at once as far as they were given, then the nodes on the way. What may not be read, or does
// not answer in time, becomes a fact that says so; only the near apiserver has to answer.
import { z } from 'zod'
import { clustersetZone, mcsServiceNameLabel, mcsSourceClusterLabel } from '#crds/places.ts'
import { isForbidden } from '#lib/kube/errors.ts'
import { endpointSlices, namespaces, networkPolicies, pods, services } from '#lib/kube/kinds.ts'
import type { Kind, KubeObject, Where } from '#lib/kube/object.ts'
import { contains } from '#lib/net/cidr.ts'
import { linkLocalOf, macOf } from '#lib/net/mac.ts'
import type { Reader } from '../facts/door.ts'
import type { Snapshot } from '../snapshot.ts'
import { takeSnapshot } from '../snapshot.ts'
import type { Asked } from './asked.ts'
import type { Facts, Far, ImportedSlice, Known, Near, PodDetail, Readings, Target } from './facts.ts'
import { known, notKnown } from './facts.ts'
import { activeGateway, agentOn } from './gateways.ts'
import type { NodeReading, Questions } from './node.ts'
import { nodeCommand, parseReading } from './node.ts'
import { parsePolicy } from './policy.ts'

/** Runs a program in an agent's pod and returns what it printed. */
export type RunInAgent = (pod: string, command: readonly string[], signal: AbortSignal) => Promise<string>

export type Place = { readonly context: string; readonly kube: Reader; readonly runInAgent: RunInAgent }

export async function gather(
  asked: Asked,
  near: Place,
  far: Place | undefined,
  probe: boolean,
  signal: AbortSignal,
): Promise<Facts> {
  const [here, there] = await Promise.all([
    readNear(asked, near, signal),
    far === undefined ? undefined : readFar(asked, far, signal),
  ])
  const target = targetOf(asked, here, there)
  const nodes = probe
    ? await askNodes(asked, here, there, target, near, far, signal)
    : { source: notProbed, gateway: notProbed, farGateway: notProbed }
  return { asked, near: here, far: there, target, nodes }
}

const notProbed = notKnown('nothing was sent, as --no-probe asks')

async function readNear({ source, destination }: Asked, { context, kube }: Place, signal: AbortSignal): Promise<Near> {
  const namespace = destination.kind === 'service' ? destination.namespace : source.namespace
  const service = destination.kind === 'service' ? destination.name : ''
  const [snapshot, pod, policies, exists, slices] = await Promise.all([
    takeSnapshot(kube, signal),
    one(kube, pods, source.namespace, source.name, parsePod, signal),
    all(kube, networkPolicies, { namespace: source.namespace }, parsePolicy, signal),
    one(kube, namespaces, undefined, namespace, () => true, signal),
    service === ''
      ? known([])
      : all(kube, endpointSlices, { namespace, labels: `${mcsServiceNameLabel}=${service}` }, parseSlice, signal),
  ])
  return {
    context,
    snapshot,
    source: pod,
    policies,
    namespaceExists: exists.known ? known(exists.value === true) : exists,
    slices,
  }
}

async function readFar({ destination }: Asked, { context, kube }: Place, signal: AbortSignal): Promise<Far> {
  const where = destination.kind === 'address' ? {} : { namespace: destination.namespace }
  const [snapshot, serviceType, found] = await Promise.all([
    takeSnapshot(kube, signal),
    destination.kind === 'service'
      ? one(kube, services, destination.namespace, destination.name, typeOf, signal)
      : known(undefined),
    all(kube, pods, where, parsePod, signal),
  ])
  const namespace =
    destination.kind === 'address'
      ? valueOf(found)?.find((p) => p.address === destination.address)?.namespace
      : destination.namespace
  const policies = namespace === undefined ? known([]) : await all(kube, networkPolicies, { namespace }, parsePolicy, signal)
  return { context, snapshot, serviceType, pods: found, policies }
}

const typeOf = (service: KubeObject): string => {
  const parsed = z.looseObject({ type: z.string() }).safeParse(service.spec)
  return parsed.success ? parsed.data.type : 'ClusterIP'
}

const valueOf = <T>(fact: Known<T>): T | undefined => (fact.known ? fact.value : undefined)

/** The endpoint that is tried: a ready one, of the far cluster if its context was given, else of another cluster, else of this one. */
export function targetOf({ destination, port }: Asked, near: Near, far: Far | undefined): Target | undefined {
  const protocol = 'TCP'
  if (destination.kind !== 'service') {
    const address =
      destination.kind === 'address'
        ? destination.address
        : valueOf(far?.pods ?? notKnown(''))?.find((p) => p.name === destination.name)?.address
    return address === undefined ? undefined : { address, cluster: clusterOf(address, near.snapshot), port, protocol }
  }
  const self = near.snapshot.member?.membership.spec.clusterID
  const wanted = far?.snapshot.member?.membership.spec.clusterID
  const rank = (cluster: string) => (cluster === wanted ? 0 : cluster === self ? 2 : 1)
  const candidates = (valueOf(near.slices) ?? [])
    .filter((s) => s.endpoints.some((e) => e.ready))
    .toSorted((a, b) => rank(a.cluster) - rank(b.cluster))
  const [slice] = candidates
  const item = near.snapshot.member?.imports.find(
    ({ metadata: m }) => m.namespace === destination.namespace && m.name === destination.name,
  )
  const offered = port === undefined ? item?.spec.ports[0] : item?.spec.ports.find((p) => p.port === port)
  const listens =
    offered === undefined
      ? undefined
      : slice?.ports.find((p) => p.name === (offered.name ?? '') && p.protocol === (offered.protocol ?? protocol))
  const address = slice?.endpoints.find((e) => e.ready)?.address
  if (slice === undefined || address === undefined) return undefined
  return { address, cluster: slice.cluster, port: listens?.port, protocol: offered?.protocol ?? protocol }
}

const clusterOf = (address: string, { member }: Snapshot): string | undefined =>
  member?.allocations.find(({ spec }) => spec.podCIDRs.some((block) => contains(block, address)))?.spec.clusterID

async function askNodes(
  { destination, port }: Asked,
  near: Near,
  far: Far | undefined,
  target: Target | undefined,
  here: Place,
  there: Place | undefined,
  signal: AbortSignal,
): Promise<Readings> {
  const connect = target?.port === undefined || target.protocol !== 'TCP' ? [] : [{ address: target.address, port: target.port }]
  const item =
    destination.kind === 'service'
      ? near.snapshot.member?.imports.find(
          ({ metadata: m }) => m.namespace === destination.namespace && m.name === destination.name,
        )
      : undefined
  const servicePort = port ?? item?.spec.ports[0]?.port
  const clusterset = (item?.spec.ips ?? []).flatMap((address) =>
    servicePort === undefined || connect.length === 0 ? [] : [{ address, port: servicePort }],
  )
  const name = destination.kind === 'service' ? `${destination.name}.${destination.namespace}.svc.${clustersetZone}` : undefined
  const servers = [...near.snapshot.platform.dns.servers.slice(0, 1), ...(near.snapshot.member?.dnsAddresses.slice(0, 1) ?? [])]
  const sourceNode = near.source.known ? near.source.value?.node : undefined
  const gatewayNode = activeGateway(near.snapshot)?.spec.node
  const farNode = far === undefined ? undefined : activeGateway(far.snapshot)?.spec.node
  const farPod = valueOf(far?.pods ?? notKnown(''))?.find((p) => p.address === target?.address)
  const nothing = { name: undefined, servers: [], connect: [] }
  const [source, gateway, farGateway] = await Promise.all([
    ask(here, near.snapshot, sourceNode, {
      name,
      servers,
      connect: [...connect, ...clusterset],
      overlay: between(near.snapshot, sourceNode, gatewayNode),
    }),
    gatewayNode === sourceNode
      ? notKnown('the source runs on the gateway’s node')
      : ask(here, near.snapshot, gatewayNode, { ...nothing, overlay: between(near.snapshot, gatewayNode, sourceNode) }),
    there === undefined || far === undefined
      ? notKnown('--to-context would say')
      : ask(there, far.snapshot, farNode, { ...nothing, connect, overlay: between(far.snapshot, farNode, farPod?.node) }),
    // The other end of the far overlay has to send too, else nothing is let in.
    there === undefined || far === undefined || farPod?.node === undefined || farPod.node === farNode
      ? undefined
      : ask(there, far.snapshot, farPod.node, { ...nothing, overlay: between(far.snapshot, farPod.node, farNode) }),
  ])
  return { source, gateway, farGateway }

  async function ask(
    place: Place,
    snapshot: Snapshot,
    node: string | undefined,
    questions: Questions,
  ): Promise<Known<NodeReading>> {
    if (node === undefined) return notKnown('it is not known which node to ask')
    const agent = agentOn(snapshot, node)
    if (agent === undefined) return notKnown(`no agent is ready on ${node} to ask it`)
    try {
      return known(parseReading(node, await place.runInAgent(agent.name, nodeCommand(questions), signal)))
    } catch (error) {
      signal.throwIfAborted()
      return notKnown(`node ${node} could not be asked: ${error instanceof Error ? error.message : String(error)}`)
    }
  }
}

/** The overlay's two addresses, which follow from those of the nodes. */
function between({ platform }: Snapshot, self: string | undefined, peer: string | undefined): Questions['overlay'] {
  const addressOf = (name: string | undefined) => platform.nodes.find((n) => n.name === name)?.addresses[0]
  const [a, b] = [addressOf(self), addressOf(peer)]
  if (a === undefined || b === undefined || a === b) return undefined
  return { self: linkLocalOf(macOf(a)), peer: linkLocalOf(macOf(b)) }
}

async function one<T>(
  kube: Reader,
  kind: Kind,
  namespace: string | undefined,
  name: string,
  parse: (object: KubeObject) => T | undefined,
  signal: AbortSignal,
): Promise<Known<T | undefined>> {
  return ifAllowed(async () => {
    const object = await kube.get(kind, namespace === undefined ? { name } : { namespace, name }, signal)
    return object === undefined ? undefined : parse(object)
  })
}

const all = <T>(
  kube: Reader,
  kind: Kind,
  where: Where,
  parse: (object: KubeObject) => T | undefined,
  signal: AbortSignal,
): Promise<Known<readonly T[]>> =>
  ifAllowed(async () => (await kube.list(kind, where, signal)).items.flatMap((object) => parse(object) ?? []))

async function ifAllowed<T>(read: () => Promise<T>): Promise<Known<T>> {
  try {
    return known(await read())
  } catch (error) {
    const refusal = [error, error instanceof Error ? error.cause : undefined].find(isForbidden)
    if (refusal === undefined) throw error
    return notKnown(refusal.message)
  }
}

const podField = z.looseObject({
  spec: z.looseObject({
    nodeName: z.string().nullish(),
    hostNetwork: z.boolean().nullish(),
    containers: z
      .array(
        z.looseObject({
          ports: z.array(z.looseObject({ name: z.string().nullish(), containerPort: z.int() })).nullish(),
        }),
      )
      .nullish(),
  }),
  status: z.looseObject({
    phase: z.string().nullish(),
    podIP: z.string().nullish(),
    conditions: z.array(z.looseObject({ type: z.string(), status: z.string(), message: z.string().nullish() })).nullish(),
  }),
})

export function parsePod(object: KubeObject): PodDetail | undefined {
  const parsed = podField.safeParse(object)
  const { namespace, name, labels, deletionTimestamp } = object.metadata
  if (!parsed.success || namespace === undefined) return undefined
  const { spec, status } = parsed.data
  const said = status.conditions?.find((c) => c.status === 'False' && (c.message ?? '') !== '')?.message
  return {
    namespace,
    name,
    labels: labels ?? {},
    node: spec.nodeName ?? undefined,
    address: status.podIP ?? undefined,
    ready:
      deletionTimestamp === undefined && (status.conditions?.some((c) => c.type === 'Ready' && c.status === 'True') ?? false),
    hostNetwork: spec.hostNetwork ?? false,
    portNames: Object.fromEntries(
      (spec.containers ?? []).flatMap((c) => c.ports ?? []).flatMap((p) => (p.name == null ? [] : [[p.name, p.containerPort]])),
    ),
    state: [deletionTimestamp === undefined ? (status.phase ?? 'Unknown') : 'being deleted', said].filter(Boolean).join(', '),
  }
}

const sliceField = z.looseObject({
  ports: z
    .array(z.looseObject({ name: z.string().nullish(), port: z.int().nullish(), protocol: z.string().nullish() }))
    .nullish(),
  endpoints: z
    .array(
      z.looseObject({ addresses: z.array(z.string()), conditions: z.looseObject({ ready: z.boolean().nullish() }).nullish() }),
    )
    .nullish(),
})

function parseSlice(object: KubeObject): ImportedSlice | undefined {
  const parsed = sliceField.safeParse(object)
  const cluster = object.metadata.labels?.[mcsSourceClusterLabel]
  if (!parsed.success || cluster === undefined) return undefined
  return {
    cluster,
    ports: (parsed.data.ports ?? []).flatMap((p) =>
      p.port == null ? [] : [{ name: p.name ?? '', port: p.port, protocol: p.protocol ?? 'TCP' }],
    ),
    endpoints: (parsed.data.endpoints ?? []).map((e) => ({
      address: e.addresses[0] ?? '',
      ready: e.conditions?.ready !== false,
    })),
  }
}
