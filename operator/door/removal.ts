// What a list of the broker takes away without a word. A watch tells that an object went; a list only lacks it, and that of a broker
// restored from a backup lacks what lives. Where it is much of one source it is held: what is here stays until it is listed again, until
// the watch tells that it goes, or until a person has accepted the removal.
import { hashedName } from '#crds/places.ts'

/** Of `here` objects a list leaves nothing for `lost`. */
export type Toll = { readonly here: number; readonly lost: number }

/** A removal has to be more than both of them to be held. */
export const removalLimit = { objects: 10, share: 0.2 }

export const isHeld = ({ here, lost }: Toll): boolean => lost > removalLimit.objects && lost > removalLimit.share * here

/** `source`: a cluster, or `the broker` for what the broker itself writes. */
export type HeldRemoval = Toll & { readonly source: string; readonly token: string }

/** What a person accepts it by: of this source and these objects, so that nobody accepts beforehand what another list will lack. */
export const removalToken = (source: string, lost: readonly string[]): string =>
  hashedName(source, ...lost.toSorted()).slice(0, 8)

/** In an annotation of the Membership: tokens with commas between. */
export const acceptedIn = (annotation: string | undefined): readonly string[] =>
  (annotation ?? '').split(',').flatMap((part) => (part.trim() === '' ? [] : [part.trim()]))

/**
 * Of what the broker itself writes: `here` are clusters of which there is a copy, `lost` those that a list lacks. Whoever may list it is a
 * member, so a broker that lacks this cluster itself lacks what lives.
 */
export function heldOfBroker(
  self: string,
  here: readonly string[],
  lost: readonly string[],
  accepted: readonly string[],
): HeldRemoval | undefined {
  const toll = { here: here.length, lost: lost.length }
  const token = removalToken('the broker', lost)
  const isMuch = isHeld(toll) || lost.includes(self)
  return isMuch && !accepted.includes(token) ? { ...toll, source: 'the broker', token } : undefined
}
