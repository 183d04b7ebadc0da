// `npm run playground`: clusters that are joined, a service exported from the first, and the proof that a pod of another reaches it.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander'
import { cableDrivers } from '#crds/fields.ts'
import { liveRigs, sweepDead } from '#test/rig/find.ts'
import type { Rig } from '#test/rig/rig.ts'
import { attachTo, startRig } from '#test/rig/rig.ts'
import { clustersOf, most } from '#test/rig/spec.ts'
import { infoOf, nextSteps } from './playground/info.ts'
import { buildFleet, patience, prove } from './playground/up.ts'
import { sayOnStderr } from './setup/progress.ts'
import { programPath } from './setup/programs.ts'
import { messageOf, Refusal } from './setup/refusal.ts'

const purpose = 'playground'
const stop = new AbortController()
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(name, () => stop.abort())

async function main(args: readonly string[]): Promise<number> {
  const program = new Command('npm run playground --')
    .description('Whole Kubernetes clusters on this machine, joined by Tombolo.')
    .addHelpText(
      'after',
      `
Examples:
  npm run playground
  npm run playground -- --clusters 3 --nodes 1
  npm run playground -- --cable ipsec
  npm run playground -- kubectl west get serviceimports -A
  npm run playground -- exec east east-1 -- ip route show table 7300
  npm run playground -- down`,
    )
    .configureHelp({ showGlobalOptions: true })
    .exitOverride()
    .enablePositionalOptions()
  let code = 0
  program
    .command('up', { isDefault: true })
    .description('start it, or say that it is up; it stays until `down`')
    .option('--clusters <n>', `how many clusters, 2 to ${most.clusters}`, count(2, most.clusters), 2)
    .option('--nodes <n>', `how many nodes each, 1 to ${most.nodes}`, count(1, most.nodes), 2)
    .option('--cable <kinds>', `kinds of cables, the best first: ${cableDrivers.join(', ')}`, kinds, 'wireguard')
    .option('--once', 'prove that it works, then take it down')
    .action((options: Shape & { readonly once?: true }) => (options.once === true ? proveOnce(options) : up(options)))
  program
    .command('status')
    .description('show the fleet, and prove again that it works')
    .action(async () => print([...(await prove(running(), patience.up, stop.signal))]))
  program
    .command('kubectl')
    .description('kubectl in a cluster')
    .argument('<cluster>')
    .argument('[args...]')
    .passThroughOptions()
    .allowUnknownOption()
    .action(async (cluster: string, rest: readonly string[]) => {
      code = await hand([programPath('kubectl'), '--kubeconfig', running().cluster(cluster).kubeconfig, ...rest])
    })
  program
    .command('exec')
    .description('a program on a node, as root')
    .argument('<cluster>')
    .argument('<node>', 'its name, or its number from 1')
    .argument('<command...>')
    .passThroughOptions()
    .action(async (cluster: string, node: string, command: readonly string[]) => {
      const at = running()
        .cluster(cluster)
        .node(/^\d+$/.test(node) ? Number(node) : node)
      code = await hand(at.enter(command[0] === '--' ? command.slice(1) : command))
    })
  program
    .command('info')
    .description('what it is made of, as JSON')
    .addOption(new Option('-o, --output <format>', 'how to print').choices(['json']).default('json'))
    .action(() => print([JSON.stringify(infoOf(running()), null, 2)]))
  program.command('down').description('take it off the machine, with whatever dead runs left').action(down)
  try {
    const [named] = args
    // Its default command would take another word for an argument too many.
    if (named !== undefined && !named.startsWith('-') && !program.commands.some((c) => c.name() === named) && named !== 'help')
      program.error(`error: there is no ${named}: there are ${program.commands.map((c) => c.name()).join(', ')}`)
    await program.parseAsync(args, { from: 'user' })
    return code
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
    if (stop.signal.aborted) {
      const starts = !program.commands.some((c) => c.name() === args[0]) || args[0] === 'up'
      sayOnStderr(starts ? 'interrupted; nothing of it is left' : 'interrupted')
      return 130
    }
    if (error instanceof Refusal) {
      sayOnStderr(`tombolo: ${error.message}`)
      return error.exitCode
    }
    sayOnStderr(`tombolo: ${messageOf(error)}`)
    return 1
  }
}

type Shape = { readonly clusters: number; readonly nodes: number; readonly cable: string }

async function up(shape: Shape): Promise<void> {
  const there = running(false)
  if (there !== undefined) {
    sayOnStderr(`the playground is up already (${there.clusters.map(({ id }) => id).join(', ')}); \`down\` ends it`)
    print([...(await prove(there, patience.up, stop.signal)), '', nextSteps(there)])
    return
  }
  const { rig, lines } = await start(shape)
  rig.keep()
  print([...lines, '', nextSteps(rig)])
}

async function proveOnce(shape: Shape): Promise<void> {
  const { rig, lines } = await start(shape)
  print(lines)
  await rig.down()
}

/** The rig with the fleet on it, and the proof. Nothing but logs is left of it when that fails. */
async function start({ clusters, nodes, cable }: Shape): Promise<{ readonly rig: Rig; readonly lines: readonly string[] }> {
  const began = performance.now()
  const say = (line: string) => sayOnStderr(`${((performance.now() - began) / 1000).toFixed(1).padStart(6)} s  ${line}`)
  const rig = await startRig({ ...clustersOf(clusters, { nodes }), purpose }, { signal: stop.signal })
  try {
    say(`clusters ${rig.clusters.map(({ id }) => id).join(', ')} with ${nodes} node${nodes === 1 ? '' : 's'} each`)
    await buildFleet(rig, cable, say, stop.signal)
    return { rig, lines: await prove(rig, patience.new, stop.signal) }
  } catch (error) {
    throw new Error(`the fleet did not come up; the logs are in ${await rig.fail()}`, { cause: error })
  }
}

async function down(): Promise<void> {
  const rigs = playgrounds()
  for (const record of rigs) await attachTo(record).down()
  const swept = await sweepDead(new AbortController().signal)
  sayOnStderr(rigs.length + swept.length === 0 ? 'there was nothing to take down' : 'the playground is gone')
}

const playgrounds = () => liveRigs().filter(({ spec, owner }) => spec.purpose === purpose && owner === null)

function running(): Rig
function running(must: false): Rig | undefined
function running(must = true): Rig | undefined {
  const record = playgrounds().at(-1)
  if (record !== undefined) return attachTo(record)
  if (must) throw new Error('there is no playground: start one with npm run playground')
  return undefined
}

function print(lines: readonly string[]): void {
  process.stdout.write(`${lines.join('\n')}\n`)
}

/** Hands the terminal to a program; its exit code. */
async function hand([program = '', ...args]: readonly string[]): Promise<number> {
  const child = spawn(program, args, { stdio: 'inherit' })
  const [code] = (await once(child, 'exit')) as [number | null]
  return code ?? 1
}

const count = (least: number, most: number) => (text: string) => {
  const n = Number(text)
  if (!Number.isInteger(n) || n < least || n > most) throw new InvalidArgumentError(`a number from ${least} to ${most}.`)
  return n
}

const kinds = (text: string) => {
  const unknown = text.split(',').find((kind) => !cableDrivers.some((driver) => driver === kind))
  if (unknown !== undefined)
    throw new InvalidArgumentError(`there is no "${unknown}": name ${cableDrivers.join(' or ')}, or both with a comma.`)
  return text
}

process.exitCode = await main(process.argv.slice(2))
