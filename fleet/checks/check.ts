// A check is a question over a snapshot. It sees nothing else and touches nothing, so the CLI and the console come to the same findings.
import type { Snapshot } from '../snapshot.ts'

/** In the order a person would ask: does it run, on what, over which way, and what comes of it. */
export const subjects = [
  'deployment',
  'cni',
  'connections',
  'firewall',
  'kube-proxy',
  'dns',
  'services',
  'policies',
  'broker',
  'versions',
] as const
export type Subject = (typeof subjects)[number]

/** `about`: the objects, nodes or clusters it is about. Whatever is not well comes with what to do or type. */
export type Finding =
  | { readonly level: 'pass'; readonly about: readonly string[]; readonly says: string }
  | { readonly level: 'warn' | 'fail'; readonly about: readonly string[]; readonly says: string; readonly remedy: string }

export type Check = {
  /** Unique, in kebab case: the name of its file. */
  readonly name: string
  readonly subject: Subject
  /** The question, for people. */
  readonly asks: string
  /** Nothing where the question makes no sense, such as one about members in a cluster that is no broker. */
  run(seen: Snapshot): readonly Finding[]
}

export const pass = (says: string, ...about: readonly string[]): Finding => ({ level: 'pass', about, says })

/** These, or the one that says that all is well. */
export const orPass = (findings: readonly Finding[], says: string): readonly Finding[] =>
  findings.length > 0 ? findings : [pass(says)]

/** `1 pod`, `2 pods`. */
export const counted = (n: number, noun: string): string => `${n} ${noun}${n === 1 ? '' : 's'}`
