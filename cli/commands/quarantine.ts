// `tombolo quarantine`: stops a member's routes and exports everywhere and keeps it where it can be seen.
import { member } from '#crds/member.ts'
import { brokerNamespace } from '#crds/places.ts'
import { isTrue } from '#lib/kube/conditions.ts'
import type { ClusterID } from '#lib/net/cluster-id.ts'
import { parseClusterID } from '#lib/net/cluster-id.ts'
import { fieldManager, openCluster } from '../cluster/cluster.ts'
import { readFleet } from '../cluster/fleet.ts'
import { readMemberOf } from '../cluster/member.ts'
import { until } from '../cluster/until.ts'
import type { AddCommand, CommonOptions, Session } from './command.ts'
import { checked, commonOptions, timeoutOption } from './command.ts'

type Options = CommonOptions & { readonly lift?: true; readonly timeout: number }

export const addQuarantine: AddCommand = (program, session) => {
  const command = program
    .command('quarantine')
    .summary('stop a member’s traffic and exports, and keep it visible')
    .description(
      'Every other cluster drops its cables to the member and what it exports; it stays in the lists and keeps its addresses.\nWith --lift it comes back as it was.',
    )
    .argument('<cluster-id>', 'the member', (text) => checked(parseClusterID(text)))
    .option('--lift', 'let it back')
    .addOption(timeoutOption(30))
    .addHelpText(
      'after',
      `
Examples:
  tombolo quarantine east --context hub
  tombolo quarantine east --lift --context hub`,
    )
    .action((id: ClusterID, options: Options) => run(id, options, session))
  commonOptions(command, 'the broker')
}

async function run(id: ClusterID, options: Options, { output, signal }: Session): Promise<void> {
  await using broker = await openCluster(options)
  await readFleet(broker, signal)
  await readMemberOf(broker, id, signal)
  const state = options.lift === true ? 'Admitted' : 'Quarantined'
  const key = { namespace: brokerNamespace, name: id }
  await output.progress.step(`"${id}" is ${options.lift === true ? 'let back' : 'put into quarantine'}`, async (say) => {
    // A field manager of its own: the broker controller applies the rest of the spec.
    const { metadata } = await broker.kube.patch(member, key, { spec: { state } }, { fieldManager }, signal)
    await until(
      {
        what: 'The broker controller passing it on',
        timeoutMs: options.timeout * 1000,
        remedy: `It is written down and goes on by itself. See: kubectl --context ${broker.context} -n ${brokerNamespace} logs deployment/tombolo-broker-controller.`,
        say,
      },
      async () => {
        const now = await broker.kube.get(member, key, signal)
        const isSeen = (now?.status?.observedGeneration ?? 0) >= (metadata.generation ?? 0)
        const isSo = isTrue(now?.status?.conditions, 'Ready') === (state === 'Admitted')
        return isSeen && isSo ? { done: true } : { waiting: 'the broker controller has not seen it yet' }
      },
      signal,
    )
  })
  output.result(
    options.lift === true
      ? `"${id}" takes part again.`
      : `Nothing of "${id}" is routed or imported in the other clusters any more.`,
    { clusterID: id, state },
    options.output,
    [`member/${id}`],
  )
}
