// Asking `tombolo why` and `tombolo diagnose` until they say what is wanted: what the operator and the gateways publish takes them a moment.
import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Found } from '#fleet/checks/index.ts'
import type { Verdict } from '#fleet/why/path.ts'
import { inProcess } from '#test/kit/in-process.ts'
import type { RigSuite } from '#test/kit/rig-suite.ts'
import type { Cluster } from '#test/rig/cluster.ts'
import type { Diagnosis, Plant, Symptom } from './fault.ts'

/** Faults of one cluster that do not hide each other: what each of them is found by. */
export type Planted = readonly (Symptom & { readonly plant: Plant })[]

export interface Asking {
  /** Until the answer of `why` is the wanted one: the station that fails, or `yes` when there is none. */
  readonly ask: (from: string, to: string, wanted: string, says: RegExp, types?: RegExp, ms?: number) => Promise<void>
  /** Until the asker in west is answered by the shop in east. */
  readonly answered: (ms?: number) => Promise<void>
  /** Until the checks find it. */
  readonly diagnosed: (diagnosis: Diagnosis) => Promise<void>
  /** Plants all of them, asks once for all, and takes all of them back, the last one first. */
  readonly together: (cluster: Diagnosis['in'], planted: Planted) => Promise<void>
  /** Until no check finds anything. */
  readonly isWell: (cluster: Cluster) => Promise<void>
}

/** In this process, as they are asked again and again. */
export function askingOf(at: RigSuite): Asking {
  const run = (...args: readonly string[]) => inProcess([...args, '--kubeconfig', at.rig.kubeconfig], { signal: at.signal })
  const why = async (source: string, destination: string) => {
    const { out, err, code } = await run('why', source, destination, '--context', 'west', '--to-context', 'east', '-o', 'json')
    assert.notEqual(out, '', err)
    return { code, ...(JSON.parse(out) as Verdict) }
  }
  const diagnose = async (cluster: string) => {
    const began = performance.now()
    const { out, err, code } = await run('diagnose', 'all', '--context', cluster, '-o', 'json')
    assert.notEqual(out, '', err)
    const { findings } = JSON.parse(out) as { readonly findings: readonly Found[] }
    return { code, findings, troubles: findings.flatMap((f) => (f.level === 'pass' ? [] : [f])), ms: performance.now() - began }
  }
  const asking: Asking = {
    ask: async (source, destination, wanted, says, types = /.{10}/, ms = 25_000) => {
      const until = performance.now() + ms
      for (;;) {
        const { first, reachable, code, steps } = await why(source, destination)
        const now = first === undefined ? reachable : first.at
        if (now === wanted && (first === undefined || says.test(first.says))) {
          assert.equal(code, wanted === 'yes' ? 0 : 1)
          if (first !== undefined) assert.match(first.remedy, types)
          return
        }
        if (performance.now() > until) assert.fail(`${now}, not ${wanted}: ${JSON.stringify(steps, null, 1)}`)
        await sleep(300)
      }
    },
    answered: (ms = 40_000) => asking.ask('shop/asker', 'web.shop', 'yes', /./, undefined, ms),
    diagnosed: async ({ in: cluster, finds }) => {
      const until = performance.now() + 30_000
      for (;;) {
        const { code, troubles } = await diagnose(cluster)
        const foundBy = ({ check, level = 'fail', says, remedy }: Symptom) =>
          troubles.some((f) => f.check === check && f.level === level && says.test(f.says) && remedy.test(f.remedy))
        const missed = finds.filter((symptom) => !foundBy(symptom))
        if (missed.length === 0) {
          assert.equal(code, finds.some(({ level }) => level !== 'warn') ? 1 : code)
          return
        }
        const names = missed.map(({ check }) => check).join(', ')
        if (performance.now() > until) assert.fail(`${names} does not find it: ${JSON.stringify(troubles, null, 1)}`)
        await sleep(300)
      }
    },
    together: async (cluster, planted) => {
      await using healing = new AsyncDisposableStack()
      for (const { plant } of planted) {
        const heal = await plant()
        healing.defer(async () => {
          await heal()
        })
      }
      await asking.diagnosed({ in: cluster, finds: planted })
    },
    isWell: async ({ id }) => {
      const until = performance.now() + 40_000
      for (;;) {
        const { code, findings, troubles, ms } = await diagnose(id)
        if (troubles.length === 0) {
          assert.equal(code, 0)
          // Each of the subjects has been looked at, not passed over.
          assert.ok(findings.length >= 25, `only ${findings.length} findings`)
          process.stdout.write(`      ${findings.length} findings in ${(ms / 1000).toFixed(1)} s\n`)
          return
        }
        if (performance.now() > until) assert.fail(JSON.stringify(troubles, null, 1))
        await sleep(300)
      }
    },
  }
  return asking
}
