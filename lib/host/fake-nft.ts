// The tables of nft that a fake machine has: chains of the words that were written, as far as our programs write any.
import { dropTable } from './nft.ts'

/** Throws what it does not know, with the table as it was. */
export class FakeTables {
  /** By name of the table and of the chain. */
  #tables: ReadonlyMap<string, ReadonlyMap<string, readonly string[]>> = new Map()

  get names(): readonly string[] {
    return [...this.#tables.keys()]
  }

  /** As `nft -t list table inet NAME`; undefined: there is none. */
  list(name: string): string | undefined {
    const table = this.#tables.get(name)
    if (table === undefined) return undefined
    const chains = [...table].flatMap(([chain, lines]) => [
      `\tchain ${chain} {`,
      ...lines.map((line) => `\t\t${line}`),
      '\t}',
      '',
    ])
    return `table inet ${name} {\n${chains.join('\n')}}\n`
  }

  /** One transaction. */
  run(script: string): void {
    const tables = new Map([...this.#tables].map(([name, table]) => [name, new Map(table)]))
    const dropped = /^table inet (\S+)\n/.exec(script)?.[1]
    if (dropped !== undefined && script === dropTable(dropped)) tables.delete(dropped)
    else new Transaction(tables).run(script)
    this.#tables = tables
  }
}

class Transaction {
  readonly #tables: Map<string, Map<string, readonly string[]>>
  /** What braces are open. */
  #table: string | undefined
  #chain: string | undefined

  constructor(tables: Map<string, Map<string, readonly string[]>>) {
    this.#tables = tables
  }

  run(script: string): void {
    for (const line of script.split('\n').map((l) => l.trim())) if (line !== '') this.#line(line)
  }

  #line(line: string): void {
    const [, verb = '', table = '', chain = '', rule = ''] =
      /^(flush chain|delete chain|add rule|insert rule) inet (\S+) (\S+) ?(.*)$/.exec(line) ?? []
    const opened = /^(table inet|chain) (\S+) \{$/.exec(line)
    if (verb !== '') this.#change(verb, table, chain, rule)
    else if (opened?.[1] === 'chain') this.#open(opened[2] ?? '')
    else if (opened !== null)
      this.#tables.set((this.#table = opened[2] ?? ''), this.#tables.get(this.#table) ?? new Map<string, readonly string[]>())
    else if (line === '}') this.#close()
    else this.#write(line)
  }

  #open(chain: string): void {
    this.#chain = chain
    const table = this.#need(this.#table)
    table.set(chain, table.get(chain) ?? [])
  }

  #close(): void {
    if (this.#chain === undefined) this.#table = undefined
    this.#chain = undefined
  }

  #write(rule: string): void {
    const lines = this.#linesOf(this.#table, this.#chain)
    // Where a chain hooks in stands first, and is said again without effect.
    if (!lines.includes(rule) || !rule.startsWith('type ')) this.#need(this.#table).set(this.#chain ?? '', [...lines, rule])
  }

  #change(verb: string, table: string, chain: string, rule: string): void {
    const lines = this.#linesOf(table, chain)
    const [hook, rules] = [lines.filter((l) => l.startsWith('type ')), lines.filter((l) => !l.startsWith('type '))]
    const all = this.#need(table)
    const isUsed = [...all.values()].some((other) => other.includes(`jump ${chain}`))
    if (verb === 'delete chain' && isUsed) throw new Error('Error: Could not process rule: Device or resource busy')
    if (verb === 'delete chain') all.delete(chain)
    else if (verb === 'flush chain') all.set(chain, hook)
    else all.set(chain, verb === 'insert rule' ? [...hook, rule, ...rules] : [...lines, rule])
  }

  #linesOf(table: string | undefined, chain: string | undefined): readonly string[] {
    return this.#need(table).get(chain ?? '') ?? missing()
  }

  #need(table: string | undefined): Map<string, readonly string[]> {
    return this.#tables.get(table ?? '') ?? missing()
  }
}

const missing = (): never => {
  throw new Error('Error: Could not process rule: No such file or directory')
}
