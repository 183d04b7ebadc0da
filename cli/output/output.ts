// The only place that prints. Results go to stdout, everything about the way there to stderr: `tombolo … -o json | jq` always works.
import type { KubeObject } from '#lib/kube/object.ts'
import { stringify } from 'yaml'
import type { Progress } from './progress.ts'
import { progress } from './progress.ts'
import type { Table } from './table.ts'
import { renderTable } from './table.ts'

export const formats = ['table', 'wide', 'json', 'yaml'] as const
export type Format = (typeof formats)[number]

export type Streams = { readonly out: NodeJS.WriteStream; readonly err: NodeJS.WriteStream }

export interface Output {
  /** What a command did: a sentence for a person, or the facts as one JSON or YAML document. */
  result(text: string, facts: Readonly<Record<string, unknown>>, format: Format): void
  /** A line beside the result. */
  note(text: string): void
  warn(text: string): void
  /** Titled tables, or the same facts as one JSON or YAML document: a map from title to rows. */
  tables(tables: readonly Table[], format: Format): void
  /** What --dry-run shows: documents that kubectl accepts, in YAML unless JSON is asked for. */
  manifests(objects: readonly KubeObject[], format: Format): void
  readonly progress: Progress
}

export function output({ out, err }: Streams): Output {
  const line = (text: string) => void out.write(`${text}\n`)
  const note = (text: string) => void err.write(`${text}\n`)
  const value = (data: unknown, format: 'json' | 'yaml') =>
    void out.write(format === 'json' ? `${JSON.stringify(data, null, 2)}\n` : yaml(data))
  return {
    note,
    result: (text, facts, format) => {
      if (format === 'json' || format === 'yaml') value(facts, format)
      else line(text)
    },
    warn: (text) => note(`warning: ${text}`),
    tables: (tables, format) => {
      if (format === 'json' || format === 'yaml') value(Object.fromEntries(tables.map((t) => [t.title, t.rows])), format)
      else for (const [i, table] of tables.entries()) line(`${i > 0 ? '\n' : ''}${renderTable(table, format, tables.length > 1)}`)
    },
    manifests: (objects, format) => {
      if (format === 'json') value({ apiVersion: 'v1', kind: 'List', items: objects }, format)
      else out.write(objects.map(yaml).join('---\n'))
    },
    progress: progress(err),
  }
}

// Version 1.1 quotes `yes`, `on` and `1:30`, which kubectl's parser would take for something else. Aliases are valid and unreadable.
const yaml = (data: unknown): string => stringify(data, { version: '1.1', aliasDuplicateObjects: false })
