// `tombolo uninstall`: takes Tombolo off a cluster, or the broker. Every step finds what an interrupted run left, so the remedy
// for a broken run is the same command again; the result says what stays and why.
import { brokerNamespace } from '#crds/places.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { openCluster } from '../cluster/cluster.ts'
import { refused } from '../problem.ts'
import {
  brokerObjects,
  checkNoMembers,
  dropBroker,
  dropMembers,
  isBrokerClean,
  partOf as brokerPart,
  stopController,
  surveyBroker,
} from '../uninstall/broker.ts'
import { leaveCluster } from '../uninstall/leave.ts'
import type { MemberSurvey } from '../uninstall/member.ts'
import {
  forgetExports,
  forgetRollouts,
  isClean,
  memberObjects,
  partOf as memberPart,
  removeCRDs,
  removeOperator,
  surveyMember,
  unlabelGateways,
} from '../uninstall/member.ts'
import type { Registered } from '../uninstall/withdraw.ts'
import { findRegistered, withdraw, withdrawItself } from '../uninstall/withdraw.ts'
import { identityOf } from '../cluster/remove.ts'
import type { AddCommand, CommonOptions, DryRun, Session } from './command.ts'
import { commonOptions, dryRunOption, timeoutOption } from './command.ts'

type Options = CommonOptions &
  DryRun & {
    readonly broker?: true
    readonly brokerContext?: string
    readonly brokerKubeconfig?: string
    readonly yes?: true
    readonly force?: true
    readonly keepCrds?: true
    readonly timeout: number
  }

const graceMs = 20_000
/** How long the broker may take to hear that the cluster leaves. */
const tellMs = 20_000

export const addUninstall: AddCommand = (program, session) => {
  const command = program
    .command('uninstall')
    .summary('take Tombolo off a cluster')
    .description(
      'Takes a cluster out of its fleet and Tombolo off its nodes. Your Services and ServiceExports stay, and so does\nforwarding of packets on the nodes, which their other pods need. With --broker, removes the broker instead. Running it again goes on where it stopped.',
    )
    .option('--broker-context <name>', 'kubeconfig context of the broker, for a cluster that cannot tell it itself')
    .option('--broker-kubeconfig <file>', 'kubeconfig file of the broker cluster (default: that of the cluster)')
    .option('--broker', 'remove the broker from the cluster; refused while it has members')
    .option('--yes', 'do not ask')
    .option('--keep-crds', 'leave the CRDs, and with them the objects of their kinds that nothing else removes')
    .option('--force', 'go on without nodes that cannot be reached; with --broker, leave members behind')
    .addOption(timeoutOption(180))
    .addHelpText(
      'after',
      `
Examples:
  tombolo uninstall --context east
  tombolo uninstall --context east --broker-context hub    # its credentials are dead
  tombolo uninstall --context east --dry-run
  tombolo uninstall --context east --keep-crds             # to be joined again: ServiceExports stay
  tombolo uninstall --broker --context hub --yes`,
    )
    .action((options: Options) => (options.broker === true ? runBroker(options, session) : runMember(options, session)))
  commonOptions(dryRunOption(command))
}

async function runMember(options: Options, session: Session): Promise<void> {
  const { output, signal } = session
  const { step } = output.progress
  const timeoutMs = options.timeout * 1000
  const keep = options.keepCrds === true
  await using cluster = await openCluster(options)
  const { context } = cluster
  const seen = await step(`Looking at cluster ${context}`, () => surveyMember(cluster, signal))
  const survey = keep ? { ...seen, crds: [] } : seen
  await using elsewhere = await openBroker(options)
  const broker = elsewhere ?? (survey.isBroker ? cluster : undefined)
  const registered = broker === undefined ? nothing : await findRegistered(broker, survey.uid, signal)
  if (options.dryRun === true) {
    output.note(`# to be deleted: Members and JoinRequests on the broker, everything else in ${context}`)
    output.manifests(
      [...registered.requests, ...registered.members].map(identityOf).concat(memberObjects(survey)),
      options.output,
    )
    return
  }
  const id = survey.membership?.spec.clusterID ?? registered.members[0]?.spec.clusterID
  if (isClean(survey) && registered.members.length + registered.requests.length === 0) {
    output.result(
      `There is nothing of Tombolo in context "${context}"${keep ? ' but what --keep-crds leaves' : ''}.`,
      { context, removed: false, remains: [] },
      options.output,
      [],
    )
    return
  }
  await confirm(
    `Take cluster ${id === undefined ? '' : `"${id}" `}(context ${context}) out of its fleet and Tombolo off its nodes?`,
    options,
    session,
  )

  const remains: string[] = []
  if (broker !== undefined && registered.members.length + registered.requests.length > 0)
    remains.push(
      ...(await step(`The broker forgets ${id ?? 'the cluster'}`, (say) => withdraw(broker, registered, timeoutMs, say, signal))),
    )
  // A broker that does not answer must not keep anybody: whoever uninstalls has often something broken.
  const withdrew =
    broker !== undefined ||
    (await step('The broker is told', (say) => withdrawItself(cluster, Math.min(timeoutMs, tellMs), say, signal)))
  const how = { timeoutMs, graceMs: Math.min(graceMs, timeoutMs), force: options.force === true }
  remains.push(
    ...(await step(`Tombolo leaves the nodes of ${context}`, (say) => leaveCluster(cluster, how, say, signal))),
    ...(await step('Gateway labels', () => unlabelGateways(cluster, signal))),
  )
  await step('Operator, rights, namespace', (say) => removeOperator(cluster, say, signal))
  remains.push(...(await step('Former pods of the cluster DNS', () => forgetRollouts(cluster, signal))))
  await step('What ServiceExports say of themselves', () => forgetExports(cluster, signal))
  remains.push(...(await step('CRDs', (say) => removeCRDs(cluster, memberPart(survey), keep, say, signal))))
  if (!withdrew) remains.push(...onTheBroker(survey, context))
  report(
    `cluster/${context}`,
    `Tombolo is gone from context "${context}".`,
    { context, ...(id === undefined ? {} : { clusterID: id }) },
    remains,
    options,
    session,
  )
}

