// Findings as a person reads them: a heading a subject, a line a finding with its sign, the remedy under what is not well.
import type { Found } from '#fleet/checks/index.ts'
import type { Line } from '../output/lines.ts'

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
