// An exported endpoint is where another cluster sends a user's packets: one address, of the family it says, of a pod of the exporter.
import type { CIDR } from '#lib/net/cidr.ts'
import type { IPFamily } from '#lib/net/ip.ts'
import { parseIP } from '#lib/net/ip.ts'
import { isUsable, reservedAddresses } from '#lib/net/reserved.ts'
import { admits } from '../fields.ts'
import type { Review, Rule, Variable } from './rule.ts'
import { celList } from './rule.ts'

type Endpoints = { readonly addressType: IPFamily; readonly endpoints: readonly { readonly address: string }[] }

const every = (good: string) => `object.spec.endpoints.all(e, ${good})`
const named = (bad: string) => `object.spec.endpoints.filter(e, ${bad}).map(e, e.address).join(', ')`

/** Parsed once a write, and only if somebody asks. */
export const endpointVariables: readonly Variable[] = [
  { name: 'admitted', expression: 'params.spec.podCIDRs.map(c, cidr(c))' },
  // Of an Allocation as it should be nothing is left of these, so that no endpoint is compared with them.
  {
    name: 'reserved',
    expression: `${celList(reservedAddresses.map(({ cidr }) => cidr))}.map(c, cidr(c)).filter(r, variables.admitted.exists(c, c.containsCIDR(r) || r.containsCIDR(c)))`,
  },
  { name: 'family', expression: "object.spec.addressType == 'IPv6' ? 6 : 4" },
]

const isOfFamily = (address: string, family: IPFamily): boolean => {
  const ip = parseIP(address)
  return ip.ok && ip.value.family === family
}
const familyCEL = 'isIP(e.address) && ip(e.address).family() == variables.family'

export const endpointFamily: Rule = {
  name: 'endpoint-family',
  says: 'every endpoint must have one address of the family in spec.addressType, spelled so that it has one reading',
  cel: every(familyCEL),
  about: named(`!(${familyCEL})`),
  holds: ({ object }: Review<Endpoints>) =>
    object?.spec.endpoints.every(({ address }) => isOfFamily(address, object.spec.addressType)) ?? false,
}

const isAdmittedCEL = 'isIP(e.address) && variables.admitted.exists(c, c.containsIP(e.address))'

export const endpointAdmitted: Rule = {
  name: 'endpoint-admitted',
  says: 'address outside the admitted ranges',
  cel: every(isAdmittedCEL),
  about: named(`!(${isAdmittedCEL})`),
  holds: ({ object, params }: Review<Endpoints>) =>
    object?.spec.endpoints.every(({ address }) => admits(params?.spec.podCIDRs ?? [], address)) ?? false,
}

const isReservedCEL = 'isIP(e.address) && variables.reserved.exists(c, c.containsIP(e.address))'

/** To be asked after `endpointAdmitted`: it is about ranges that should never have been admitted. */
export const endpointReserved: Rule = {
  name: 'endpoint-reserved',
  says: 'no endpoint may have an address that means something else on every machine',
  cel: `!object.spec.endpoints.exists(e, ${isReservedCEL})`,
  about: named(isReservedCEL),
  holds: ({ object }: Review<Endpoints>) => object?.spec.endpoints.every(({ address }) => isUsable(address)) ?? false,
}

/** All three at once for one address, for an importer that leaves out single endpoints. */
export const isEndpoint = (address: string, family: IPFamily, podCIDRs: readonly CIDR[]): boolean =>
  isOfFamily(address, family) && isUsable(address) && admits(podCIDRs, address)
