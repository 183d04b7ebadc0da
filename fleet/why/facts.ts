// What is known when a path is judged: plain values. Read by gather.ts; a fact that could not be read says why instead.
import type { Snapshot } from '../snapshot.ts'
import type { Asked } from './asked.ts'
import type { Policy } from './policy.ts'
import type { NodeReading } from './node.ts'

/** A fact, or why there is none. */
export type Known<T> = { readonly known: true; readonly value: T } | { readonly known: false; readonly why: string }

export type PodDetail = {
  readonly namespace: string
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly node: string | undefined
  readonly address: string | undefined
  readonly ready: boolean
  readonly hostNetwork: boolean
  readonly portNames: Readonly<Record<string, number>>
  /** `Pending`, or the kubelet's words. */
  readonly state: string
}

/** A slice of the imported service, by the cluster that its endpoints are in. */
export type ImportedSlice = {
  readonly cluster: string
  readonly ports: readonly { readonly name: string; readonly port: number; readonly protocol: string }[]
  readonly endpoints: readonly { readonly address: string; readonly ready: boolean }[]
}

export type Near = {
  readonly context: string
  readonly snapshot: Snapshot
  readonly source: Known<PodDetail | undefined>
  /** Of the source's namespace. */
  readonly policies: Known<readonly Policy[]>
  /** Whether the namespace of the service exists here. */
  readonly namespaceExists: Known<boolean>
  readonly slices: Known<readonly ImportedSlice[]>
}

/** The cluster of the destination, when its context was given. */
export type Far = {
  readonly context: string
  readonly snapshot: Snapshot
  readonly serviceType: Known<string | undefined>
  /** Of the destination's namespace. */
  readonly pods: Known<readonly PodDetail[]>
  readonly policies: Known<readonly Policy[]>
}

/** Where packets go in the end. `cluster` undefined: no cluster of the fleet has the address. */
export type Target = {
  readonly address: string
  readonly cluster: string | undefined
  readonly port: number | undefined
  readonly protocol: string
}

/** The nodes that were asked; `notAsked` says why none was. */
export type Readings = {
  readonly source: Known<NodeReading>
  readonly gateway: Known<NodeReading>
  readonly farGateway: Known<NodeReading>
}

export type Facts = {
  readonly asked: Asked
  readonly near: Near
  readonly far: Far | undefined
  readonly target: Target | undefined
  readonly nodes: Readings
}

export const known = <T>(value: T): Known<T> => ({ known: true, value })
export const notKnown = (why: string): { readonly known: false; readonly why: string } => ({ known: false, why })
