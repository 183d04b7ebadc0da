// The suite on clusters that are as it needs them: what it wrote is read, what it left is taken out.
import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { failed } from '#cli/problem.ts'
import { explain } from '#lib/std/result.ts'
import type { Say } from '../setup/progress.ts'
import type { Members } from './members.ts'
import { clear } from './members.ts'
import type { Plan, Report } from './plan.ts'
import { argsOf } from './plan.ts'
import type { SuiteReport, Verdict } from './report.ts'
import { parseReport, verdictOf } from './report.ts'
import type { Ran } from './run.ts'
import { namespacesIn, runSuite } from './run.ts'

export type Played = {
  readonly report: SuiteReport
  readonly verdict: Verdict
  /** All that the suite wrote on the way. */
  readonly said: string
}

/** What the suite leaves goes also after an interrupt, in this time. */
const clearMs = 120_000

/** Nothing of it is in the clusters afterwards. Throws Problem where the suite ends without a report. */
export async function play(
  program: string,
  { contexts, clusters, version }: Members,
  { focus, reports }: Pick<Plan, 'focus' | 'reports'>,
  say: Say,
  signal: AbortSignal,
): Promise<Played> {
  const folder = mkdtempSync(join(tmpdir(), 'tombolo-conformance-'))
  try {
    const ran = await runSuite(
      program,
      argsOf(contexts, version, focus),
      folder,
      ({ planned, ran: done, failed: bad }) => say(`${done} of ${planned} specs have run, ${bad} failed`),
      signal,
    )
    try {
      signal.throwIfAborted()
      const report = readReport(folder, ran)
      keep(folder, reports)
      return { report, verdict: verdictOf(report, ran.code), said: ran.said }
    } finally {
      const left = namespacesIn(ran.said)
      say(`taking out what is left of ${left.length} namespaces`)
      await clear(clusters, left, AbortSignal.timeout(clearMs))
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function readReport(folder: string, { code, said }: Ran): SuiteReport {
  const file = join(folder, 'report.yaml')
  if (!existsSync(file))
    throw failed(
      `The suite ended without a report (exit code ${code ?? 'none'}).`,
      `It said last: ${said.trim().split('\n').slice(-6).join('\n')}`,
    )
  const report = parseReport(readFileSync(file, 'utf8'))
  if (!report.ok) throw failed(`The suite's report is not understood: ${explain(report.error)}`, 'Is it a suite of another age?')
  return report.value
}

function keep(folder: string, reports: readonly Report[]): void {
  for (const { file, format } of reports) copyFileSync(join(folder, `report.${format}`), file)
}
