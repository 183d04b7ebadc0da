// NetworkPolicies in front of exported services that keep pods of other clusters out. A selector in a NetworkPolicy chooses pods of its
// own cluster alone, so only a rule with their addresses, or one for everybody, lets those of others in.
import type { CIDR } from '#lib/net/cidr.ts'
import { contains, familyOf, overlaps, parseCIDR } from '#lib/net/cidr.ts'
import type { IngressRule, PodLabels, PolicyFact, Selector, ServiceFact, ServicePortFact } from '../facts/exported.ts'
import { peersOf } from '../rows/clusters.ts'
import type { MemberView } from '../snapshot.ts'
import type { Check, Finding } from './check.ts'
import { counted, orPass } from './check.ts'

export const networkPolicies: Check = {
  name: 'network-policies',
  subject: 'policies',
  asks: 'Does a NetworkPolicy keep pods of other clusters from an exported service?',
  run: ({ member }) => {
    if (member === undefined || member.exported.services.length === 0) return []
    return orPass(
      member.exported.services.flatMap((service) => judge(service, member)),
      `no NetworkPolicy keeps other clusters from ${counted(member.exported.services.length, 'exported service')}`,
    )
  },
}

function judge(service: ServiceFact, member: MemberView): readonly Finding[] {
  const { namespace, name, ports } = service
  const { exported } = member
  const pods = exported.podLabels.filter(
    (pod) => pod.namespace === namespace && service.endpoints.some((e) => e.pod === pod.name),
  )
  const isolating = exported.policies.filter((p) => p.namespace === namespace && pods.some((pod) => matches(p.selects, pod)))
  if (isolating.length === 0) return []
  const families = new Set(service.endpoints.map((e) => (e.address.includes(':') ? 'IPv6' : 'IPv4')))
  return peersOf(member).flatMap(({ spec }): readonly Finding[] => {
    const blocks = spec.podCIDRs.filter((cidr) => families.has(familyOf(cidr)))
    const shut = ports.filter((port) => pods.some((pod) => blocks.some((block) => !admitted(pod, block, port, isolating))))
    if (shut.length === 0) return []
    const names = isolating.map((p) => p.name).join(', ')
    return [
      {
        level: 'fail',
        about: [`NetworkPolicy ${namespace}/${isolating[0]?.name ?? ''}`, `Service ${namespace}/${name}`, spec.clusterID],
        says: `NetworkPolicy ${names} keeps pods of ${spec.clusterID} from ${namespace}/${name}, ${shut.map((p) => `${p.port}/${p.protocol}`).join(', ')}`,
        remedy: `Add an ingress rule to it: from: ${blocks.map((b) => `[{ipBlock: {cidr: ${b}}}]`).join(' and ')}, ports: [${shut.map((p) => `{protocol: ${p.protocol}, port: ${p.target}}`).join(', ')}]. Policies that name pods of other clusters are not built yet.`,
      },
    ]
  })
}

/** By the union of the rules of all policies that choose this pod, as Kubernetes takes them. A pod that none chooses is open. */
function admitted(pod: PodLabels, block: CIDR, port: ServicePortFact, policies: readonly PolicyFact[]): boolean {
  const chosen = policies.filter((p) => matches(p.selects, pod))
  return chosen.length === 0 || chosen.some((p) => p.ingress.some((rule) => fromAdmits(rule, block) && portAdmits(rule, port)))
}

const fromAdmits = ({ from }: IngressRule, block: CIDR): boolean =>
  from.length === 0 ||
  from.some((peer) => {
    const outer = parseCIDR(peer.block?.cidr ?? '')
    const holes = (peer.block?.except ?? []).map((text) => parseCIDR(text)).flatMap((c) => (c.ok ? [c.value] : []))
    return outer.ok && contains(outer.value, block) && !holes.some((hole) => overlaps(hole, block))
  })

const portAdmits = ({ ports }: IngressRule, { target, protocol }: ServicePortFact): boolean =>
  ports.length === 0 ||
  ports.some(
    (p) =>
      p.protocol === protocol &&
      (p.port === undefined ||
        p.port === target ||
        (typeof p.port === 'number' && typeof target === 'number' && target > p.port && target <= (p.endPort ?? p.port))),
  )

const matches = ({ matchLabels, matchExpressions }: Selector, { labels }: PodLabels): boolean =>
  Object.entries(matchLabels).every(([key, value]) => labels[key] === value) &&
  matchExpressions.every(({ key, operator, values }) => {
    const value = labels[key]
    switch (operator) {
      case 'In':
        return value !== undefined && values.includes(value)
      case 'NotIn':
        return value === undefined || !values.includes(value)
      case 'Exists':
        return value !== undefined
      default:
        return value === undefined
    }
  })
