// `npm test`: everything that must hold before a change lands. Ends with what failed and one line, `N passed, N failed`.
import { spawn } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { availableParallelism, constants } from 'node:os'
import { join } from 'node:path'
import { sweepMachines } from '#test/kit/netns.ts'
import { sweepDead } from '#test/rig/find.ts'
import { Refusal } from './setup/refusal.ts'
import { sayOnStderr } from './setup/progress.ts'
import { setUp } from './setup/set-up.ts'
import type { Count } from './test/count.ts'
import { closing, itself, mochaCount, whatFailed } from './test/count.ts'

type Step = {
  readonly name: string
  readonly run: readonly string[]
  readonly counts: 'tests' | 'itself'
  /** Prints while it runs; the others when they have ended. */
  readonly live?: boolean
}
type Outcome = Count & { readonly name: string; readonly output: string }

/** What the next run need not find out again: kept only where a step can tell by contents alone what has changed, as lint cannot. */
const kept = (name: string): string => join(import.meta.dirname, '../node_modules/.cache', name)

/** Looks at the sources and starts nothing. */
const sources: readonly Step[] = [
  { name: 'types', run: ['tsc', '--incremental', '--tsBuildInfoFile', kept('types.json')], counts: 'itself' },
  { name: 'lint', run: ['eslint', '.'], counts: 'itself' },
  { name: 'unused code', run: ['knip'], counts: 'itself' },
  { name: 'generated files', run: ['node', 'hack/codegen.ts', '--check'], counts: 'itself' },
  {
    name: 'format',
    run: [
      ...['prettier', '--check', '--log-level', 'warn'],
      ...['--cache', '--cache-strategy', 'content', '--cache-location', kept('format'), '.'],
    ],
    counts: 'itself',
  },
]

const unit: Step = {
  name: 'unit',
  run: [
    ...['mocha', '--parallel', '--jobs', String(availableParallelism()), '--reporter', 'dot'],
    ...['{lib,crds,broker,operator,gateway,dns,fleet,cli,hack}/**/*.test.ts', 'test/{,rig/}*.test.ts'],
  ],
  counts: 'tests',
}

/** An apiserver alone, or only network namespaces; as two halves that take as long. */
const withoutClusters = [
  ['cable', 'netns', 'nft'],
  ['admission', 'coredns', 'ipsec', 'registry', 'rights'],
] as const
/** Two lanes of clusters, in the order given, so that suites which stand on one fleet (test/e2e/fleets.ts) follow each other. */
const firstLane = ['conformance', 'two-clusters', 'faults', 'over-ipsec', 'uninstall', 'noisy-member']
/** `rig` first, since it kills rigs and looks at what is left: one that starts would sweep that away, and meanwhile the first lane starts none. */
const headOfSecond = ['rig', 'apiserver', 'secrets', 'join', 'trust']
const secondLane = () => {
  const all = readdirSync(join(import.meta.dirname, '../test/e2e')).flatMap((file) => /^(.*)\.test\.ts$/.exec(file)?.[1] ?? [])
  const known = new Set([...withoutClusters.flat(), ...firstLane, ...headOfSecond])
  return [...headOfSecond, ...all.filter((name) => !known.has(name))]
}
const endToEnd = (lane: readonly string[]): Pick<Step, 'run' | 'counts'> => ({
  run: ['mocha', '--reporter', 'spec', ...lane.map((name) => `test/e2e/${name}.test.ts`)],
  counts: 'tests',
})

/** One after the other; those of a phase side by side. */
type Lane = readonly Step[]
type Phase = readonly Lane[]

const phases = (): readonly Phase[] => {
  const verify: Phase = sources.map((step) => [step])
  if (process.argv.includes('--verify')) return [verify]
  const first: Lane = [{ name: 'end to end, first lane', live: true, ...endToEnd(firstLane) }]
  const small: Phase = withoutClusters.map((half, i) => [
    { name: `end to end, without clusters, ${i + 1} of 2`, ...endToEnd(half) },
  ])
  const second: Lane = [{ name: 'end to end, second lane', ...endToEnd(secondLane()) }]
  const units: Phase = [[{ ...unit, live: true }]]
  // On two cores two lanes of clusters save a sixth of the time, and what promises seconds takes twice as many. Nothing at all runs beside
  // one: what has a core for itself there, if only for four seconds, makes requests late that others count.
  const clusters: readonly Phase[] = availableParallelism() > 2 ? [[first, second]] : [[first], [second]]
  return [units, verify, small, ...clusters]
}

const stop = new AbortController()
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(name, () => stop.abort(name))

try {
  process.exitCode = await everything()
} catch (error) {
  // What was in the middle of something when we were stopped blames the machine.
  if (!stop.signal.aborted) {
    if (!(error instanceof Refusal)) throw error
    process.stderr.write(`tombolo: ${error.message}\n`)
    process.exitCode = error.exitCode
  }
}
if (stop.signal.aborted) {
  await sweepDead(new AbortController().signal)
  sweepMachines()
  sayOnStderr('interrupted; nothing of it is left')
  process.exitCode = 128 + constants.signals[stop.signal.reason as NodeJS.Signals]
}

async function everything(): Promise<0 | 1> {
  const plan = phases()
  // First, so that a machine on which it cannot be proved says so before anything is tried.
  if (plan.length > 1) await setUp(stop.signal)
  const outcomes: Outcome[] = []
  for (const phase of plan) outcomes.push(...(await Promise.all(phase.map(takeAll))).flat())
  for (const { name, failed, output } of outcomes)
    if (failed > 0) process.stdout.write(`── failed: ${name}\n${whatFailed(output)}\n`)
  process.stdout.write(`${closing(outcomes)}\n`)
  return outcomes.some(({ failed }) => failed > 0) ? 1 : 0
}

async function takeAll(lane: Lane): Promise<readonly Outcome[]> {
  const taken: Outcome[] = []
  for (const step of lane) {
    stop.signal.throwIfAborted()
    taken.push(await take(step))
  }
  return taken
}

async function take({ name, run: command, counts, live = false }: Step): Promise<Outcome> {
  const from = Date.now()
  if (live) process.stdout.write(`── ${name}\n`)
  const { code, output } = await run(command, live)
  const count = counts === 'tests' ? mochaCount(output, code) : itself(code)
  if (!live) process.stdout.write(output)
  process.stdout.write(`── ${name}: ${count.failed === 0 ? 'ok' : 'FAILED'} in ${((Date.now() - from) / 1000).toFixed(1)} s\n`)
  return { ...count, name, output }
}

/** In a process group of its own, so that all of it can be ended: also the apiservers that a test runs beside itself. */
function run([command = '', ...args]: readonly string[], live: boolean): Promise<{ code: number; output: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'], detached: true })
    const end = () => process.kill(-(child.pid ?? 0), 'SIGTERM')
    stop.signal.addEventListener('abort', end, { once: true })
    let output = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text
      if (live) process.stdout.write(text)
    })
    child.on('error', reject).on('close', (code) => {
      stop.signal.removeEventListener('abort', end)
      resolve({ code: code ?? 1, output })
    })
  })
}
