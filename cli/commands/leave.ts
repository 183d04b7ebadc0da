// `tombolo leave`: takes a cluster out of its fleet and everything that carries traffic off its nodes. The operator, its rights and the
// CRDs stay, so that it can join another; its identity stays too, which gets it its addresses back. Uninstall takes all of these.
import { membership } from '#crds/membership.ts'
import { brokerSecretName, membershipName, pairKeysSecretName, systemNamespace } from '#crds/places.ts'
import { secrets } from '#lib/kube/kinds.ts'
import type { KubeObject } from '#lib/kube/object.ts'
import { readIdentity } from '#operator/joining/identity-secret.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { openCluster } from '../cluster/cluster.ts'
import { identityOf } from '../cluster/remove.ts'
import { notAMember } from '../cluster/membership.ts'
import { refused } from '../problem.ts'
import { leaveCluster } from '../uninstall/leave.ts'
import { forgetExports } from '../uninstall/member.ts'
import { withdrawItself } from '../uninstall/withdraw.ts'
import type { AddCommand, CommonOptions, DryRun, Session } from './command.ts'
import { commonOptions, dryRunOption, timeoutOption } from './command.ts'

type Options = CommonOptions & DryRun & { readonly yes?: true; readonly force?: true; readonly timeout: number }

const graceMs = 20_000
/** How long the broker may take to hear that the cluster leaves. */
const tellMs = 20_000

export const addLeave: AddCommand = (program, session) => {
  const command = program
    .command('leave')
    .summary('take a cluster out of its fleet')
    .description(
      'The broker is told, the other clusters drop what they have of this one, and its nodes are cleaned. The operator stays, so that\nit can join another fleet, and its identity, by which it gets its addresses back at once when it comes back by a new grant; tombolo\nuninstall takes these too. A broker that does not answer within 20 s holds nothing up: what it was not told is said, with what to type\nthere, and the exit code is 0. So it is where the cluster has left already. Running it again goes on where it stopped.',
    )
    .option('--yes', 'do not ask')
    .option('--force', 'go on without nodes that cannot be reached')
    .addOption(timeoutOption(180))
    .addHelpText(
      'after',
      `
Examples:
  tombolo leave --context east --dry-run
  tombolo leave --context east --yes`,
    )
    .action((options: Options) => run(options, session))
  commonOptions(dryRunOption(command), 'the cluster that leaves')
}

async function run(options: Options, { output, signal, confirm }: Session): Promise<void> {
  const { step } = output.progress
  await using cluster = await openCluster(options)
  const { kube, context } = cluster
  const found = await stateOf(cluster, signal)
  if (options.dryRun === true) {
    output.note(
      `# to be deleted in ${context}: with the Membership goes what the operator made of it; the broker drops the Member`,
    )
    output.manifests(found.objects.map(identityOf), options.output)
    return
  }
  if (found.state === 'Left') {
    output.result(
      `The cluster of context "${context}" has left: it is in no fleet. To come back: tombolo join --grant - --context ${context}.`,
      { context, state: 'Left', remains: [] },
      options.output,
      [],
    )
    return
  }
  const { clusterID } = found
  const name = clusterID === undefined ? 'The cluster' : `"${clusterID}"`
  if (options.yes !== true) {
    if (confirm === undefined) throw refused('Nobody can be asked whether to go on.', 'Say so beforehand: --yes.')
    if (!(await confirm(`Take ${clusterID === undefined ? 'the cluster' : name} (context ${context}) out of its fleet?`)))
      throw refused('Nothing was changed.', 'Run the command again to go on.')
  }
  const timeoutMs = options.timeout * 1000
  const told = await step('The broker is told', (say) => withdrawItself(cluster, Math.min(timeoutMs, tellMs), say, signal))
  const how = { timeoutMs, graceMs: Math.min(graceMs, timeoutMs), force: options.force === true }
  const left = await step(`Its nodes are cleaned`, (say) => leaveCluster(cluster, how, say, signal))
  await step('What ServiceExports say of themselves', () => forgetExports(cluster, signal))
  await step('Its credentials go', async () => {
    for (const secret of credentials) await kube.delete(secrets, secret, {}, signal)
  })
  const remains = [...(told ? [] : [onTheBroker(clusterID)]), ...left]
  const lines = remains.length === 0 ? [] : ['What remains:', ...remains.map((line) => `  ${line}`)]
  output.result(
    [`${name} has left its fleet.`, ...lines].map((text) => ({ text })),
    { context, ...(clusterID === undefined ? {} : { clusterID }), state: 'Left', remains },
    options.output,
    clusterID === undefined ? [] : [`member/${clusterID}`],
  )
}

const onTheBroker = (clusterID: string | undefined): string =>
  clusterID === undefined
    ? 'on the broker the Member of this cluster, if it was not told before: there tombolo show members, and tombolo revoke with its id'
    : `on the broker Member ${clusterID}, which could not be told: there tombolo revoke ${clusterID}`

const credentials = [brokerSecretName, pairKeysSecretName].map((name) => ({ namespace: systemNamespace, name }))

type Found = {
  readonly state: 'Member' | 'Left'
  /** Undefined where an interrupted run took the Membership away, which alone tells it, and left credentials. */
  readonly clusterID?: string
  /** What this command deletes, in its order. */
  readonly objects: readonly KubeObject[]
}

async function stateOf({ kube, context }: Cluster, signal: AbortSignal): Promise<Found> {
  const own = await kube.get(membership, { namespace: systemNamespace, name: membershipName }, signal)
  const held = (await Promise.all(credentials.map((key) => kube.get(secrets, key, signal)))).filter(
    (secret) => secret !== undefined,
  )
  if (own !== undefined) return { state: 'Member', clusterID: own.spec.clusterID, objects: [own, ...held] }
  if (held.length > 0) return { state: 'Member', objects: held }
  if ((await readIdentity(kube, signal)) !== undefined) return { state: 'Left', objects: [] }
  throw notAMember(context)
}
