// What probes add to a snapshot: facts that no object tells, found by acting in pods of ours. Nothing is judged here.
import type { Route, Rule } from '#lib/host/ip.ts'

/** What a node's network is, as its agent sees it. */
export type NodeNetwork = {
  readonly node: string
  readonly links: readonly LinkFact[]
  /** The device with the node's address; undefined when none has it. */
  readonly underlay: LinkFact | undefined
  /** Names of the nftables tables of family inet. */
  readonly nftTables: readonly string[]
  /** Those of ours. */
  readonly rules: readonly Rule[]
  readonly routes: readonly Route[]
  /** What kube-proxy on this node says that it runs as; undefined where none answers. */
  readonly proxyMode: string | undefined
}

export type LinkFact = { readonly name: string; readonly mtu: number }

/** Whether what one node sent over the overlay came to another. */
export type OverlayFact = { readonly from: string; readonly to: string; readonly heard: boolean }

/** A question about clusterset.local. `failure` undefined: it was answered. */
export type NameFact = {
  readonly asked: 'tombolo-dns' | 'cluster DNS'
  readonly server: string
  /** From where it was asked. */
  readonly node: string
  readonly failure: string | undefined
}

/** Empty lists: not probed. */
export type Probed = {
  readonly networks: readonly NodeNetwork[]
  readonly overlay: readonly OverlayFact[]
  readonly names: readonly NameFact[]
  /** What could not be probed, and why. */
  readonly failed: readonly { readonly what: string; readonly why: string }[]
}

export const notProbed: Probed = { networks: [], overlay: [], names: [], failed: [] }
