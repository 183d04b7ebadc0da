// Asks the questions of the plan in the pods, each again and again until the answer is right or time is up.
import { pause } from '#lib/std/pause.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { runIn } from '../testbed/testbed.ts'
import type { Case, Side } from './plan.ts'
import { wrongIn } from './plan.ts'
import type { Said, Target } from './programs.ts'
import { askCommand, parseSaid } from './programs.ts'
import type { Row } from './render.ts'

export type Tested = Side & { readonly at: Cluster }

const everyMs = 300

/** All at once, so that what fails does not add up. */
export const runCases = (
  cases: readonly Case[],
  sides: readonly Tested[],
  namespace: string,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<readonly Row[]> =>
  Promise.all(
    cases.map(async (asked): Promise<Row> => {
      const { subject, name } = asked
      if ('skipped' in asked) return { subject, name, result: 'skipped', seconds: 0, why: asked.skipped }
      const began = performance.now()
      const at = sides.find((side) => side.context === asked.from.context)?.at
      if (at === undefined) throw new Error(`nobody opened context ${asked.from.context}`)
      for (;;) {
        const wrong = wrongIn(await ask(at, namespace, asked.place, asked.to, signal), asked.want)
        const seconds = (performance.now() - began) / 1000
        if (wrong === undefined) return { subject, name, result: 'passed', seconds }
        if (seconds * 1000 > timeoutMs) return { subject, name, result: 'failed', seconds, why: wrong }
        await pause(everyMs, signal)
        signal.throwIfAborted()
      }
    }),
  )

async function ask(at: Cluster, namespace: string, pod: string, to: Target, signal: AbortSignal): Promise<Said> {
  try {
    return parseSaid(await runIn(at, { namespace, pod }, askCommand(to), 10_000, signal))
  } catch (error) {
    signal.throwIfAborted()
    return { kind: 'none', why: error instanceof Error ? error.message : String(error) }
  }
}
