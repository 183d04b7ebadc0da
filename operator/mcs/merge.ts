// The merge: from what all clusters export under one name to one service (KEP-1645 "Constraints and conflict resolution").
// Every member computes it from the same facts, so every member comes to the same verdict and no one has to be asked.
import type { ExportedService, ServicePort } from '#crds/exported-service.ts'
import { same } from '#lib/kube/differs.ts'

type Spec = ExportedService['spec']

/** The properties that hold for a service as a whole. */
export type Global = Pick<
  Spec,
  | 'ports'
  | 'ipFamilies'
  | 'sessionAffinity'
  | 'sessionAffinityTimeoutSeconds'
  | 'internalTrafficPolicy'
  | 'trafficDistribution'
  | 'labels'
  | 'annotations'
>

export type Merged = {
  readonly type: Spec['type']
  readonly global: Global
  /** Those of the winning type, oldest first: a service with an address and one without cannot be one. */
  readonly contributors: readonly ExportedService[]
  /** One verdict for every constituent. */
  readonly conflict: Conflict | undefined
  /** Of whom to remember that it is the oldest; undefined where there is nobody else, or its age is not known. */
  readonly decided: Decided | undefined
}

/**
 * Whose export decided among several before, and since when it is known. A broker that is made anew gives every object a new age; with this
 * the winner stays the one that it was, unless another is older than that. An export that is made anew is another one.
 */
export type Decided = { readonly clusterID: string; readonly exportedAt: string; readonly instant: number }

/** As an annotation has it. */
export const decidedText = ({ clusterID, exportedAt, instant }: Decided): string =>
  `${clusterID} ${exportedAt} ${new Date(instant).toISOString()}`

export function decidedIn(annotation: string | undefined): Decided | undefined {
  const [clusterID = '', exportedAt = '', since = ''] = (annotation ?? '').split(' ')
  const instant = Date.parse(since)
  return Number.isNaN(instant) ? undefined : { clusterID, exportedAt, instant }
}

/** `reason`: one or several of KEP-1645, joined by commas. */
export type Conflict = { readonly reason: string; readonly message: string }

type Field<V> = {
  readonly name: string
  readonly reason: string
  /** What is compared: equal values have equal JSON. */
  readonly compared?: (value: V) => unknown
  /** Compared only with those that agree on this one: without affinity its timeout, which an apiserver fills in, says nothing. */
  readonly within?: keyof Global
  /** From all values, the oldest export's first. Without it the oldest decides. */
  readonly choose?: (values: readonly V[]) => V
}

const fields: { readonly [K in keyof Global]-?: Field<Global[K]> } = {
  ports: {
    name: 'ports',
    reason: 'PortConflict',
    compared: (ports) => ports.map((port) => JSON.stringify([port.name, port.protocol, port.port, port.appProtocol])).sort(),
    choose: unionOfPorts,
  },
  ipFamilies: {
    name: 'ipFamilies',
    reason: 'IPFamilyConflict',
    compared: (families) => families.toSorted(),
    choose: (all) => [...new Set(all.flat())],
  },
  sessionAffinity: { name: 'sessionAffinity', reason: 'SessionAffinityConflict', compared: (value = 'None') => value },
  sessionAffinityTimeoutSeconds: {
    name: 'sessionAffinityConfig',
    reason: 'SessionAffinityConfigConflict',
    within: 'sessionAffinity',
  },
  internalTrafficPolicy: {
    name: 'internalTrafficPolicy',
    reason: 'InternalTrafficPolicyConflict',
    compared: (value = 'Cluster') => value,
  },
  trafficDistribution: { name: 'trafficDistribution', reason: 'TrafficDistributionConflict' },
  labels: { name: 'exportedLabels', reason: 'LabelsConflict', compared: (value = {}) => value },
  annotations: { name: 'exportedAnnotations', reason: 'AnnotationsConflict', compared: (value = {}) => value },
}

