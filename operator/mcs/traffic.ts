// What a choice is made from: the endpoints that each cluster would bring, those that are in the import now, and the paths between. That the
// broker is silent is no part of it.
import type { Connection, GatewayEndpoint } from '#crds/gateway-endpoint.ts'
import { mcsSourceClusterLabel } from '#crds/places.ts'
import type { Share, TrafficDefault } from '#crds/service-traffic-policy.ts'
import type { EndpointSlice } from '#lib/kube/kinds.ts'
import type { ClusterID } from '#lib/net/cluster-id.ts'
import type { Candidate, Choice, Path, Shared, TrafficPolicy } from './choice.ts'
import { choose, chooseAll } from './choice.ts'
import { weighed } from './weigh.ts'

type Far = { readonly rttMicros: number | undefined; readonly shared?: Shared }

/** `back`: it was not always there, and has been for so long. `unknown`: nobody can say, as no gateway leads or its cables are coming about. */
export type KnownPath = Path | ({ readonly kind: 'back'; readonly forMs: number } & Far) | ({ readonly kind: 'unknown' } & Far)
export type Traffic = {
  /** Of the service. */
  readonly policy: TrafficPolicy | undefined
  /** What the fleet has for a service without a policy. */
  readonly fleets: TrafficDefault | undefined
  readonly pathTo: (cluster: string) => KnownPath
}

/** A cluster that answers no more comes back when its path has held for so long, so that a flapping one rewrites nothing. */
export const holdMs = 5000

export const sourceOf = ({ metadata }: Pick<EndpointSlice, 'metadata'>): string => metadata.labels?.[mcsSourceClusterLabel] ?? ''

/** Who answers, and with which slices. */
export type Chosen = { readonly choices: readonly Choice[]; readonly slices: readonly EndpointSlice[] }

/** `offered`: by cluster, the slices that there are if all of it answers; `have`: those there are now. */
export function chosenOf(
  self: ClusterID,
  traffic: Traffic,
  offered: ReadonlyMap<string, readonly EndpointSlice[]>,
  have: readonly EndpointSlice[],
): Chosen {
  const policy = inForce(traffic)
  const choices = choicesOf(traffic, offered, have)
  const answers = new Set(choices.flatMap(({ cluster, state }) => (state === 'Answers' ? [cluster] : [])))
  const answering = new Map([...offered].filter(([cluster]) => answers.has(cluster)))
  if (policy?.weights === undefined) return { choices, slices: [...answering.values()].flat() }
  const { slices, shares } = weighed(policy, self, answering, Map.groupBy(have, sourceOf))
  return { choices: choices.map((choice) => withShare(choice, shares.get(choice.cluster))), slices }
}

function withShare(choice: Choice, share: Share | undefined): Choice {
  if (share === undefined) return choice
  const { usedEndpoints: used, readyEndpoints: ready, gotPercent, wantedPercent } = share
  const says = `${used} of its ${ready} ready endpoints ${used === 1 ? 'gets' : 'get'} ${gotPercent} % of the calls, of ${wantedPercent} % by spec.weights`
  return { ...choice, message: `${choice.message}; ${says}`, share }
}

/** Undefined: nobody chooses. */
export const inForce = ({ policy, fleets }: Traffic): TrafficPolicy | undefined => policy ?? fleets

function choicesOf(
  traffic: Traffic,
  offered: ReadonlyMap<string, readonly EndpointSlice[]>,
  have: readonly EndpointSlice[],
): readonly Choice[] {
  const answering = new Set(have.map(sourceOf))
  const candidates = [...offered].map(([cluster, slices]): Candidate => ({
    cluster,
    ...counted(slices),
    path: held(traffic.pathTo(cluster), answering.has(cluster)),
  }))
  const policy = inForce(traffic)
  return policy === undefined ? chooseAll(candidates) : choose(policy, candidates, answering)
}

/** To who answers it is open the moment it is back, and for as long as nobody knows better: a gateway that begins anew moves no calls. */
function held(path: KnownPath, answers: boolean): Path {
  if (path.kind !== 'back' && path.kind !== 'unknown') return path
  const { rttMicros, shared } = path
  if (answers) return { kind: 'open', rttMicros, ...(shared === undefined ? {} : { shared }) }
  const why =
    path.kind === 'back'
      ? 'the cable to it has not been back for long'
      : 'whether a cable to it carries anything is not known yet'
  return { kind: 'dead', why }
}

