// The rotation of the fleet's root, as a state machine that only looks at what gateways report. Every step can be stopped and taken back.
//
//   Stable(1) ──► Introduced(1→2) ──► Issuing(1→2) ──► Stable(2)        trusted:  1  |  1, 2  |  1, 2  |  2
//             ◄──                 ◄──                                    issues:   1  |  1     |  2     |  2
//
//   ──► Introduced   always: another root to believe does no harm
//   ──► Issuing      when every gateway believes the new root
//   ──► Stable(2)    when no gateway shows, or can still be shown, a certificate of the old root
//   ◄── Introduced   always: both are believed
//   ◄── Stable(1)    when no gateway shows, or can still be shown, a certificate of the new root
import type { KeyID } from '#lib/pki/cert-key.ts'

/** Roots by their number; a number that was given up may come again, as another key. */
export type Stage =
  | { readonly at: 'Stable'; readonly root: number }
  | { readonly at: 'Introduced' | 'Issuing'; readonly old: number; readonly next: number }

/** The root to end with, and how far to go now. */
export type Wish = { readonly root: number; readonly upTo: 'Introduced' | 'Issuing' | 'Stable' }

/** A gateway with a certificate that is valid and not revoked. */
export type GatewayReport = {
  readonly name: string
  /** What it says that it believes. */
  readonly trusts: ReadonlySet<KeyID>
  /** The root and serial of the certificate that lies ready for it. */
  readonly answered: { readonly root: KeyID; readonly serial: string }
  /** Serial of the one that it says it shows. */
  readonly inUse: string | undefined
}

export type Turn =
  | { readonly do: 'stay' }
  | { readonly do: 'go'; readonly to: Stage }
  /** These gateways must have reported first. */
  | { readonly do: 'wait'; readonly for: readonly string[]; readonly until: string }

export const trustedRoots = (stage: Stage): readonly number[] => (stage.at === 'Stable' ? [stage.root] : [stage.old, stage.next])

export const issuingRoot = (stage: Stage): number =>
  stage.at === 'Stable' ? stage.root : stage.at === 'Introduced' ? stage.old : stage.next

/** The next step, one at a time. `idOf` names the key of a root that is trusted now. */
export function turn(stage: Stage, wish: Wish, gateways: readonly GatewayReport[], idOf: (root: number) => KeyID): Turn {
  if (stage.at === 'Stable')
    return wish.root === stage.root ? { do: 'stay' } : { do: 'go', to: { at: 'Introduced', old: stage.root, next: wish.root } }
  const { old, next } = stage
  const onward = wish.root === next
  if (stage.at === 'Introduced') {
    if (!onward) return whenAllShow(gateways, idOf(old), { at: 'Stable', root: old })
    if (wish.upTo === 'Introduced') return { do: 'stay' }
    const behind = gateways.filter((g) => !g.trusts.has(idOf(next)))
    return waitOr(behind, 'believe the new root', { at: 'Issuing', old, next })
  }
  if (!onward || wish.upTo === 'Introduced') return { do: 'go', to: { at: 'Introduced', old, next } }
  return wish.upTo === 'Issuing' ? { do: 'stay' } : whenAllShow(gateways, idOf(next), { at: 'Stable', root: next })
}

/** What lies ready is of this root and is what it shows: then nothing of another root can turn up any more. */
const whenAllShow = (gateways: readonly GatewayReport[], root: KeyID, to: Stage): Turn =>
  waitOr(
    gateways.filter((g) => g.answered.root !== root || g.inUse !== g.answered.serial),
    'show a certificate of the root that stays',
    to,
  )

const waitOr = (behind: readonly GatewayReport[], until: string, to: Stage): Turn =>
  behind.length === 0 ? { do: 'go', to } : { do: 'wait', for: behind.map((g) => g.name), until }
