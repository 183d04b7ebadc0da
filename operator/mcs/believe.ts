// What the other members say about their services, as far as it is believed: an object that parses, lies in its own member's namespace
// (operator/door/judge.ts), belongs to a cluster that was admitted and is routed here, is about a service that this cluster may export,
// and names only addresses that it was admitted with.
import type { Allocation } from '#crds/allocation.ts'
import type { ExportedEndpoints } from '#crds/exported-endpoints.ts'
import { exportedEndpoints } from '#crds/exported-endpoints.ts'
import type { ExportedService } from '#crds/exported-service.ts'
import { exportedService } from '#crds/exported-service.ts'
import { isEndpoint } from '#crds/rules/endpoint-address.ts'
import { judgeImported } from '#crds/rules/imported.ts'
import type { Kind, KubeObject } from '#lib/kube/object.ts'
import { packRows } from '#lib/kube/packed-rows.ts'
import { formatIP, parseIP } from '#lib/net/ip.ts'
import type { Judgement, Owned } from '../door/judge.ts'
import { judge, nameForPeople } from '../door/judge.ts'
import type { ServiceKey } from './names.ts'
import { byName, contentOf } from './names.ts'
import { remembered } from '#lib/std/remembered.ts'

export type Believed<T> = {
  readonly object: T | undefined
  /** What was not believed, for people. */
  readonly refused: readonly string[]
}

/** The Allocation of a cluster; for one of which nothing is believed why that is so. */
export type Allocations = (clusterID: string) => Allocation | string

const rows = ['spec', 'endpoints']
/** As they are kept: there are hundreds of thousands of endpoints of others. */
export const packedEndpoints: Kind<ExportedEndpoints> = { ...exportedEndpoints, rows }

/** Of an object that was made a moment ago. */
function packed(object: ExportedEndpoints): ExportedEndpoints {
  packRows(object, rows)
  return object
}

export interface Believer {
  service(object: KubeObject): Believed<ExportedService>
  endpoints(object: KubeObject): Believed<ExportedEndpoints>
  /** Of which service an object speaks; undefined for one that does not parse. */
  about(object: KubeObject): { readonly clusterID: string; readonly key: ServiceKey } | undefined
}

/** Reads each object once, and again only when the Allocation is another. */
export function believer(allocations: Allocations): Believer {
  const judgeService = remembered((object: KubeObject, _: undefined) => judge(exportedService, object))
  const judgeEndpoints = remembered((object: KubeObject, _: undefined) => {
    const judgement = judge(exportedEndpoints, object)
    return judgement.verdict === 'refused' || judgement.object === object
      ? judgement
      : { ...judgement, object: packed(judgement.object) }
  })
  const readService = remembered((object: KubeObject, allocation: Allocation | string) =>
    admitted(judgeService(object, undefined), allocation, believeService),
  )
  const readEndpoints = remembered((object: KubeObject, allocation: Allocation | string) =>
    admitted(judgeEndpoints(object, undefined), allocation, believeEndpoints),
  )
  const judged = (object: KubeObject): Judgement<ExportedService | ExportedEndpoints> =>
    object.kind === exportedService.kind ? judgeService(object, undefined) : judgeEndpoints(object, undefined)
  const allocationOf = (object: KubeObject): Allocation | string => {
    const judgement = judged(object)
    return judgement.verdict === 'admitted' ? allocations(judgement.object.spec.clusterID) : 'nothing of it is understood'
  }
  return {
    service: (object) => readService(object, allocationOf(object)),
    endpoints: (object) => readEndpoints(object, allocationOf(object)),
    about: (object) => {
      const judgement = judged(object)
      if (judgement.verdict === 'refused') return undefined
      const { clusterID, namespace, name } = judgement.object.spec
      return { clusterID, key: { namespace, name } }
    },
  }
}