const nothing: Registered = { members: [], requests: [] }

async function openBroker(options: Options): Promise<Cluster | undefined> {
  if (options.brokerContext === undefined && options.brokerKubeconfig === undefined) return undefined
  return openCluster({ context: options.brokerContext, kubeconfig: options.brokerKubeconfig ?? options.kubeconfig })
}

/** What nobody without the broker's credentials can remove. An interrupted run may have removed what tells the id. */
function onTheBroker({ membership, broker }: MemberSurvey, context: string): readonly string[] {
  const where = broker === undefined ? 'on the broker' : `on the broker (${broker})`
  const by = `tombolo uninstall --context ${context} --broker-context BROKER`
  if (membership === undefined) return [`${where} what it has of this cluster, if that was not removed yet: ${by}`]
  const id = membership.spec.clusterID
  return [
    `${where} Member ${id} with its namespace, and its addresses are kept from others: ${by}, or there kubectl -n ${brokerNamespace} delete member ${id}`,
  ]
}

async function runBroker(options: Options, session: Session): Promise<void> {
  const { output, signal } = session
  const { step } = output.progress
  if (options.brokerContext !== undefined || options.brokerKubeconfig !== undefined)
    throw refused(
      '--broker removes the broker in the cluster that --context names.',
      'Leave --broker-context and --broker-kubeconfig out.',
    )
  const keep = options.keepCrds === true
  await using cluster = await openCluster(options)
  const { context } = cluster
  const seen = await step(`Looking at broker ${context}`, () => surveyBroker(cluster, signal))
  const survey = keep ? { ...seen, crds: [] } : seen
  checkNoMembers(survey, context, options.force === true)
  if (options.dryRun === true) {
    output.note(`# to be deleted in ${context}:`)
    output.manifests(brokerObjects(survey), options.output)
    return
  }
  if (isBrokerClean(survey)) {
    output.result(`There is no broker in context "${context}".`, { context, removed: false, remains: [] }, options.output, [])
    return
  }
  await confirm(`Remove the broker in context ${context}?`, options, session)
  const left = survey.members.map(
    ({ metadata }) => `member ${metadata.name}, which goes on with what it knows: tombolo uninstall there`,
  )
  await step('The broker controller stops', (say) => stopController(cluster, say, signal))
  await step('Members and their accounts', (say) => dropMembers(cluster, survey, say, signal))
  await step('Rights, policies, namespaces', (say) => dropBroker(cluster, say, signal))
  const stay = await step('CRDs', (say) => removeCRDs(cluster, brokerPart(survey), keep, say, signal))
  report(`broker/${context}`, `The broker is gone from context "${context}".`, { context }, [...left, ...stay], options, session)
}

async function confirm(question: string, { yes }: Options, session: Session): Promise<void> {
  if (yes === true) return
  if (session.confirm === undefined) throw refused('Nobody can be asked whether to go on.', 'Say so beforehand: --yes.')
  if (!(await session.confirm(question))) throw refused('Nothing was changed.', 'Run the command again to go on.')
}

function report(
  name: string,
  text: string,
  facts: Readonly<Record<string, unknown>>,
  remains: readonly string[],
  { output: format }: Options,
  { output }: Session,
): void {
  const lines = remains.length === 0 ? [] : ['What remains:', ...remains.map((line) => `  ${line}`)]
  output.result(
    [text, ...lines].map((said) => ({ text: said })),
    { ...facts, removed: true, remains },
    format,
    [name],
  )
}