/** After how many ms a choice among these clusters may be another one, though nothing happens; undefined: never. */
export function nextChoiceMs(
  { pathTo }: Traffic,
  clusters: Iterable<string>,
  have: readonly EndpointSlice[],
): number | undefined {
  const answering = new Set(have.map(sourceOf))
  const waits = [...clusters].flatMap((cluster) => {
    const path = pathTo(cluster)
    return path.kind === 'back' && !answering.has(cluster) ? [holdMs - path.forMs] : []
  })
  return waits.length === 0 ? undefined : Math.min(...waits)
}

/** A dual-stack endpoint is in a slice of each family: the family that has more counts. */
function counted(slices: readonly EndpointSlice[]): Pick<Candidate, 'endpoints' | 'ready'> {
  const families = [...Map.groupBy(slices, ({ addressType }) => addressType).values()].map((family) =>
    family.flatMap(({ endpoints }) => endpoints ?? []),
  )
  return {
    endpoints: Math.max(0, ...families.map((all) => all.length)),
    ready: Math.max(0, ...families.map((all) => all.filter(({ conditions }) => conditions?.ready !== false).length)),
  }
}

/** As the gateway that leads here tells. */
export function pathsFrom(self: ClusterID, gateways: readonly GatewayEndpoint[], now: Date): Traffic['pathTo'] {
  const own = gateways.filter(({ spec }) => spec.clusterID === self)
  const [leader] = own
    .filter(({ status }) => status?.role === 'Active')
    .toSorted((a, b) => (b.status?.term ?? 0) - (a.status?.term ?? 0))
  const isLeaderless = own.length > 0 && leader === undefined
  const connections = cablesOf(leader)
  return (cluster) => {
    if (cluster === self) return { kind: 'here' }
    const cables = connections.get(cluster) ?? []
    if (isDead(cables)) return { kind: 'dead', why: 'the cable to it carries nothing' }
    const rtts = cables.flatMap(({ rttMicros }) => rttMicros ?? [])
    const shared = sharedOf(placesOf(gateways, self), placesOf(gateways, cluster))
    const far: Far = {
      rttMicros: rtts.length === 0 ? undefined : Math.min(...rtts),
      ...(shared === undefined ? {} : { shared }),
    }
    const isConnecting = cables.length > 0 && !cables.some(({ state }) => state === 'Connected')
    if (isLeaderless || isConnecting) return { kind: 'unknown', ...far }
    const ages = cables.flatMap(({ state, since }) =>
      state === 'Connected' && since !== undefined ? [now.getTime() - Date.parse(since)] : [],
    )
    const forMs = Math.max(...ages)
    // A gateway whose clock is ahead of ours says nothing about how long it has been.
    return ages.length > 0 && forMs >= 0 && forMs < holdMs ? { kind: 'back', forMs, ...far } : { kind: 'open', ...far }
  }
}

/** Of all gateways of a cluster: each says where the whole of it is. */
function placesOf(gateways: readonly GatewayEndpoint[], cluster: string) {
  const all = gateways.flatMap(({ spec }) => (spec.clusterID === cluster ? (spec.topology ?? []) : []))
  return { zones: new Set(all.flatMap(({ zones }) => zones)), regions: new Set(all.flatMap(({ regions }) => regions)) }
}

const meet = (a: ReadonlySet<string>, b: ReadonlySet<string>): boolean => [...a].some((one) => b.has(one))

/** Zones of two regions may have one name: where both say their regions, a zone is shared within a shared one. */
function sharedOf(ours: ReturnType<typeof placesOf>, theirs: ReturnType<typeof placesOf>): Shared | undefined {
  const isSameRegion = meet(ours.regions, theirs.regions)
  const mayShareZone = isSameRegion || ours.regions.size === 0 || theirs.regions.size === 0
  if (mayShareZone && meet(ours.zones, theirs.zones)) return 'Zone'
  return isSameRegion ? 'Region' : undefined
}

/** The clusters to which this gateway has cables, and none that carries anything. */
export const cutOffFrom = (gateway: GatewayEndpoint): readonly string[] =>
  [...cablesOf(gateway)].flatMap(([cluster, cables]) => (isDead(cables) ? [cluster] : []))

const cablesOf = (gateway: GatewayEndpoint | undefined): ReadonlyMap<string, readonly Connection[]> =>
  Map.groupBy(gateway?.status?.connections ?? [], ({ clusterID }): string => clusterID)

/** Of a cable that is connecting, or of which nothing is said, nobody knows that it is dead. */
const isDead = (cables: readonly Connection[]): boolean => cables.length > 0 && cables.every(({ state }) => state === 'Error')
