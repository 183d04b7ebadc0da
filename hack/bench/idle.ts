// What Tombolo takes of two joined clusters when nothing happens.
//
// Memory of each process: private (Private_* of /proc/PID/smaps_rollup), which is what one more costs a node, and RSS, which counts
// shared pages such as Node's own again in each. CPU of all of them in one cluster, with the `ip` and `nft` they run, as a share of one
// core. Writes to each apiserver but leases, by its own count: while nothing changes there is nothing to write.
import { setTimeout as sleep } from 'node:timers/promises'
import type { Cluster } from '#test/rig/cluster.ts'
import type { Bed, Bench } from './bench.ts'
import { kubeOf } from './kube.ts'
import type { Process } from './processes.ts'
import { cpuSeconds, memoryOf, processesOf } from './processes.ts'
import { between, total, writesTo } from './writes.ts'

export const idle: Bench = {
  name: 'idle',
  asks: 'What does Tombolo take when nothing happens?',
  run: async (bed) => {
    const rig = await bed.fleet()
    const { settleMs, windowMs } = times[bed.size]
    bed.say(`waiting ${settleMs / 1000} s for calm, then looking for ${windowMs / 1000} s`)
    await sleep(settleMs, undefined, { signal: bed.signal })
    const seen = await Promise.all(rig.clusters.map((cluster) => look(cluster, windowMs, bed.signal)))
    reportMemory(bed, seen)
    for (const { cluster, cpu, seconds, writes } of seen) {
      const percent = (used: number) => (100 * used) / seconds
      const where = cluster === rig.clusters[0]?.id ? `${cluster}, which has the broker` : cluster
      bed.report({
        figure: `CPU of all in ${where}`,
        unit: '% of a core',
        samples: [percent(total(cpu))],
        goal: '≤ 2',
        detail: Object.fromEntries(Object.entries(cpu).map(([of, used]) => [of, percent(used)])),
      })
      const window = `in ${Math.round(seconds)} s`
      bed.report({
        figure: `writes ${window} in ${where}`,
        unit: 'writes',
        samples: [total(writes.others)],
        goal: '0',
        detail: writes,
      })
      bed.report({ figure: `writes of leases ${window} in ${where}`, unit: 'writes', samples: [writes.leases] })
      if (total(writes.others) > 0) bed.say(`written in ${cluster}: ${JSON.stringify(writes.others)}`)
    }
  },
}

/** A new broker counts what its members store from a minute on (broker/members/plan.ts): that is no idling yet. */
const times = { full: { settleMs: 90_000, windowMs: 300_000 }, quick: { settleMs: 5_000, windowMs: 20_000 } } as const

/** MB of private memory, by what the process is. */
const goals: Readonly<Record<string, string>> = {
  agent: '≤ 30',
  dns: '≤ 30',
  gateway: '≤ 35',
  operator: '≤ 50',
  'broker-controller': '≤ 50',
}

type Seen = Awaited<ReturnType<typeof look>>

async function look(cluster: Cluster, windowMs: number, signal: AbortSignal) {
  await using kube = await kubeOf(cluster)
  const processes = () => processesOf(kube, { labels: 'app.kubernetes.io/name=tombolo' }, signal)
  const cpu = async () =>
    new Map((await processes()).map((process) => [process.pid, { ...process, used: cpuSeconds(process.pid) }]))
  const before = { cpu: await cpu(), writes: await writesTo(cluster, signal), at: performance.now() }
  await sleep(windowMs, undefined, { signal })
  const after = { cpu: await cpu(), writes: await writesTo(cluster, signal), at: performance.now() }
  // A process that was not there before is there for something that happened in between: all of it counts.
  const cpuOf: Record<string, number> = {}
  for (const [pid, process] of after.cpu) {
    const of = kindOf(process) ?? process.container
    cpuOf[of] = (cpuOf[of] ?? 0) + process.used - (before.cpu.get(pid)?.used ?? 0)
  }
  return {
    cluster: cluster.id,
    /** In seconds, of all processes of a kind. */
    cpu: cpuOf,
    seconds: (after.at - before.at) / 1000,
    writes: between(before.writes, after.writes),
    memory: (await processes()).flatMap((process) => {
      const memory = memoryOf(process.pid)
      return memory === undefined ? [] : [{ ...memory, of: kindOf(process) }]
    }),
  }
}

/** Undefined for the `ip` or `nft` that happens to run. */
const kindOf = ({ role, container, program }: Process): string | undefined =>
  role === 'main' ? container : program === 'wireguard-go' ? program : undefined

function reportMemory(bed: Bed, seen: readonly Seen[]): void {
  const all = Map.groupBy(
    seen.flatMap(({ memory }) => memory),
    ({ of }) => of,
  )
  for (const [of, processes] of [...all].sort(([a = ''], [b = '']) => (a < b ? -1 : 1))) {
    if (of === undefined) continue
    const mb = (which: 'privateBytes' | 'residentBytes') => processes.map((p) => p[which] / 1e6)
    const goal = goals[of]
    bed.report({
      figure: `${of}: private memory`,
      unit: 'MB',
      samples: mb('privateBytes'),
      ...(goal === undefined ? {} : { goal }),
    })
    bed.report({ figure: `${of}: RSS`, unit: 'MB', samples: mb('residentBytes') })
  }
}