/** At most one of each cluster; undefined for none. */
export function merge(constituents: readonly ExportedService[], before?: Decided): Merged | undefined {
  const ageOf = (service: ExportedService) => instantOf(service, before)
  const ordered = constituents.toSorted(byPrecedence(ageOf))
  const [oldest] = ordered
  if (oldest === undefined) return undefined
  const { type } = oldest.spec
  const contributors = ordered.filter(({ spec }) => spec.type === type)
  const strangers = ordered.filter(({ spec }) => spec.type !== type)
  const conflicts = [
    ...(strangers.length === 0
      ? []
      : [{ reason: 'TypeConflict', message: say('type', oldest, strangers, ordered.length, ` (${type}); they serve nothing`) }]),
    ...Object.entries(fields).flatMap(([key, field]) => {
      const differing = dissenters(key as keyof Global, oldest, contributors)
      return differing.length === 0
        ? []
        : [{ reason: field.reason, message: say(field.name, oldest, differing, ordered.length, '') }]
    }),
  ]
  return {
    type,
    global: chooseAll(contributors),
    contributors,
    decided:
      ordered.length < 2 || ageOf(oldest) === Infinity
        ? undefined
        : { clusterID: oldest.spec.clusterID, exportedAt: oldest.spec.exportedAt, instant: ageOf(oldest) },
    conflict:
      conflicts.length === 0
        ? undefined
        : {
            reason: conflicts.map((c) => c.reason).join(','),
            message: `${conflicts.map((c) => c.message).join('; ')}. Make the Services equal, or delete the ServiceExports that differ.`,
          },
  }
}

/** The oldest export first; timestamps have whole seconds, so the cluster's name decides between equals. */
const byPrecedence =
  (ageOf: (service: ExportedService) => number) =>
  (a: ExportedService, b: ExportedService): number => {
    const [x, y] = [ageOf(a), ageOf(b)]
    if (x !== y) return x < y ? -1 : 1
    return a.spec.clusterID < b.spec.clusterID ? -1 : 1
  }

/**
 * An export is as old as its cluster says, but not older than the broker knows it: whoever could choose its age would win every
 * conflict, with services that others had for years. One that the broker has not taken yet, or that does not say, comes last.
 */
function instantOf({ metadata, spec }: ExportedService, before: Decided | undefined): number {
  const instant = Math.max(Date.parse(spec.exportedAt), Date.parse(metadata.creationTimestamp ?? ''))
  const known = before?.clusterID === spec.clusterID && before.exportedAt === spec.exportedAt ? before.instant : Infinity
  return Math.min(known, Number.isNaN(instant) ? Infinity : instant)
}

function dissenters(key: keyof Global, oldest: ExportedService, all: readonly ExportedService[]): readonly ExportedService[] {
  // The table pairs each key with a field of its type; the compiler cannot follow a key that it does not know.
  const { compared = (value: unknown) => value, within } = fields[key] as Field<unknown>
  const value = compared(oldest.spec[key])
  const peers = within === undefined ? all : all.filter((one) => !dissenters(within, oldest, all).includes(one))
  return peers.filter(({ spec }) => !same(compared(spec[key]), value))
}

function chooseAll(contributors: readonly ExportedService[]): Global {
  const chosen = Object.entries(fields).map(([key, field]) => {
    const values = contributors.map(({ spec }) => spec[key as keyof Global])
    const { choose = ([first]: readonly unknown[]) => first } = field as Field<unknown>
    return [key, choose(values)] as const
  })
  return Object.fromEntries(chosen.filter(([, value]) => value !== undefined)) as Global
}

/** By name first, then by protocol and number: of two that clash the older one stays (KEP-1645 "Port"). */
function unionOfPorts(all: readonly (readonly ServicePort[])[]): ServicePort[] {
  const [names, numbers] = [new Set<string>(), new Set<string>()]
  return all.flat().filter((port) => {
    const [name, number] = [port.name ?? '', `${port.protocol} ${port.port}`]
    if (names.has(name) || numbers.has(number)) return false
    names.add(name)
    numbers.add(number)
    return true
  })
}

function say(name: string, oldest: ExportedService, differing: readonly ExportedService[], of: number, detail: string): string {
  const who = differing.map(({ spec }) => spec.clusterID).sort()
  const some = `${who.slice(0, 5).join(', ')}${who.length > 5 ? ', …' : ''}`
  return `${name}: ${who.length} of ${of} clusters (${some}) differ from ${oldest.spec.clusterID}, whose export is the oldest and decides${detail}`
}
