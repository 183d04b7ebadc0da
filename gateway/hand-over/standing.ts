// Whether a gateway would take the lead. It says so in every pulse, and that is all that a hand-over needs to begin: of the gateways of a
// cluster one that would rather lead than the one in the lead takes it over.
import { gatewayDrainedLabel } from '#crds/places.ts'
import type { Node } from '#lib/kube/kinds.ts'

/**
 *   Ready     leads as well as any
 *   Reserve   its node is cordoned: it leads if no one else would
 *   NotYet    its cables are still coming about: it leads if no one else could, and takes over from nobody who does
 *   Never     it ends, or a person drained it
 */
export type Standing = 'Ready' | 'Reserve' | 'NotYet' | 'Never'

/** What was asked of a gateway's node. */
export type Duty = 'Full' | 'Cordoned' | 'Drained'

export const dutyOf = ({ metadata, spec }: Pick<Node, 'metadata' | 'spec'>): Duty =>
  metadata.labels?.[gatewayDrainedLabel] === 'true' ? 'Drained' : spec?.unschedulable === true ? 'Cordoned' : 'Full'

export type StandingFacts = {
  readonly duty: Duty
  /** Whether the process was told to end. */
  readonly ends: boolean
  readonly leads: boolean
  /** Whether it waits for the first word of a gateway that it has a cable to. */
  readonly connecting: boolean
}

export function standingOf({ duty, ends, leads, connecting }: StandingFacts): Standing {
  if (ends || duty === 'Drained') return 'Never'
  if (connecting && !leads) return 'NotYet'
  return duty === 'Cordoned' ? 'Reserve' : 'Ready'
}

const rank = { Ready: 2, Reserve: 1, NotYet: 0, Never: 0 } as const satisfies Record<Standing, number>

/** Whether one of this standing takes the lead from that one, who has it and is well. */
export const outranks = (standby: Standing, leader: Standing): boolean => rank[standby] > rank[leader]
