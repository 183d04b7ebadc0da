// A candidate is where other clusters' gateways send the packets of their cables. Who could name any address could have every cluster
// knock at somebody's door.
import type { CIDR } from '#lib/net/cidr.ts'
import { parseIP } from '#lib/net/ip.ts'
import { isUsable, reservedAddresses } from '#lib/net/reserved.ts'
import { admits } from '../fields.ts'
import { accountOf } from './account.ts'
import type { Review, Rule, Variable } from './rule.ts'
import { celList } from './rule.ts'

type Gateway = { readonly candidates: readonly { readonly address: string }[] }

const every = (good: string) => `object.spec.candidates.all(c, ${good})`
const named = (bad: string) => `object.spec.candidates.filter(c, ${bad}).map(c, c.address).join(', ')`

export const gatewayVariables: readonly Variable[] = [
  { name: 'own', expression: '(params.spec.podCIDRs + params.spec.serviceCIDRs).map(b, cidr(b))' },
  { name: 'reserved', expression: `${celList(reservedAddresses.map(({ cidr }) => cidr))}.map(b, cidr(b))` },
]

/** As much of `<id>-<hash of the node>` as CEL can tell; the importer checks the hash (operator/door). */
export const gatewayName: Rule = {
  name: 'gateway-name',
  says: 'the name must begin with the id of the cluster and a dash',
  cel: "object.metadata.name.startsWith(variables.id + '-')",
  holds: ({ request, object }) => object?.metadata.name.startsWith(`${accountOf(request.user).id}-`) ?? false,
}

export const candidateForm: Rule = {
  name: 'candidate-form',
  says: 'every candidate must be one address, spelled so that it has one reading',
  cel: every('isIP(c.address)'),
  about: named('!isIP(c.address)'),
  holds: ({ object }: Review<Gateway>) => object?.spec.candidates.every(({ address }) => parseIP(address).ok) ?? false,
}

const isReservedCEL = 'isIP(c.address) && variables.reserved.exists(b, b.containsIP(c.address))'

export const candidateReserved: Rule = {
  name: 'candidate-reserved',
  says: 'every candidate must be a unicast address that other clusters can send to',
  cel: `!object.spec.candidates.exists(c, ${isReservedCEL})`,
  about: named(isReservedCEL),
  holds: ({ object }: Review<Gateway>) => object?.spec.candidates.every(({ address }) => isUsable(address)) ?? false,
}

const isOwnCEL = 'isIP(c.address) && variables.own.exists(b, b.containsIP(c.address))'

/** The apiserver's ClusterIP is among them. Of other members the policy knows nothing: it has one Allocation (gateway/engine.ts has all). */
export const candidateOutside: Rule = {
  name: 'candidate-outside',
  says: 'no candidate may be an address of a pod or a Service: its packets would be routed into the cable that they should carry',
  cel: `!object.spec.candidates.exists(c, ${isOwnCEL})`,
  about: named(isOwnCEL),
  holds: ({ object, params }: Review<Gateway>) => {
    const own = [...(params?.spec.podCIDRs ?? []), ...(params?.spec.serviceCIDRs ?? [])]
    return object?.spec.candidates.every(({ address }) => !admits(own, address)) ?? false
  },
}

/** All at once for one address, for an importer that knows what is routed of all clusters. */
export const isCandidate = (address: string, routed: readonly CIDR[]): boolean => isUsable(address) && !admits(routed, address)
