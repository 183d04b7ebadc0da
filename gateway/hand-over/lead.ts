// The lead of a cluster from the side of one of its gateways, and how it passes from one to the next without losing a packet. Pure.
//
// A far gateway takes our pods' packets from one cable only, that of the gateway which leads: WireGuard gives an address to one peer. So the
// old one stops before the new one begins, and what comes to the old one in between waits in its kernel (routes.ts).
//
//   old   Leading ── the new one has the Lease ──► Holding ── the new one carries ──► Given ── all have heard of it ──► Standby
//                                                  sends nothing, keeps what comes    passes on to the new one
//   new   Standby ── has the Lease ──► Taking ── the old one has stopped ──► Announcing ── other clusters have turned ──► Leading
//                                      tells its siblings                    tells all                                    carries, and publishes it
//
// Whoever is waited for may be gone: then the new one goes on as after a death. Far gateways know nothing of this; they follow the highest
// term, as always, and say at which term they take us.
import { silenceMs } from '../election/succession.ts'
import type { Claim } from '../engine.ts'

/** A gateway of this cluster, and the term of its lead. */
export type Leader = { readonly node: string; readonly term: number }

/** `since`: ms on the monotonic clock. */
export type Lead =
  | { readonly at: 'Standby'; readonly term: number }
  /** `before`: the term in which it stood by. */
  | { readonly at: 'Taking'; readonly term: number; readonly before: number; readonly from: string; readonly since: number }
  | { readonly at: 'Announcing'; readonly term: number; readonly from: string; readonly since: number }
  | { readonly at: 'Leading'; readonly term: number }
  | { readonly at: 'Holding'; readonly term: number; readonly to: Leader; readonly since: number }
  | { readonly at: 'Given'; readonly term: number; readonly to: Leader; readonly since: number }

/** Another gateway of this cluster, by its pulse. */
export type SiblingSays = {
  readonly node: string
  readonly claim: Claim
  /** Its routes lead into its cables. */
  readonly carrying: boolean
  readonly silentMs: number
}

export type LeadFacts = {
  /** What the Lease says of us. */
  readonly claim: Claim
  /** The node of its holder, as far as known. */
  readonly holder: string | undefined
  readonly siblings: readonly SiblingSays[]
  /** The lowest term at which another cluster takes us, of all that we have a way to; Infinity where there is none. */
  readonly turned: number
  /** The highest term at which the apiserver names one of us as the active one: what nodes go by. */
  readonly published: number
  /** ms on the monotonic clock. */
  readonly now: number
}

/**
 * So long does the new one wait for the old one to stop, which takes that a pulse and a change of routes. Longer than silence means death
 * elsewhere: on a node with much to do it means little, and only where the old one dies just then is anything lost by waiting.
 */
const stopMs = 1_500
/** So long for other clusters to turn to the new one: all that comes waits meanwhile, so one that does not answer must not take longer. */
const turnMs = 1_000
/** So long does the old one wait for a new one to carry: this one, or whoever leads after it. The kernel keeps what waits for three seconds. */
const holdMs = 2_500
/** So long does the old one pass on at least: its own node hears of the new one from the apiserver, and not at once. */
const passOnMs = 10_000

/** Before anything was heard of the election. */
export const newcomer: Lead = { at: 'Standby', term: 0 }

/** Whether other clusters' traffic is for it. */
export const leads = ({ at }: Lead): boolean => at !== 'Standby' && at !== 'Given'

/** The lead after what is known now; the same value if that changes nothing. */
export function advance(lead: Lead, facts: LeadFacts): Lead {
  const { claim, now } = facts
  switch (lead.at) {
    case 'Standby':
      if (claim.role === 'Active' && claim.term >= lead.term && higher(claim.term, facts) === undefined)
        return taken(lead.term, facts)
      return claim.term > lead.term ? { at: 'Standby', term: claim.term } : lead
    case 'Taking':
      if (lost(lead.term, facts)) return { at: 'Standby', term: claim.term }
      if (elapsed(lead, now) > stopMs) return { at: 'Leading', term: lead.term }
      return stoppedBy(lead, facts)
    case 'Announcing':
      if (lost(lead.term, facts)) return { at: 'Standby', term: claim.term }
      return facts.turned >= lead.term || elapsed(lead, now) > turnMs ? { at: 'Leading', term: lead.term } : lead
    case 'Leading': {
      const next = successor(lead.term, facts)
      if (next !== undefined) return { at: next.carrying ? 'Given' : 'Holding', term: lead.term, to: next.leader, since: now }
      if (claim.role === 'Standby') return { at: 'Standby', term: claim.term }
      return claim.term > lead.term ? { at: 'Leading', term: claim.term } : lead
    }
    case 'Holding': {
      const next = successor(lead.term, facts)
      if (leadsAnew(lead.to, facts)) return { at: 'Leading', term: claim.term }
      if (next?.carrying === true) return { at: 'Given', term: lead.term, to: next.leader, since: now }
      return elapsed(lead, now) <= holdMs ? lead : { at: 'Standby', term: lead.to.term }
    }
    case 'Given':
      if (leadsAnew(lead.to, facts)) return taken(lead.to.term, facts)
      return facts.published >= lead.to.term && elapsed(lead, now) > passOnMs ? { at: 'Standby', term: lead.to.term } : lead
  }
}

