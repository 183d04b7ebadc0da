// The report that upstream's suite writes (sigs.k8s.io/mcs-api/conformance, report.go): read at the door, judged, and told to a person.
import { parse } from 'yaml'
import { z } from 'zod'
import type { Result } from '#lib/std/result.ts'
import { invalid, ok } from '#lib/std/result.ts'

const format = z.object({
  groups: z.array(
    z.object({
      name: z.string(),
      tests: z.array(
        z.object({
          desc: z.string(),
          passed: z.boolean(),
          failed: z.boolean(),
          skipped: z.boolean(),
          message: z.string(),
        }),
      ),
    }),
  ),
  suitefailure: z.string(),
  implementation: z.object({ version: z.string() }),
})

/**
 * `violated`: an assertion about the API itself did not hold, which the suite calls not conformant. `unknown`: it failed on the way to one.
 * `left out`: not chosen, or not possible on these clusters.
 */
export type Outcome = 'passed' | 'violated' | 'unknown' | 'left out'

export type Spec = {
  /** Required or Optional. */
  readonly group: string
  readonly text: string
  readonly outcome: Outcome
  /** Why; empty where the suite says nothing. */
  readonly says: string
}

export type SuiteReport = {
  readonly specs: readonly Spec[]
  /** Why no spec could run; empty where they could. */
  readonly failure: string
  /** Of what was tested. */
  readonly version: string
}

/** `text`: of report.yaml. */
export function parseReport(text: string): Result<SuiteReport> {
  const parsed = format.safeParse(parse(text))
  if (!parsed.success) {
    const [issue] = parsed.error.issues
    return invalid(`report.yaml ${issue?.path.join('.') ?? ''}`, text.slice(0, 80), `the suite's report: ${issue?.message ?? ''}`)
  }
  const { groups, suitefailure: failure, implementation } = parsed.data
  const specs = groups.flatMap(({ name: group, tests }) =>
    tests.map(({ desc, message, ...marks }) => ({
      group,
      text: desc,
      outcome: outcomeOf(marks),
      says: message.replace(/^ - /, ''),
    })),
  )
  return ok({ specs, failure, version: implementation.version })
}

type Marks = { readonly passed: boolean; readonly failed: boolean; readonly skipped: boolean }
const outcomeOf = ({ passed, failed, skipped }: Marks): Outcome =>
  passed ? 'passed' : skipped ? 'left out' : failed ? 'unknown' : 'violated'

/** `nothing`: no spec was chosen. */
export type Verdict = 'passed' | 'failed' | 'nothing'

/** `code`: with which the suite ended, as not everything that can fail is a spec. */
export function verdictOf({ specs, failure }: SuiteReport, code: number | undefined): Verdict {
  const has = (...outcomes: readonly Outcome[]) => specs.some(({ outcome }) => outcomes.includes(outcome))
  if (failure !== '' || has('violated', 'unknown') || code !== 0) return 'failed'
  return has('passed') ? 'passed' : 'nothing'
}

/** `14 of 14 Required, 13 of 13 Optional`: what passed of what there is. */
export const countsOf = ({ specs }: SuiteReport): string =>
  [...Map.groupBy(specs, ({ group }) => group)]
    .map(([group, of]) => `${of.filter(({ outcome }) => outcome === 'passed').length} of ${of.length} ${group}`)
    .join(', ')

/** What passed, then each spec that did not with the reason. Those that nobody chose are only counted. */
export function linesOf(report: SuiteReport): readonly string[] {
  const { specs, failure } = report
  if (failure !== '') return [`no spec could run: ${failure}`]
  const leftOut = specs.filter(({ outcome, says }) => outcome === 'left out' && says === '').length
  return [
    `passed: ${countsOf(report)}${leftOut === 0 ? '' : `; ${leftOut} were not chosen`}`,
    ...specs
      .filter(({ outcome, says }) => outcome !== 'passed' && (outcome !== 'left out' || says !== ''))
      .map(({ group, text, outcome, says }) => `${outcome} (${group}): ${text}${says === '' ? '' : `: ${says}`}`),
  ]
}
