// The endpoints of a Service as others may have them: from its EndpointSlices to groups that listen on the same ports.
import type { Allocation } from '#crds/allocation.ts'
import type { ExportedEndpoint } from '#crds/exported-endpoints.ts'
import type { ServicePort } from '#crds/exported-service.ts'
import { admits, labelValueField } from '#crds/fields.ts'
import type { EndpointSlice } from '#lib/kube/kinds.ts'
import type { IPFamily } from '#lib/net/ip.ts'
import { formatIP, parseIP } from '#lib/net/ip.ts'
import { isGoing } from './names.ts'

/** RFC 1035. */
const longestName = 253

/** Endpoints that listen on the same ports and speak the same family. */
export type Group = {
  readonly addressType: IPFamily
  readonly ports: readonly ServicePort[]
  readonly endpoints: readonly ExportedEndpoint[]
}

/** `remarks`: what is left out, for people. */
export function endpointsOf(
  slices: readonly EndpointSlice[],
  { spec: { podCIDRs } }: Allocation,
  nameOf: (hostname: string) => string,
): { readonly admitted: readonly Group[]; readonly remarks: readonly string[] } {
  const rows = slices.flatMap(rowsOf)
  const isInside = ({ endpoint }: Row) => admits(podCIDRs, endpoint.address)
  const { inside = [], outside = [] } = Object.groupBy(rows, (row) => (isInside(row) ? 'inside' : 'outside'))
  const nameless = rows.filter(({ endpoint: { hostname } }) => hostname !== undefined && nameOf(hostname).length > longestName)
  const groups = Map.groupBy(inside, ({ addressType, ports }) => `${addressType} ${JSON.stringify(ports)}`)
  return {
    admitted: [...groups.values()].flatMap((group) => {
      const [first] = group
      return first === undefined ? [] : [{ ...first, endpoints: distinct(group.map((row) => row.endpoint)) }]
    }),
    remarks: [
      ...remark(
        outside.map(({ endpoint }) => endpoint.address),
        (some, count) =>
          `endpoints outside this cluster’s admitted pod CIDRs are left out, as pods in the host’s network are: ${count} (${some})`,
      ),
      ...remark(
        nameless.map(({ endpoint }) => endpoint.hostname ?? ''),
        (some, count) => `endpoints whose own name would be longer than 253 characters have none: ${count} (${some})`,
      ),
    ],
  }
}

function remark(names: readonly string[], say: (some: string, count: number) => string): readonly string[] {
  const once = [...new Set(names)].sort()
  return once.length === 0 ? [] : [say(once.slice(0, 3).join(', ') + (once.length > 3 ? ', …' : ''), once.length)]
}

type Row = { readonly addressType: IPFamily; readonly ports: readonly ServicePort[]; readonly endpoint: ExportedEndpoint }

function rowsOf(slice: EndpointSlice): readonly Row[] {
  const { addressType } = slice
  if (isGoing(slice) || (addressType !== 'IPv4' && addressType !== 'IPv6')) return []
  const ports = (slice.ports ?? [])
    .flatMap(({ name, protocol, port, appProtocol }) =>
      port === undefined ? [] : [portOf({ name, protocol, port, appProtocol })],
    )
    .sort((a, b) => (portKey(a) < portKey(b) ? -1 : 1))
  return (slice.endpoints ?? []).flatMap((endpoint) => {
    // Consumers of a slice use the first address only (discovery/v1, EndpointAddresses).
    const ip = parseIP(endpoint.addresses[0] ?? '')
    if (!ip.ok || ip.value.family !== addressType) return []
    return [{ addressType, ports, endpoint: endpointOf(formatIP(ip.value), endpoint) }]
  })
}

const portKey = ({ name = '', protocol, port }: ServicePort): string => `${name} ${protocol} ${port}`

/** Only what differs from the ordinary is said: ready, hence serving, and not terminating. */
function endpointOf(address: string, from: NonNullable<EndpointSlice['endpoints']>[number]): ExportedEndpoint {
  const { ready = true, serving = ready, terminating = false } = from.conditions ?? {}
  return {
    address,
    ready,
    ...(serving === ready ? {} : { serving }),
    ...(terminating ? { terminating } : {}),
    ...(from.hostname === undefined || from.hostname === '' ? {} : { hostname: from.hostname }),
    ...(from.nodeName === undefined || from.nodeName === '' ? {} : { node: from.nodeName }),
    // The apiserver does not check a zone, and other members believe only what could be one.
    ...(labelValueField.safeParse(from.zone).success && from.zone !== '' ? { zone: from.zone } : {}),
  }
}

/** While an endpoint moves from one slice to another it is in both: the ready one counts. */
function distinct(endpoints: readonly ExportedEndpoint[]): readonly ExportedEndpoint[] {
  const ordered = endpoints.toSorted((a, b) => Number(a.ready) - Number(b.ready))
  return [...new Map(ordered.map((endpoint) => [endpoint.address, endpoint])).values()]
}

type Protocol = ServicePort['protocol']
const protocolOf = (text: string | undefined): Protocol => (text === 'UDP' || text === 'SCTP' ? text : 'TCP')

export function portOf(port: {
  readonly name?: string | undefined
  readonly protocol?: string | undefined
  readonly port: number
  readonly appProtocol?: string | undefined
}): ServicePort {
  return {
    ...(port.name === undefined || port.name === '' ? {} : { name: port.name }),
    protocol: protocolOf(port.protocol),
    ...(port.appProtocol === undefined || port.appProtocol === '' ? {} : { appProtocol: port.appProtocol }),
    port: port.port,
  }
}
