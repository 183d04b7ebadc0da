// `npm run conformance -- --suite PATH`: upstream's conformance suite of the Multi-Cluster Services API, unchanged, on clusters with
// Tombolo. The suite is no part of this repository; what of it we hold to in every test run is test/e2e/conformance.
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { Command, CommanderError } from 'commander'
import { Problem, refused } from '#cli/problem.ts'
import { explain } from '#lib/std/result.ts'
import { fleetOf } from '#test/kit/fleet.ts'
import { startRig } from '#test/rig/rig.ts'
import { twoClusters } from '#test/rig/spec.ts'
import { LeftBehind, openMembers } from './conformance/members.ts'
import type { Asked, Contexts, Plan } from './conformance/plan.ts'
import { howToGetSuite, planOf } from './conformance/plan.ts'
import type { Played } from './conformance/play.ts'
import { play } from './conformance/play.ts'
import { linesOf } from './conformance/report.ts'
import type { Suite } from './conformance/suite.ts'
import { buildSuite, findSuite, imagesNotIn, versionOf } from './conformance/suite.ts'
import { cachePath } from './setup/cache.ts'
import { suiteImages } from './setup/image/base.ts'
import { sayOnStderr } from './setup/progress.ts'
import { messageOf, Refusal } from './setup/refusal.ts'

const stop = new AbortController()
for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => stop.abort())
const began = performance.now()
const say = (line: string) => sayOnStderr(`${((performance.now() - began) / 1000).toFixed(1).padStart(6)} s  ${line}`)

async function main(args: readonly string[]): Promise<number> {
  let code = 0
  const program = new Command('npm run conformance --')
    .description("Runs upstream's conformance suite of the Multi-Cluster Services API on clusters with Tombolo.")
    .option('--suite <path>', howToGetSuite)
    .option('--contexts <names>', 'members of one fleet, such as east,west; the first exports (default: two clusters made here)')
    .option('--kubeconfig <file>', 'where these contexts are (default: $KUBECONFIG, then ~/.kube/config)')
    .option('--report <file>', 'keep the report, as .yaml or .html; may be given twice', (file, all?: readonly string[]) => [
      ...(all ?? []),
      file,
    ])
    .option('--focus <regexp>', 'only specs whose text it matches, as ginkgo reads it')
    .addHelpText(
      'after',
      `
Examples:
  git clone https://github.com/kubernetes-sigs/mcs-api
  npm run conformance -- --suite mcs-api --report report.yaml
  npm run conformance -- --suite mcs-api --contexts east,west
  npm run conformance -- --suite mcs-api --focus 'DNS SRV query'

Without --contexts it needs root, and what npm run playground needs. Nothing stays in the clusters, also after Ctrl-C.

Exit codes:
  0    every spec that was chosen passed
  1    one did not, or something broke on the way
  2    wrong usage, or something is missing: the message says what to do
  3    an apiserver was not reached
  130  interrupted`,
    )
    .exitOverride()
    .action(async (asked: Asked) => {
      code = await conform(checked(asked))
    })
  try {
    await program.parseAsync(args, { from: 'user' })
    return code
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
    if (stop.signal.aborted && !(error instanceof LeftBehind)) {
      sayOnStderr('interrupted; nothing of it is left')
      return 130
    }
    if (error instanceof Problem) {
      sayOnStderr(`tombolo: ${error.message}\n  ${error.remedy}`)
      return error.exitCode
    }
    sayOnStderr(`tombolo: ${messageOf(error)}`)
    return error instanceof Refusal ? error.exitCode : 1
  }
}

function checked(asked: Asked): Plan {
  const plan = planOf(asked)
  if (!plan.ok) throw refused(explain(plan.error), 'npm run conformance -- --help has examples.')
  // Now, and not when the suite has run.
  for (const { file } of plan.value.reports)
    if (!existsSync(dirname(file))) throw refused(`There is no folder ${dirname(file)} for the report.`, 'Make it first.')
  return plan.value
}

async function conform(plan: Plan): Promise<number> {
  const suite = findSuite(plan.suite)
  say(`the suite is ${(await versionOf(suite, stop.signal)) ?? suite.path}`)
  const { played, logs } = await (plan.on.kind === 'rig' ? onRig(plan, suite) : onContexts(plan, plan.on, suite))
  if (played.verdict === 'nothing') throw refused('No spec was chosen.', `--focus ${plan.focus ?? ''} matches no text of one.`)
  process.stdout.write(`${linesOf(played.report).join('\n')}\n`)
  if (logs !== undefined) {
    mkdirSync(logs, { recursive: true })
    writeFileSync(join(logs, 'suite.log'), played.said)
    sayOnStderr(`what the suite said is in ${join(logs, 'suite.log')}`)
  }
  return played.verdict === 'passed' ? 0 : 1
}

/** `logs`: where to keep what explains a failure; undefined where there was none. */
type Outcome = { readonly played: Played; readonly logs: string | undefined }

async function onContexts(plan: Plan, contexts: Contexts, suite: Suite): Promise<Outcome> {
  await using members = await openMembers(contexts, stop.signal)
  const played = await play(await buildSuite(suite, say, stop.signal), members, plan, say, stop.signal)
  return { played, logs: played.verdict === 'failed' ? cachePath('logs', `conformance-${process.pid}`) : undefined }
}

async function onRig(plan: Plan, suite: Suite): Promise<Outcome> {
  const program = await buildSuite(suite, say, stop.signal)
  const missing = imagesNotIn(program, suiteImages)
  if (missing.length > 0)
    throw refused(
      `This suite does not ask for ${missing.join(' and ')}, so it asks for images that the rig has not.`,
      'Take a suite that does (v0.5.0 of mcs-api), or give --contexts of clusters that can pull images.',
    )
  const rig = await startRig(
    { ...twoClusters({ families: ['IPv4', 'IPv6'] }), purpose: 'conformance' },
    { say, signal: stop.signal },
  )
  try {
    const fleet = fleetOf(rig, stop.signal)
    await fleet.deployBroker()
    await Promise.all(rig.clusters.map((cluster) => fleet.join(cluster)))
    const names = rig.clusters.map(({ id }) => id)
    say(`${names.join(' and ')} joined`)
    await using members = await openMembers({ names, kubeconfig: rig.kubeconfig }, stop.signal)
    const played = await play(program, members, plan, say, stop.signal)
    if (played.verdict === 'failed') return { played, logs: await rig.fail() }
    await rig.down()
    return { played, logs: undefined }
  } catch (error) {
    throw new Error(`the suite did not come to its end; the logs are in ${await rig.fail()}`, { cause: error })
  }
}

process.exitCode = await main(process.argv.slice(2))
