// Which gateway of this cluster should make itself another WireGuard key because its key is old. One at a time, and only where another one
// can lead meanwhile: it costs a hand-over (gateway/cable/node-key.ts). Pure.
import type { GatewayEndpoint } from '#crds/gateway-endpoint.ts'
import { rotateKeyAnnotation } from '#crds/places.ts'

const dayMs = 86_400_000
/** Between two of a cluster: in much less the one begins anew, and is heard through its cables. */
export const betweenMs = 600_000

/**
 * `own`: all gateways of this cluster. `days` of age; 0: never. `now`: ms since the epoch of Unix. The one with the oldest key, and of those as
 * old one that stands by, as it has no lead to hand over.
 */
export function dueGateway(own: readonly GatewayEndpoint[], days: number, now: number): GatewayEndpoint | undefined {
  if (days === 0 || own.length < 2 || !own.every(isWell)) return undefined
  const [first] = own.toSorted((a, b) => askedAt(a) - askedAt(b) || rank(a) - rank(b))
  const calm = own.every((gateway) => now - askedAt(gateway) > betweenMs)
  return first !== undefined && calm && now - askedAt(first) >= days * dayMs ? first : undefined
}

/** When its key was last asked for, by us or by a person; before that it is as old as its object. */
function askedAt({ metadata }: GatewayEndpoint): number {
  const asked = Date.parse(metadata.annotations?.[rotateKeyAnnotation] ?? '')
  return Number.isNaN(asked) ? Date.parse(metadata.creationTimestamp ?? '') || 0 : asked
}

/** It may lead, and reaches every gateway that it knows. */
function isWell({ status }: GatewayEndpoint): boolean {
  const holds = (type: string) => status?.conditions?.some((c) => c.type === type && c.status === 'True') === true
  const connections = status?.connections ?? []
  return holds('Ready') && holds('Electable') && connections.length > 0 && connections.every((c) => c.state === 'Connected')
}

const rank = ({ status }: GatewayEndpoint): number => (status?.role === 'Standby' ? 0 : 1)
