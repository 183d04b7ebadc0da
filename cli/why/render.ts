// A path as lines for a person: ✓ goes on, ✗ breaks, ? is not known; then the first break, and what to type.
import { stripVTControlCharacters } from 'node:util'
import type { Step, Verdict } from '#fleet/why/path.ts'
import { paint } from '../output/paint.ts'

const marks = { ok: '✓', broken: '✗', unknown: '?' } as const
const tones = { ok: 'good', broken: 'bad', unknown: 'warn' } as const

export function render({ steps, reachable, first }: Verdict, from: string, to: string, colour: boolean): string {
  const width = Math.max(...steps.map((s) => s.at.length))
  const mark = (step: Step) => (colour ? paint(marks[step.state], tones[step.state]) : marks[step.state])
  const lines = steps.map((step) => `${mark(step)} ${step.at.padEnd(width)}  ${printable(saidOf(step))}`)
  const verdict = {
    yes: [`${from} reaches ${to}.`],
    no: [`${from} does not reach ${to}: ${printable(first?.says ?? '')}.`, `  ${printable(first?.remedy ?? '')}`],
    unproven: [
      `Nothing on the way from ${from} to ${to} is known to be broken, but no answer was seen: the lines with ? say why.`,
    ],
  }[reachable]
  return [...lines, '', ...verdict].join('\n')
}

function saidOf(step: Step): string {
  if (step.state === 'unknown') return step.why
  return step.state === 'broken' && step.evidence !== undefined ? `${step.says} (${step.evidence})` : step.says
}

/** What another cluster wrote must neither break a line nor speak to the terminal. */
const printable = (text: string): string => stripVTControlCharacters(text).replaceAll(/\p{Cc}+/gu, ' ')
