// nftables as text. A table belongs to one program and is replaced whole, in one transaction: the kernel goes from the old rules to the
// new ones between two packets, and an error leaves the old ones in place.
import { createHash } from 'node:crypto'

/** `chains` is what stands between the braces of `table inet NAME { … }`, one statement a line. */
export type NftTable = { readonly name: string; readonly chains: string }

/**
 * The script that makes the table be exactly this. nft prints rules back in other words than they were written, so what is there cannot
 * be compared with what is wanted; the comment carries a digest of the text instead.
 */
export const replaceTable = (table: NftTable): string =>
  `table inet ${table.name}\ndelete table inet ${table.name}\ntable inet ${table.name} {\n  comment "${digestOf(table)}"\n${table.chains.trimEnd()}\n}\n`

/** The first line makes the second work also where there is no such table. */
export const dropTable = (name: string): string => `table inet ${name}\ndelete table inet ${name}\n`

export const digestOf = (table: NftTable): string =>
  `tombolo ${createHash('sha256').update(table.chains).digest('hex').slice(0, 32)}`

/** From `nft -t list table inet NAME`: the digest the table was made with; undefined if it carries none. */
export const parseDigest = (text: string): string | undefined => /^\s*comment "(tombolo [0-9a-f]{32})"/m.exec(text)?.[1]

/** A base chain; every statement on its own line, because nft 1.0.6 wants a line end before a closing brace. */
export const chain = (name: string, type: string, hook: string, priority: string, rules: readonly string[]): string =>
  [
    `  chain ${name} {`,
    `    type ${type} hook ${hook} priority ${priority}; policy accept;`,
    ...rules.map((r) => `    ${r}`),
    '  }',
    '',
  ].join('\n')

/** `{ a, b }` */
export const set = (members: readonly string[]): string => `{ ${members.join(', ')} }`
