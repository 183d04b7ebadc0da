// The only place that prints. Results go to stdout, everything about the way there to stderr: `tombolo … -o json | jq` always works.
// Whatever is printed may hold words of another cluster, so each way out shows what would speak to the terminal.
import type { KubeObject } from '#lib/kube/object.ts'
import type { Plan } from '#lib/kube/plan.ts'
import { printPlan } from '#lib/kube/print-plan.ts'
import { yaml } from '#lib/kube/yaml.ts'
import { printable, printableJSON } from '#lib/std/printable.ts'
import type { Line } from './lines.ts'
import { renderLines } from './lines.ts'
import type { Progress } from './progress.ts'
import { progress } from './progress.ts'
import type { Table } from './table.ts'
import { namesOf, renderTable } from './table.ts'

export const formats = ['table', 'wide', 'json', 'yaml', 'name'] as const
export type Format = (typeof formats)[number]

export type Streams = {
  readonly out: NodeJS.WriteStream
  readonly err: NodeJS.WriteStream
  readonly colour: { readonly out: boolean; readonly err: boolean }
}

export interface Output {
  /** What a command did or found: for a person, as one JSON or YAML document, or as `names`, the `kind/name` of what it was about. */
  result(said: string | readonly Line[], facts: Readonly<Record<string, unknown>>, format: Format, names: readonly string[]): void
  /** A script: words of ours alone, as they are. */
  script(text: string): void
  /** A line beside the result. */
  note(text: string): void
  warn(text: string): void
  /** Titled tables, or the same facts as one JSON or YAML document: a map from title to rows. */
  tables(tables: readonly Table[], format: Format): void
  /** The same again and again while it changes. */
  readonly live: (format: Format) => Live
  /** What --dry-run shows: documents that kubectl accepts, in YAML unless JSON is asked for. */
  manifests(objects: readonly KubeObject[], format: Format): void
  /** What --dry-run shows where there is something to compare with: what would change, and how; for programs all that would be applied. */
  plan(plan: Plan, fieldManager: string, format: Format): void
  readonly progress: Progress
}

/** What is shown while it changes: on a terminal drawn anew, elsewhere the rows that changed, in JSON and YAML a document a change. */
export interface Live {
  show(tables: readonly Table[]): void
}

export function output({ out, err, colour }: Streams): Output {
  const line = (text: string) => void out.write(`${text}\n`)
  const note = (text: string) => void err.write(`${printable(text)}\n`)
  const names = (all: readonly string[]) => {
    for (const name of all) line(printable(name))
  }
  const value = (data: unknown, format: 'json' | 'yaml') =>
    void out.write(format === 'json' ? `${printableJSON(JSON.stringify(data, null, 2))}\n` : yaml(data))
  const manifests = (objects: readonly KubeObject[], format: Format) => {
    if (format === 'json') value({ apiVersion: 'v1', kind: 'List', items: objects }, format)
    else if (format === 'name') names(objects.map(nameOf))
    else out.write(objects.map(yaml).join('---\n'))
  }
  const draw = (tables: readonly Table[], format: 'table' | 'wide') =>
    tables.map((table) => renderTable(table, { format, headed: tables.length > 1, colour: colour.out })).join('\n\n')
  return {
    note,
    result: (said, facts, format, about) => {
      if (format === 'json' || format === 'yaml') value(facts, format)
      else if (format === 'name') names(about)
      else line(renderLines(typeof said === 'string' ? [{ text: said }] : said, colour.out))
    },
    script: (text) => void out.write(text),
    warn: (text) => void err.write(`${renderLines([{ text: `warning: ${text}`, tone: 'warn' }], colour.err)}\n`),
    tables: (tables, format) => {
      if (format === 'json' || format === 'yaml') value(facts(tables), format)
      else if (format === 'name') names(tables.flatMap(namesOf))
      else line(draw(tables, format))
    },
    live: (format) => {
      if (format !== 'table' && format !== 'wide') return appended(format, line, names)
      return out.isTTY ? redrawn((tables) => draw(tables, format), out) : changedRows((tables) => draw(tables, format), line)
    },
    manifests,
    plan: (plan, fieldManager, format) => {
      if (format === 'table' || format === 'wide') out.write(printPlan(plan, fieldManager))
      else
        manifests(
          plan.steps.flatMap((step) => (step.do === 'apply' ? [step.object] : [])),
          format,
        )
    },
    progress: progress(err),
  }
}

const facts = (tables: readonly Table[]) => Object.fromEntries(tables.map((t) => [t.title, t.rows]))

/** As kubectl says it: `deployment.apps/tombolo-operator`. */
const nameOf = ({ apiVersion, kind, metadata }: KubeObject): string =>
  `${[kind.toLowerCase(), ...(apiVersion.includes('/') ? [apiVersion.split('/')[0]] : [])].join('.')}/${metadata.name}`

/** One document, or one name, whenever it differs from the last. */
function appended(format: 'json' | 'yaml' | 'name', line: (text: string) => void, names: (all: readonly string[]) => void): Live {
  let last = ''
  return {
    show: (tables) => {
      const now = JSON.stringify(facts(tables))
      if (now === last) return
      if (format === 'json') line(printableJSON(now))
      else if (format === 'yaml') line(`---\n${yaml(facts(tables)).trimEnd()}`)
      else names(changedNames(JSON.parse(last || '{}') as Rows, tables))
      last = now
    },
  }
}

type Rows = Readonly<Record<string, readonly unknown[]>>

/** Of rows that are new or differ. */
function changedNames(before: Rows, tables: readonly Table[]): readonly string[] {
  return tables.flatMap((table) => {
    const old = new Set((before[table.title] ?? []).map((row) => JSON.stringify(row)))
    return namesOf({ ...table, rows: table.rows.filter((row) => !old.has(JSON.stringify(row))) })
  })
}

/** From the top of the screen; what was below goes with the same write, so that nothing flickers. */
function redrawn(draw: (tables: readonly Table[]) => string, out: NodeJS.WriteStream): Live {
  let last = ''
  return {
    show: (tables) => {
      const text = draw(tables)
      if (text !== last) out.write(`\x1b[H\x1b[J${text}\n`)
      last = text
    },
  }
}

/** All of it once, then each row that is new or differs, under the headings of its table; a row that went says so. */
function changedRows(draw: (tables: readonly Table[]) => string, line: (text: string) => void): Live {
  let seen: ReadonlyMap<string, string> | undefined
  return {
    show: (tables) => {
      const now = new Map(tables.flatMap((t) => namesOf(t).map((name, i) => [name, JSON.stringify(t.rows[i])])))
      if (seen === undefined) line(draw(tables))
      else {
        const before = seen
        for (const table of tables) {
          const names = namesOf(table)
          const rows = table.rows.filter((row, i) => before.get(names[i] ?? '') !== JSON.stringify(row))
          if (rows.length > 0) line(draw([{ ...table, rows }]))
        }
        for (const name of before.keys()) if (!now.has(name)) line(`${printable(name)} is gone`)
      }
      seen = now
    },
  }
}
