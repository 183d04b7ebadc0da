// Whether the Tombolo of a cluster that joins can work with that of the fleet: version, cable drivers, IP families. Pure. Only who is
// no member yet is refused for it: a member that renews its credentials is told (plan.ts) and keeps them.
import type { JoinRequest } from '#crds/join-request.ts'
import type { Member } from '#crds/member.ts'
import type { CIDR } from '#lib/net/cidr.ts'
import { familyOf } from '#lib/net/cidr.ts'
import { parseVersion, worksWith } from '#lib/std/version.ts'
import type { Refusal } from './admit.ts'

export type Joining = Pick<JoinRequest['spec'], 'clusterID' | 'version' | 'capabilities' | 'podCIDRs' | 'serviceCIDRs'>

export type Fleetwide = {
  /** The broker's: it is upgraded first (docs/guide/upgrading.md), so all members run it or are on their way to it. */
  readonly version: string
  /** Cable drivers, one of which every member must have. */
  readonly cables: readonly string[]
  /** The other members. */
  readonly members: readonly Pick<Member['spec'], 'clusterID' | 'podCIDRs'>[]
}

export function misfitOf(joining: Joining, fleet: Fleetwide): Refusal | undefined {
  const message =
    skewOf(joining, fleet.version) ?? noCable(joining, fleet.cables) ?? notCarried(joining) ?? nobodyThere(joining, fleet)
  return message === undefined ? undefined : { reason: 'Incompatible', message }
}

/** What is wrong with the version, and what to do; undefined while it may be in this fleet. */
export function skewOf({ clusterID, version }: Pick<Joining, 'clusterID' | 'version'>, broker: string): string | undefined {
  const [own, theirs] = [parseVersion(broker), parseVersion(version)]
  // A broker that was built without a version has nothing to compare with.
  if (own === undefined) return undefined
  const said = `spec.version of "${clusterID}" is "${version}"`
  if (theirs === undefined)
    return `${said}, want a version such as ${broker}. Join with a released tombolo of about the broker's version.`
  if (worksWith(own, theirs)) return undefined
  const ahead = theirs.major > own.major || (theirs.major === own.major && theirs.minor > own.minor)
  const remedy = ahead
    ? `Bring the broker forward first (tombolo upgrade, one minor version at a time), or use the tombolo of ${broker}.`
    : `Use the tombolo of ${broker}; a member is brought there by tombolo upgrade, one minor version at a time.`
  return `${said}, want ${own.major}.${Math.max(0, own.minor - 1)} to ${own.major}.${own.minor + 1}: the broker runs ${broker}, and a fleet differs by one minor version at most, before 1.0 too. ${remedy}`
}

const cablePrefix = 'cable/'

function noCable({ clusterID, capabilities }: Joining, cables: readonly string[]): string | undefined {
  if (cables.some((driver) => capabilities.includes(`${cablePrefix}${driver}`))) return undefined
  const has = capabilities.filter((one) => one.startsWith(cablePrefix)).map((one) => one.slice(cablePrefix.length))
  return `spec.capabilities of "${clusterID}" names the cable drivers ${list(has)}, want one of ${list(cables)} (spec.join.cables of the Fleet): no cable could be made. Join with a tombolo that has one, or let the Fleet take another.`
}

const capabilityOf = { IPv4: 'ip/v4', IPv6: 'ip/v6' } as const

/** Addresses that it says itself it cannot carry. */
function notCarried({ clusterID, capabilities, podCIDRs, serviceCIDRs }: Joining): string | undefined {
  const found = [...podCIDRs, ...serviceCIDRs].find((cidr) => !capabilities.includes(capabilityOf[familyOf(cidr)]))
  return found === undefined
    ? undefined
    : `spec.capabilities of "${clusterID}" lacks ${capabilityOf[familyOf(found)]}, want it for ${found}. Join with a tombolo that has it, or without those addresses: --pod-cidr, --service-cidr.`
}

/** Clusters of one family each may be in one fleet, as long as each has somebody to talk to. */
function nobodyThere({ clusterID, podCIDRs }: Joining, { members }: Fleetwide): string | undefined {
  const others = members.filter((m) => m.clusterID !== clusterID)
  const families = familiesOf(podCIDRs)
  if (others.length === 0 || others.some((m) => familiesOf(m.podCIDRs).some((family) => families.includes(family))))
    return undefined
  const theirs = [...new Set(others.flatMap((m) => familiesOf(m.podCIDRs)))]
  return `spec.podCIDRs of "${clusterID}" are ${families.join(' and ')}, want ${theirs.join(' or ')}, which the pods of all members have: it could reach none of them. Give it pod addresses of that family, or let a cluster with both join first.`
}

const familiesOf = (cidrs: readonly CIDR[]): readonly string[] => [...new Set(cidrs.map(familyOf))]

const list = (names: readonly string[]): string => (names.length === 0 ? 'none' : names.join(', '))
