// `npm test`: everything that must hold before a change lands. Ends with one line, `N passed, N failed`, and `, N skipped` if any were.
import { spawn } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { Refusal } from './setup/refusal.ts'
import { setUp } from './setup/set-up.ts'

type Step = { readonly name: string; readonly run: readonly string[]; readonly counts: 'tests' | 'itself' }
type Count = { readonly passed: number; readonly failed: number; readonly skipped: number }

const steps: readonly Step[] = [
  { name: 'types', run: ['tsc'], counts: 'itself' },
  { name: 'lint', run: ['eslint', '.'], counts: 'itself' },
  { name: 'unused code', run: ['knip'], counts: 'itself' },
  { name: 'generated files', run: ['node', 'hack/codegen.ts', '--check'], counts: 'itself' },
  { name: 'format', run: ['prettier', '--check', '--log-level', 'warn', '.'], counts: 'itself' },
  {
    name: 'unit',
    run: [
      'mocha',
      '--parallel',
      '--jobs',
      String(availableParallelism()),
      '--reporter',
      'dot',
      '{lib,crds,broker,operator,gateway,dns,fleet,cli,hack}/**/*.test.ts',
      'test/{,rig/}*.test.ts',
    ],
    counts: 'tests',
  },
  { name: 'end to end', run: ['mocha', '--reporter', 'spec', 'test/e2e/*.test.ts'], counts: 'tests' },
]

/** What `npm run verify` runs: the steps that look at the sources and start nothing. */
const chosen = process.argv.includes('--verify') ? steps.filter((s) => s.counts === 'itself') : steps

// First, so that a machine on which it cannot be proved says so before anything is tried.
if (chosen === steps) await prepare()

// Those that look at the sources share the machine; a test has it for itself.
const counts = await Promise.all(chosen.filter((s) => s.counts === 'itself').map((step) => take(step, 'quiet')))
for (const step of chosen.filter((s) => s.counts === 'tests')) counts.push(await take(step, 'shown'))
const sum = (of: keyof Count) => counts.reduce((all, count) => all + count[of], 0)
const total: Count = { passed: sum('passed'), failed: sum('failed'), skipped: sum('skipped') }
process.stdout.write(`${total.passed} passed, ${total.failed} failed${total.skipped === 0 ? '' : `, ${total.skipped} skipped`}\n`)
process.exitCode = total.failed === 0 ? 0 : 1

/** `quiet` shows what a step printed when it has ended. */
async function take(step: Step, how: 'quiet' | 'shown'): Promise<Count> {
  const from = Date.now()
  if (how === 'shown') process.stdout.write(`── ${step.name}\n`)
  const { code, output } = await run(step.run, how)
  const count = step.counts === 'tests' ? mochaCount(output, code) : { passed: +(code === 0), failed: +(code !== 0), skipped: 0 }
  if (how === 'quiet') process.stdout.write(output)
  process.stdout.write(
    `── ${step.name}: ${count.failed === 0 ? 'ok' : 'FAILED'} in ${((Date.now() - from) / 1000).toFixed(1)} s\n`,
  )
  return count
}

/** Ends the program with exit code 2 and one sentence when this machine cannot run the tests. */
async function prepare(): Promise<void> {
  try {
    await setUp(new AbortController().signal)
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    process.stderr.write(`tombolo: ${error.message}\n`)
    process.exit(error.exitCode)
  }
}

/** Mocha's own summary; a run that ended badly without naming a failure counts as one. */
function mochaCount(output: string, code: number): Count {
  const number = (pattern: RegExp) => Number(pattern.exec(output)?.[1] ?? 0)
  const failed = number(/^\s*(\d+) failing/m)
  return {
    passed: number(/^\s*(\d+) passing/m),
    failed: code !== 0 && failed === 0 ? 1 : failed,
    skipped: number(/^\s*(\d+) pending/m),
  }
}

function run([command = '', ...args]: readonly string[], how: 'quiet' | 'shown'): Promise<{ code: number; output: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] })
    let output = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text
      if (how === 'shown') process.stdout.write(text)
    })
    child.on('error', reject).on('close', (code) => {
      resolve({ code: code ?? 1, output })
    })
  })
}