function admitted<T extends Owned>(
  judgement: Judgement<T>,
  allocation: Allocation | string,
  read: (object: T, allocation: Allocation) => Believed<T>,
): Believed<T> {
  if (judgement.verdict === 'refused')
    return { object: undefined, refused: [`${judgement.refusal.object}: ${judgement.refusal.why}`] }
  if (typeof allocation === 'string')
    return { object: undefined, refused: [`${nameForPeople(judgement.object, judgement.object)}: ${allocation}`] }
  if (allocation.spec.state !== 'Admitted')
    return { object: undefined, refused: [`${nameForPeople(judgement.object, judgement.object)}: its cluster is in quarantine`] }
  return read(judgement.object, allocation)
}

function believeService(service: ExportedService, allocation: Allocation): Believed<ExportedService> {
  const verdict = judgeImported(exportedService, service, allocation)
  if (!verdict.allowed)
    return { object: undefined, refused: [`${nameForPeople(service, service)}: ${serviceText(service)}: ${verdict.says}`] }
  return { object: service, refused: [] }
}

const serviceText = ({ spec: { namespace, name } }: ExportedService): string => `${namespace}/${name}`

/** Of one service: what a cluster says of it is the first of its objects by name, as everybody sees them. */
export const oneOfEach = (services: readonly ExportedService[]): readonly ExportedService[] =>
  [...Map.groupBy(services, ({ spec }) => spec.clusterID).values()].flatMap((of) => of.toSorted(byName).slice(0, 1))

/** As of services: of one cluster's objects of one content the first. */
export const oneOfContent = (endpoints: readonly ExportedEndpoints[]): readonly ExportedEndpoints[] =>
  [...Map.groupBy(endpoints, (object) => `${object.spec.clusterID} ${contentOf(object)}`).values()].flatMap((of) =>
    of.toSorted(byName).slice(0, 1),
  )

/** What is not believed because its cluster says the same of another object, for people: a line for each service, however often it is said. */
export const doubles = (services: readonly ExportedService[]): readonly string[] =>
  [...Map.groupBy(services, (service) => `${service.spec.clusterID} ${serviceText(service)}`).values()].flatMap((of) => {
    const [first, ...others] = of.toSorted(byName)
    const [second] = others
    if (first === undefined || second === undefined) return []
    return [
      `${nameForPeople(second, second)}: ${serviceText(second)}: ${first.metadata.name} of the same cluster is that already${others.length > 1 ? `, and so for ${others.length - 1} more` : ''}`,
    ]
  })

/** Endpoints that are not the cluster's own are left out; what is then left must be what the broker would have let in. */
function believeEndpoints(object: ExportedEndpoints, allocation: Allocation): Believed<ExportedEndpoints> {
  const { spec } = object
  const isOwn = (address: string) => isEndpoint(address, spec.addressType, allocation.spec.podCIDRs)
  // They may be packed: whoever looks twice unpacks them twice.
  const all = spec.endpoints
  const { inside = [], outside = [] } = Object.groupBy(all, ({ address }) => (isOwn(address) ? 'inside' : 'outside'))
  // One spelling of an address, and one endpoint of it.
  const once = new Map(inside.map((endpoint) => [canonical(endpoint.address), endpoint]))
  const endpoints = [...once].map(([address, endpoint]) => (endpoint.address === address ? endpoint : { ...endpoint, address }))
  // Of hundreds of thousands of endpoints none is kept twice.
  const isWhole = endpoints.length === all.length && endpoints.every((endpoint, i) => endpoint === all[i])
  const believed = isWhole ? object : packed({ ...object, spec: { ...spec, endpoints } })
  const verdict = judgeImported(exportedEndpoints, believed, allocation)
  if (!verdict.allowed)
    return { object: undefined, refused: [`${nameForPeople(object, object)}: ${spec.namespace}/${spec.name}: ${verdict.says}`] }
  return {
    object: believed,
    refused: outside
      .slice(0, 1)
      .map(
        ({ address }) =>
          `${nameForPeople(object, object)}: addresses that are not the cluster’s own: ${outside.length}, such as ${address}`,
      ),
  }
}

function canonical(address: string): string {
  const ip = parseIP(address)
  return ip.ok ? formatIP(ip.value) : address
}
