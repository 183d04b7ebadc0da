// `tombolo why`: why a pod does not reach a service, an address or a pod of another cluster. Reads, sends something small, changes nothing.
import { systemNamespace } from '#crds/places.ts'
import { parseDestination, parseSource } from '#fleet/why/asked.ts'
import type { Place } from '#fleet/why/gather.ts'
import { gather } from '#fleet/why/gather.ts'
import { walk } from '#fleet/why/path.ts'
import { exec } from '#lib/kube/exec.ts'
import type { Result } from '#lib/std/result.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { openCluster } from '../cluster/cluster.ts'
import { failed, refused } from '../problem.ts'
import { linesOf } from '../why/render.ts'
import type { AddCommand, CommonOptions, Session } from './command.ts'
import { commonOptions, objectName } from './command.ts'

type Options = CommonOptions & { readonly toContext?: string; readonly namespace?: string; readonly probe: boolean }

export const addWhy: AddCommand = (program, session) => {
  const command = program
    .command('why')
    .summary('say why a pod does not reach a service or pod of another cluster')
    .description(
      'Walks the way from a pod to a service, an address or a pod of another cluster, and says the first thing that breaks and what to type.\nSends a DNS question and a TCP connection from the node of the pod. Exit code 0 when it is reached, 1 when not.',
    )
    .argument('<source>', 'NAMESPACE/POD, or pod/NAME with -n')
    .argument('<destination>', 'SERVICE.NAMESPACE, an IP, or CLUSTER/NAMESPACE/POD; with :PORT if need be')
    .option('-n, --namespace <name>', 'namespace of the source (default: that of the context)', objectName)
    .option(
      '--to-context <name>',
      'kubeconfig context of the destination’s cluster: looks there too, not only at what it publishes',
    )
    .option('--no-probe', 'judge by what is known and send nothing')
    .addHelpText(
      'after',
      `
Examples:
  tombolo why shop/client web.shop --context west
  tombolo why shop/client web.shop:8080 --context west --to-context east
  tombolo why pod/client -n shop 10.241.1.5:8080 --context west
  tombolo why shop/client east/shop/web-0:8080 --context west --to-context east -o json | jq .first`,
    )
    .action((source: string, destination: string, options: Options) => run(source, destination, options, session))
  commonOptions(command, 'the source’s cluster')
}

async function run(from: string, to: string, options: Options, { output, signal }: Session): Promise<void> {
  const { destination, port } = understood(parseDestination(to))
  if (destination.kind === 'pod' && options.toContext === undefined)
    throw refused(
      'The address of a pod is known in its own cluster alone.',
      'Name that cluster with --to-context, or give the address of the pod.',
    )
  await using near = await openCluster(options)
  const source = understood(parseSource(from, options.namespace ?? near.namespace))
  await using far =
    options.toContext === undefined
      ? undefined
      : await openCluster({ kubeconfig: options.kubeconfig, context: options.toContext })
  const asked = { source, destination, port }
  const facts = await gather(asked, placeOf(near), far === undefined ? undefined : placeOf(far), options.probe, signal)
  const verdict = walk(facts)
  const name = `pod ${source.namespace}/${source.name}`
  output.result(
    linesOf(verdict, name, to),
    { context: near.context, source, destination, port, ...verdict },
    options.output,
    verdict.steps.map(({ at }) => `station/${at.replaceAll(' ', '-')}`),
  )
  if (verdict.reachable === 'no')
    throw failed(`${name} does not reach ${to}.`, 'The first line with ✗ above says where it breaks, the last one what to type.')
  if (verdict.reachable === 'unproven' && options.probe)
    throw failed(`It is not shown that ${name} reaches ${to}.`, 'The lines with ? above say what could not be tried.')
}

function understood<T>(result: Result<T>): T {
  if (result.ok) return result.value
  throw refused(`The ${result.error.field} "${result.error.value}" is not understood.`, `Write it as ${result.error.want}.`)
}

const limits = { ms: 4000, mostBytes: 4 << 20 }

const placeOf = ({ context, kube, connection }: Cluster): Place => ({
  context,
  kube,
  runInAgent: async (pod, command, signal) => {
    const where = { namespace: systemNamespace, pod, container: 'agent', command }
    const { stdout, stderr, exitCode } = await exec(connection, where, limits, signal)
    if (exitCode !== 0) throw new Error(stderr.trim().split('\n')[0] ?? `exit code ${exitCode}`)
    return stdout
  },
})
