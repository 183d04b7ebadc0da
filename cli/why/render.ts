// A path as lines for a person: ✓ goes on, ✗ breaks, ? is not known; then the first break, and what to type.
import type { Step, Verdict } from '#fleet/why/path.ts'
import type { Line } from '../output/lines.ts'

const marks = { ok: '✓', broken: '✗', unknown: '?' } as const
const tones = { ok: 'good', broken: 'bad', unknown: 'warn' } as const

export function linesOf({ steps, reachable, first }: Verdict, from: string, to: string): readonly Line[] {
  const width = Math.max(...steps.map((s) => s.at.length))
  const verdict = {
    yes: [`${from} reaches ${to}.`],
    no: [`${from} does not reach ${to}: ${first?.says ?? ''}.`, `  ${first?.remedy ?? ''}`],
    unproven: [
      `Nothing on the way from ${from} to ${to} is known to be broken, but no answer was seen: the lines with ? say why.`,
    ],
  }[reachable]
  return [
    ...steps.map((step) => ({ text: `${marks[step.state]} ${step.at.padEnd(width)}  ${saidOf(step)}`, tone: tones[step.state] })),
    ...['', ...verdict].map((text) => ({ text })),
  ]
}

function saidOf(step: Step): string {
  if (step.state === 'unknown') return step.why
  return step.state === 'broken' && step.evidence !== undefined ? `${step.says} (${step.evidence})` : step.says
}
