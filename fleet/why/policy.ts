// Whether the NetworkPolicies of a namespace let one connection of a pod through (networking.k8s.io/v1). The far end is an address of
// another cluster: peers that are chosen by labels choose pods of the policy's own cluster, so they never match it.
import { z } from 'zod'
import type { KubeObject } from '#lib/kube/object.ts'
import { contains, parseCIDR } from '#lib/net/cidr.ts'

const labels = z.record(z.string(), z.string()).nullish()
const selector = z.looseObject({
  matchLabels: labels,
  matchExpressions: z
    .array(z.looseObject({ key: z.string(), operator: z.string(), values: z.array(z.string()).nullish() }))
    .nullish(),
})
const peers = z
  .array(z.looseObject({ ipBlock: z.looseObject({ cidr: z.string(), except: z.array(z.string()).nullish() }).nullish() }))
  .nullish()
const ports = z
  .array(
    z.looseObject({
      protocol: z.string().nullish(),
      port: z.union([z.int(), z.string()]).nullish(),
      endPort: z.int().nullish(),
    }),
  )
  .nullish()
const policyField = z.looseObject({
  podSelector: selector.nullish(),
  policyTypes: z.array(z.string()).nullish(),
  egress: z.array(z.looseObject({ to: peers, ports })).nullish(),
  ingress: z.array(z.looseObject({ from: peers, ports })).nullish(),
})
type Peers = z.output<typeof peers>
type Ports = z.output<typeof ports>
type Rule = { readonly peers: Peers; readonly ports: Ports }

export type Direction = 'Egress' | 'Ingress'

export type Policy = {
  readonly name: string
  readonly selector: z.output<typeof selector>
  /** Undefined where the policy does not restrict this direction. */
  readonly rules: Readonly<Record<Direction, readonly Rule[] | undefined>>
}

/** One connection as the policy sees it: the other end's address, and the port of the pod that is connected to. */
export type Connection = {
  readonly address: string
  readonly port: number
  readonly protocol: string
  /** How the pod that is connected to names its ports; empty where that is not known. */
  readonly portNames: Readonly<Record<string, number>>
  /** Whether the other end may be a pod of the policy's own cluster, which selectors might choose. */
  readonly other: 'of another cluster' | 'of this cluster'
}

export type Verdict = { readonly kind: 'allowed' | 'perhaps' } | { readonly kind: 'denied'; readonly by: readonly string[] }

export function parsePolicy(object: KubeObject): Policy | undefined {
  const parsed = policyField.safeParse(object.spec)
  if (!parsed.success) return undefined
  const { podSelector, policyTypes, egress, ingress } = parsed.data
  // Without types: always ingress, and egress where there are rules for it.
  const types = policyTypes ?? ['Ingress', ...(egress == null ? [] : ['Egress'])]
  return {
    name: object.metadata.name,
    selector: podSelector ?? {},
    rules: {
      Egress: types.includes('Egress') ? (egress ?? []).map((r) => ({ peers: r.to, ports: r.ports })) : undefined,
      Ingress: types.includes('Ingress') ? (ingress ?? []).map((r) => ({ peers: r.from, ports: r.ports })) : undefined,
    },
  }
}

/** Policies add up: what one of them allows is allowed; what no policy selects is free. */
export function judge(
  policies: readonly Policy[],
  podLabels: Readonly<Record<string, string>>,
  direction: Direction,
  connection: Connection,
): Verdict {
  const restricting = policies.filter((p) => p.rules[direction] !== undefined && selects(p.selector, podLabels))
  if (restricting.length === 0) return { kind: 'allowed' }
  const answers = restricting.flatMap((p) => p.rules[direction] ?? []).map((rule) => answerOf(rule, connection))
  if (answers.includes('yes')) return { kind: 'allowed' }
  if (answers.includes('perhaps')) return { kind: 'perhaps' }
  return { kind: 'denied', by: restricting.map((p) => p.name) }
}

function answerOf(rule: Rule, connection: Connection): 'yes' | 'no' | 'perhaps' {
  if (!portMatches(rule.ports, connection)) return 'no'
  if (rule.peers == null || rule.peers.length === 0) return 'yes'
  if (rule.peers.some(({ ipBlock }) => ipBlock != null && blockMatches(ipBlock, connection.address))) return 'yes'
  return connection.other === 'of this cluster' && rule.peers.some(({ ipBlock }) => ipBlock == null) ? 'perhaps' : 'no'
}

function blockMatches(
  { cidr, except }: { readonly cidr: string; readonly except?: readonly string[] | null | undefined },
  ip: string,
) {
  const has = (text: string) => {
    const block = parseCIDR(text)
    return block.ok && contains(block.value, ip)
  }
  return has(cidr) && !(except ?? []).some(has)
}

const portMatches = (rule: Ports, { port, protocol, portNames }: Connection): boolean =>
  rule == null ||
  rule.length === 0 ||
  rule.some((r) => {
    if ((r.protocol ?? 'TCP') !== protocol) return false
    if (r.port == null) return true
    const first = typeof r.port === 'string' ? portNames[r.port] : r.port
    return first !== undefined && port >= first && port <= (r.endPort ?? first)
  })

function selects({ matchLabels, matchExpressions }: Policy['selector'], has: Readonly<Record<string, string>>): boolean {
  return (
    Object.entries(matchLabels ?? {}).every(([key, value]) => has[key] === value) &&
    (matchExpressions ?? []).every(({ key, operator, values }) => {
      const value = has[key]
      switch (operator) {
        case 'In':
          return value !== undefined && (values ?? []).includes(value)
        case 'NotIn':
          return value === undefined || !(values ?? []).includes(value)
        case 'Exists':
          return value !== undefined
        case 'DoesNotExist':
          return value === undefined
        default:
          return false
      }
    })
  )
}
