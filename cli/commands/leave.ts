// `tombolo leave`: takes a cluster out of its fleet and everything that carries traffic off its nodes. The operator, its rights and the
// CRDs stay, so that it can join another; uninstall takes these too.
import { membership } from '#crds/membership.ts'
import { brokerSecretName, identitySecretName, membershipName, pairKeysSecretName, systemNamespace } from '#crds/places.ts'
import { secrets } from '#lib/kube/kinds.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { openCluster } from '../cluster/cluster.ts'
import { notAMember } from '../cluster/membership.ts'
import { refused } from '../problem.ts'
import { leaveCluster } from '../uninstall/leave.ts'
import { forgetExports } from '../uninstall/member.ts'
import { withdrawItself } from '../uninstall/withdraw.ts'
import type { AddCommand, CommonOptions, Session } from './command.ts'
import { commonOptions, timeoutOption } from './command.ts'

type Options = CommonOptions & { readonly yes?: true; readonly force?: true; readonly timeout: number }

const graceMs = 20_000
const tellMs = 20_000

export const addLeave: AddCommand = (program, session) => {
  const command = program
    .command('leave')
    .summary('take a cluster out of its fleet')
    .description(
      'The broker is told, the other clusters drop what they have of this one, and its nodes are cleaned. The operator stays, so that\nit can join another fleet; tombolo uninstall takes that off too. Running it again goes on where it stopped.',
    )
    .option('--yes', 'do not ask')
    .option('--force', 'go on without nodes that cannot be reached')
    .addOption(timeoutOption(180))
    .addHelpText(
      'after',
      `
Examples:
  tombolo leave --context east
  tombolo leave --context east --yes`,
    )
    .action((options: Options) => run(options, session))
  commonOptions(command, 'the cluster that leaves')
}

async function run(options: Options, { output, signal, confirm }: Session): Promise<void> {
  const { step } = output.progress
  await using cluster = await openCluster(options)
  const { kube, context } = cluster
  const clusterID = await idOf(cluster, signal)
  if (options.yes !== true) {
    if (confirm === undefined) throw refused('Nobody can be asked whether to go on.', 'Say so beforehand: --yes.')
    if (!(await confirm(`Take "${clusterID}" (context ${context}) out of its fleet?`)))
      throw refused('Nothing was changed.', 'Run the command again to go on.')
  }
  const timeoutMs = options.timeout * 1000
  const told = await step('The broker is told', (say) => withdrawItself(cluster, Math.min(timeoutMs, tellMs), say, signal))
  const how = { timeoutMs, graceMs: Math.min(graceMs, timeoutMs), force: options.force === true }
  const left = await step(`Its nodes are cleaned`, (say) => leaveCluster(cluster, how, say, signal))
  await step('What ServiceExports say of themselves', () => forgetExports(cluster, signal))
  await step('Its credentials and keys go', async () => {
    for (const name of secretsOfMember) await kube.delete(secrets, { namespace: systemNamespace, name }, {}, signal)
  })
  const remains = [
    ...(told ? [] : [`on the broker Member ${clusterID}, which could not be told: there tombolo revoke ${clusterID}`]),
    ...left,
  ]
  const lines = remains.length === 0 ? [] : ['What remains:', ...remains.map((line) => `  ${line}`)]
  output.result(
    [`"${clusterID}" has left its fleet.`, ...lines].join('\n'),
    { context, clusterID, left: true, remains },
    options.output,
  )
}

const secretsOfMember = [brokerSecretName, identitySecretName, pairKeysSecretName]

/** An interrupted run may have taken the Membership away, or the operator after it, and left credentials and keys: that is gone on with. */
async function idOf({ kube, context }: Cluster, signal: AbortSignal): Promise<string> {
  const own = await kube.get(membership, { namespace: systemNamespace, name: membershipName }, signal)
  if (own !== undefined) return own.spec.clusterID
  const held = await Promise.all(secretsOfMember.map((name) => kube.get(secrets, { namespace: systemNamespace, name }, signal)))
  if (held.every((secret) => secret === undefined)) throw notAMember(context)
  return context
}
