// What the fleet says of services for which this cluster has no ServiceTrafficPolicy. It comes with the Allocation, as all that the broker's
// administrator says to a member; the administrator of this cluster may leave it out.
import type { Allocation } from '#crds/allocation.ts'
import type { Membership } from '#crds/membership.ts'
import type { TrafficDefault } from '#crds/service-traffic-policy.ts'

/** `own`: the Allocation of this cluster. Undefined: every cluster answers. */
export const trafficDefaultOf = (
  { trafficDefault }: Pick<Membership['spec'], 'trafficDefault'>,
  own: Allocation | undefined,
): TrafficDefault | undefined => (trafficDefault === 'None' ? undefined : own?.spec.traffic)
