// The only place that prints. Results go to stdout, everything about the way there to stderr: `tombolo … -o json | jq` always works.
import type { KubeObject } from '#lib/kube/object.ts'
import type { Plan } from '#lib/kube/plan.ts'
import { printPlan } from '#lib/kube/print-plan.ts'
import { stringify } from 'yaml'
import type { Line } from './lines.ts'
import { renderLines } from './lines.ts'
import { paint } from './paint.ts'
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
  /** What a command did: a sentence for a person, the facts as one JSON or YAML document, or `kind/name` of what it was done to. */
  result(text: string, facts: Readonly<Record<string, unknown>>, format: Format, about?: string): void
  /** A result that is text of its own, such as a script. */
  text(text: string): void
  /** What was found: lines for a person, or the facts as one JSON or YAML document; `names` for `-o name`. */
  report(lines: readonly Line[], facts: Readonly<Record<string, unknown>>, names: readonly string[], format: Format): void
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
  /** Whether results may be coloured. */
  readonly colour: boolean
}

/** What is shown while it changes: on a terminal drawn anew, elsewhere the rows that changed, in JSON and YAML a document a change. */
export interface Live {
  show(tables: readonly Table[]): void
}

export function output({ out, err, colour }: Streams): Output {
  const line = (text: string) => void out.write(`${text}\n`)
  const note = (text: string) => void err.write(`${text}\n`)
  const value = (data: unknown, format: 'json' | 'yaml') =>
    void out.write(format === 'json' ? `${JSON.stringify(data, null, 2)}\n` : yaml(data))
  const manifests = (objects: readonly KubeObject[], format: Format) => {
    if (format === 'json') value({ apiVersion: 'v1', kind: 'List', items: objects }, format)
    else if (format === 'name') for (const object of objects) line(nameOf(object))
    else out.write(objects.map(yaml).join('---\n'))
  }
  const draw = (tables: readonly Table[], format: 'table' | 'wide') =>
    tables.map((table) => renderTable(table, { format, headed: tables.length > 1, colour: colour.out })).join('\n\n')
  return {
    note,
    result: (text, facts, format, about) => {
      if (format === 'json' || format === 'yaml') value(facts, format)
      else line(format === 'name' && about !== undefined ? about : text)
    },
    text: (text) => void out.write(text),
    report: (lines, facts, names, format) => {
      if (format === 'json' || format === 'yaml') value(facts, format)
      else if (format === 'name') for (const name of names) line(name)
      else line(renderLines(lines, colour.out))
    },
    warn: (text) => note(`${colour.err ? paint('warning:', 'warn') : 'warning:'} ${text}`),
    tables: (tables, format) => {
      if (format === 'json' || format === 'yaml') value(facts(tables), format)
      else if (format === 'name') for (const name of tables.flatMap(namesOf)) line(name)
      else line(draw(tables, format))
    },
    live: (format) => {
      if (format !== 'table' && format !== 'wide') return appended(format, line)
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
    colour: colour.out,
  }
}

const facts = (tables: readonly Table[]) => Object.fromEntries(tables.map((t) => [t.title, t.rows]))

/** As kubectl says it: `deployment.apps/tombolo-operator`. */
const nameOf = ({ apiVersion, kind, metadata }: KubeObject): string =>
  `${[kind.toLowerCase(), ...(apiVersion.includes('/') ? [apiVersion.split('/')[0]] : [])].join('.')}/${metadata.name}`

// Version 1.1 quotes `yes`, `on` and `1:30`, which kubectl's parser would take for something else. Aliases are valid and unreadable.
const yaml = (data: unknown): string => stringify(data, { version: '1.1', aliasDuplicateObjects: false })

/** One document, or one name, whenever it differs from the last. */
function appended(format: 'json' | 'yaml' | 'name', line: (text: string) => void): Live {
  let last = ''
  return {
    show: (tables) => {
      const now = JSON.stringify(facts(tables))
      if (now === last) return
      if (format === 'json') line(now)
      else if (format === 'yaml') line(`---\n${yaml(facts(tables)).trimEnd()}`)
      else for (const name of changedNames(JSON.parse(last || '{}') as Rows, tables)) line(name)
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
        for (const name of before.keys()) if (!now.has(name)) line(`${name} is gone`)
      }
      seen = now
    },
  }
}
