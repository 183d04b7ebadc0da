// Findings as a person reads them: a heading a subject, a line a finding with its sign, the remedy under what is not well.
import type { Found } from '#fleet/checks/index.ts'
import type { Line } from '../output/lines.ts'
import type { Table } from '../output/table.ts'
import { table } from '../output/table.ts'

const sign = { pass: '✓', warn: '⚠', fail: '✗' } as const
const tone = { pass: 'good', warn: 'warn', fail: 'bad' } as const

export const linesOf = (findings: readonly Found[]): readonly Line[] =>
  [...Map.groupBy(findings, ({ subject }) => subject)].flatMap(([subject, of], i) => [
    ...(i === 0 ? [] : [{ text: '' }]),
    { text: subject.toUpperCase() },
    ...of.flatMap((f): readonly Line[] => [
      { text: `${sign[f.level]} ${f.says}`, tone: tone[f.level] },
      ...(f.level === 'pass' ? [] : [{ text: `    ${f.remedy}` }]),
    ]),
  ])

/** For --watch, where a finding is a row that can change. */
export const tableOf = (findings: readonly Found[]): Table =>
  table(
    'findings',
    findings,
    [
      { title: 'SUBJECT', cell: (f) => f.subject },
      { title: 'CHECK', cell: (f) => f.check, wide: true },
      { title: 'FINDING', cell: (f) => `${sign[f.level]} ${f.says}`, tone: (f) => tone[f.level] },
      { title: 'REMEDY', cell: (f) => (f.level === 'pass' ? undefined : f.remedy), ifAny: true },
    ],
    '✓ nothing is wrong',
    (f) => [f.check, ...f.about].join('/'),
  )
