// Which questions `tombolo verify` asks between two clusters, and when an answer is the right one. Pure.
import { clustersetZone } from '#crds/places.ts'
import type { Probe as Pod } from '../testbed/objects.ts'
import { addressOf, families } from '../testbed/objects.ts'
import type { Place } from './objects.ts'
import { places } from './objects.ts'
import type { Said, Target } from './programs.ts'
import { serverPort } from './programs.ts'

export const subjects = ['connectivity', 'service-discovery', 'gateway-failover'] as const
export type Subject = (typeof subjects)[number]

/** A pod of the test. */
export type Probe = Pick<Pod<Place>, 'place' | 'addresses'>
export type Side = {
  readonly context: string
  readonly cluster: string
  /** Of its Service, which it exports. */
  readonly service: string
  readonly probes: readonly Probe[]
}

/** `pod`: that one answers; `source`: and it sees these addresses; `any`: somebody answers; `unknown name`: the DNS has no such name. */
export type Want =
  | { readonly kind: 'pod'; readonly pod: Place }
  | { readonly kind: 'source'; readonly addresses: readonly string[] }
  | { readonly kind: 'any' }
  | { readonly kind: 'unknown name' }

export type Case = { readonly subject: Subject; readonly name: string } & (
  { readonly from: Side; readonly place: Place; readonly to: Target; readonly want: Want } | { readonly skipped: string }
)

export function connectivityCases(a: Side, b: Side): readonly Case[] {
  const subject = 'connectivity'
  return waysOf(a, b).flatMap(([from, to]) =>
    families.flatMap((family): readonly Case[] => {
      const far = outermost(to)
      const host = far === undefined ? undefined : addressOf(far, family)
      const way = `${from.cluster} → ${to.cluster}, ${family}`
      const lacking = [from, to].find((side) => !side.probes.some((probe) => addressOf(probe, family) !== undefined))
      if (far === undefined || host === undefined || lacking !== undefined)
        return [{ subject, name: way, skipped: `pods of ${(lacking ?? to).cluster} have no ${family} address` }]
      const target = { host, port: serverPort }
      const source = outermost(from)
      return [
        ...places.map((place): Case => {
          const name = `pod to pod, ${way}, from ${place === 'gateway' ? 'the node of a gateway' : 'another node than a gateway'}`
          return from.probes.some((probe) => probe.place === place)
            ? { subject, name, from, place, to: target, want: { kind: 'pod', pod: far.place } }
            : { subject, name, skipped: `${from.cluster} has no ready node of this kind` }
        }),
        ...(source === undefined
          ? []
          : [
              {
                subject,
                name: `source address kept, ${way}`,
                from,
                place: source.place,
                to: target,
                want: { kind: 'source', addresses: source.addresses },
              } as const,
            ]),
      ]
    }),
  )
}

export const discoveryCases = (a: Side, b: Side, namespace: string): readonly Case[] =>
  byName(a, b, namespace, 'service by name', { kind: 'any' })

/** After the exports were taken back. */
export const goneCases = (a: Side, b: Side, namespace: string): readonly Case[] =>
  byName(a, b, namespace, 'name gone after unexport', { kind: 'unknown name' })

const byName = (a: Side, b: Side, namespace: string, what: string, want: Want): readonly Case[] =>
  waysOf(a, b).map(([from, to]) => {
    const common = { subject: 'service-discovery', name: `${what}, ${from.cluster} → ${to.cluster}` } as const
    const source = outermost(from)
    // The last dot keeps the resolver from trying the pod's own domains first.
    const host = `${to.service}.${namespace}.svc.${clustersetZone}.`
    return source === undefined
      ? { ...common, skipped: `${from.cluster} has no ready node` }
      : { ...common, from, place: source.place, to: { host, port: 80 }, want }
  })

/** What is wrong with what was said; undefined when nothing is. */
export function wrongIn(said: Said, want: Want): string | undefined {
  if (want.kind === 'unknown name')
    return said.kind === 'unknown name'
      ? undefined
      : said.kind === 'none'
        ? `whether the name still has an answer is not known: ${said.why}`
        : 'the name still has an answer'
  if (said.kind === 'unknown name') return 'the name is unknown'
  if (said.kind === 'none') return said.why
  if (want.kind === 'pod' && said.pod !== want.pod) return `the pod ${said.pod} answered, not ${want.pod}`
  if (want.kind === 'source' && !want.addresses.includes(said.from))
    return `the far pod sees ${said.from}, and the address of the pod is ${want.addresses.join(', ')}`
  return undefined
}

const waysOf = (a: Side, b: Side) =>
  [
    [a, b],
    [b, a],
  ] as const

/** The one with the longest way to the other cluster. */
export const outermost = ({ probes }: Pick<Side, 'probes'>): Probe | undefined =>
  probes.find((p) => p.place === 'worker') ?? probes[0]
