// What the chains of an nft table say, for tests that look for a rule.
import type { NftTable } from '#lib/host/nft.ts'

/** A rule a line, under where they hook in. */
export const rulesOf = (table: NftTable | undefined): string =>
  (table?.chains ?? []).map(({ on, rules }) => [on, ...rules.map((rule) => `  ${rule}`), '}'].join('\n')).join('\n')