/** What is said of the lead: to the gateways of this cluster, and to those of others. */
export function spoken(lead: Lead): { readonly siblings: Claim; readonly others: Claim; readonly carrying: boolean } {
  const says = (siblings: Claim, others = siblings, carrying = false) => ({ siblings, others, carrying })
  switch (lead.at) {
    case 'Standby':
      return says({ role: 'Standby', term: lead.term })
    // Other clusters hear nothing new yet: of two pieces of news they would heed the second later.
    case 'Taking':
      return says({ role: 'Active', term: lead.term }, { role: 'Standby', term: lead.before })
    case 'Announcing':
      return says({ role: 'Active', term: lead.term })
    case 'Leading':
      return says({ role: 'Active', term: lead.term }, undefined, true)
    // To other clusters it leads until another one does: between two leaders they would send to nobody.
    case 'Holding':
      return says({ role: 'Standby', term: lead.to.term }, { role: 'Active', term: lead.term })
    case 'Given':
      return says({ role: 'Standby', term: lead.to.term })
  }
}

/**
 * What to publish; undefined: what was published stands for now. Nodes follow what is published, and one that finds nobody active has nowhere
 * to send to: so the old one stands back after the new one has been published as the active one.
 */
export function publishable(lead: Lead, published: number): Claim | undefined {
  switch (lead.at) {
    case 'Standby':
    case 'Leading':
      return spoken(lead).others
    case 'Given':
      return published >= lead.to.term ? spoken(lead).others : undefined
    case 'Taking':
    case 'Announcing':
    case 'Holding':
      return undefined
  }
}

/** With the Lease: from one that is there and carries, or at once. */
function taken(before: number, { claim, siblings, now }: LeadFacts): Lead {
  const from = siblings.find((s) => s.claim.role === 'Active' && s.claim.term < claim.term && s.silentMs <= silenceMs)
  return from === undefined
    ? { at: 'Leading', term: claim.term }
    : { at: 'Taking', term: claim.term, before, from: from.node, since: now }
}

function stoppedBy(lead: Extract<Lead, { at: 'Taking' }>, { siblings, now }: LeadFacts): Lead {
  const from = siblings.find((s) => s.node === lead.from)
  const stopped = from?.claim.role === 'Standby' && from.claim.term >= lead.term
  return stopped ? { at: 'Announcing', term: lead.term, from: lead.from, since: now } : lead
}

/** The one of the highest term above `term` that says it leads, and is there. */
const higher = (term: number, { siblings }: LeadFacts): SiblingSays | undefined =>
  siblings
    .filter((s) => s.claim.role === 'Active' && s.claim.term > term && s.silentMs <= silenceMs)
    .toSorted((a, b) => b.claim.term - a.claim.term)[0]

/** To whom the lead goes from us: by its own word, or by the Lease, which may tell before it does. */
function successor(term: number, facts: LeadFacts): { readonly leader: Leader; readonly carrying: boolean } | undefined {
  const says = higher(term, facts)
  if (says !== undefined) return { leader: { node: says.node, term: says.claim.term }, carrying: says.carrying }
  const { claim, holder } = facts
  return claim.role === 'Standby' && claim.term > term && holder !== undefined && isThere(holder, facts)
    ? { leader: { node: holder, term: claim.term }, carrying: false }
    : undefined
}

const isThere = (node: string, { siblings }: LeadFacts): boolean =>
  siblings.some((s) => s.node === node && s.silentMs <= silenceMs)

const lost = (term: number, facts: LeadFacts): boolean => facts.claim.role === 'Standby' || higher(term, facts) !== undefined

/** The Lease came back to us after the other one had it. */
const leadsAnew = (to: Leader, { claim }: LeadFacts): boolean => claim.role === 'Active' && claim.term > to.term

const elapsed = ({ since }: { readonly since: number }, now: number): number => now - since
