// nftables as text. A table belongs to one program, and goes from the rules it has to others so that each packet meets the one or the other.
//
// A transaction that deletes a table and makes it anew does not do that, though the kernel changes rules between two packets: hooks are let go
// of and taken, which loses packets, and sets are filled and emptied at another moment than the rules that ask them change, so that a packet
// passes as if no rule were there, or meets the last `drop` alone (docs/design/0036-turned-jumps.md). So what hooks into the kernel stays and
// does nothing but jump; a first transaction makes what to jump to, with its sets, the second turns the jumps, the third deletes what nobody
// jumps to any more.
import { createHash } from 'node:crypto'

/** What hooks into the kernel: `on` in nft's words, such as `type nat hook postrouting priority srcnat`. Another hook needs another name. */
export type NftChain = { readonly name: string; readonly on: string; readonly rules: readonly string[] }

export type NftTable = { readonly name: string; readonly chains: readonly NftChain[] }

/** `digest`: of what it was made from; undefined where it is not as we make it. `chains`: the names of all it has. */
export type FoundTable = { readonly name: string; readonly digest: string | undefined; readonly chains: readonly string[] }

export const chain = (name: string, type: string, hook: string, priority: string, rules: readonly string[]): NftChain => ({
  name,
  on: `type ${type} hook ${hook} priority ${priority}`,
  rules,
})

/** nft prints rules back in other words than they were written, so what is there is known by the names of the chains that hold it. */
export const digestOf = (table: NftTable): string =>
  createHash('sha256').update(JSON.stringify(table.chains)).digest('hex').slice(0, 16)

/** The transactions, to be done in this order, that make the table be exactly this. */
export function replaceTable(table: NftTable, have: FoundTable | undefined): readonly string[] {
  const digest = digestOf(table)
  const holding = ({ name }: NftChain) => `${name}.${digest}`
  const there = new Set(have?.chains)
  const at = (name: string) => `inet ${table.name} ${name}`
  const wanted = new Set(table.chains.flatMap((c) => [c.name, holding(c)]))
  const stale = [...there].filter((name) => !wanted.has(name))
  const made = table.chains.flatMap((c) => (there.has(holding(c)) ? [] : block(holding(c), c.rules)))
  const hooked = table.chains.flatMap((c) => (there.has(c.name) ? [] : block(c.name, [`${c.on}; policy accept;`])))
  return [
    within(table, made),
    [
      ...within(table, hooked),
      // A jump from what is stale would keep the third from deleting.
      ...[...table.chains.map(({ name }) => name).filter((name) => there.has(name)), ...stale.filter(isHooked)].map(
        (name) => `flush chain ${at(name)}`,
      ),
      ...table.chains.map((c) => `add rule ${at(c.name)} jump ${holding(c)}`),
    ],
    stale.map((name) => `delete chain ${at(name)}`),
  ].flatMap((lines) => (lines.length === 0 ? [] : [`${lines.join('\n')}\n`]))
}

const version = /\.([0-9a-f]{16})$/
const isHooked = (name: string): boolean => !version.test(name)

/** nft 1.0.6 wants a line end before a closing brace. */
const block = (name: string, lines: readonly string[]) => [`  chain ${name} {`, ...lines.map((line) => `    ${line}`), '  }']
const within = ({ name }: NftTable, lines: readonly string[]) =>
  lines.length === 0 ? [] : [`table inet ${name} {`, ...lines, '}']

/** The first line makes the second work also where there is no such table. */
export const dropTable = (name: string): string => `table inet ${name}\ndelete table inet ${name}\n`

/** From `nft -t list table inet NAME`. */
export function parseTable(name: string, text: string): FoundTable {
  const chains = new Map<string, string[]>()
  let lines: string[] = []
  for (const line of text.split('\n').map((l) => l.trim())) {
    const opened = /^chain (\S+) \{$/.exec(line)?.[1]
    if (opened !== undefined) chains.set(opened, (lines = []))
    else if (line !== '' && line !== '}') lines.push(line)
  }
  const hooked = [...chains].filter(([, [first]]) => first?.startsWith('type ') === true)
  const [digest] = [...chains.keys()].flatMap((chainName) => version.exec(chainName)?.[1] ?? [])
  const isOurs =
    chains.size === 2 * hooked.length &&
    hooked.every(([chainName, [, ...rules]]) => chains.has(`${chainName}.${digest}`) && isJump(rules, `${chainName}.${digest}`))
  return { name, digest: isOurs ? digest : undefined, chains: [...chains.keys()] }
}

const isJump = (rules: readonly string[], to: string): boolean => rules.length === 1 && rules[0] === `jump ${to}`

/** `{ a, b }` */
export const set = (members: readonly string[]): string => `{ ${members.join(', ')} }`
