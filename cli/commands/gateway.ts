// `tombolo gateway drain`, `uncordon` and `rotate-key`: takes a gateway's node out of service without losing a packet, and puts it back.
// What is asked for stands as a label on the Node, beside the one that makes it a gateway: there it outlives every pod, and goes with the
// node. That another key is wanted stands on the GatewayEndpoint, which is the gateway's own.
import { gatewayEndpoint } from '#crds/gateway-endpoint.ts'
import { gatewayDrainedLabel, gatewayEndpointName, rotateKeyAnnotation, systemNamespace } from '#crds/places.ts'
import { takeSnapshot } from '#fleet/snapshot.ts'
import type { MemberView, Snapshot } from '#fleet/snapshot.ts'
import { stateOf } from '#fleet/rows/gateways.ts'
import { nodes } from '#lib/kube/kinds.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { fieldManager, openCluster } from '../cluster/cluster.ts'
import { notAMember } from '../cluster/membership.ts'
import type { Say } from '../cluster/until.ts'
import { until } from '../cluster/until.ts'
import { drained, gatewayNode, objection } from '../gateway/drain.ts'
import { refused } from '../problem.ts'
import { ownOn, reachedBy, renewed } from '../rotation/node-key.ts'
import type { AddCommand, CommonOptions, DryRun, Session } from './command.ts'
import { commonOptions, dryRunOption, timeoutOption } from './command.ts'

type Options = CommonOptions & DryRun & { readonly timeout: number }
type DrainOptions = Options & { readonly force?: true }

export const addGateway: AddCommand = (program, session) => {
  const group = program
    .command('gateway')
    .summary('take a gateway out of service without loss, and put it back')
    .description('Takes a gateway node out of service, and puts it back. tombolo show gateways lists them.')
    .addHelpText('after', '\nExample:\n  tombolo gateway drain east-1 --context east')
  const drain = group
    .command('drain')
    .summary('hand the lead over, and take it no more')
    .description(
      'If the gateway on this node leads, another one takes over first; no packet is lost by it. Then the node can be rebooted or its pod\ndeleted without anybody feeling it: it takes the lead no more, also after a restart, until tombolo gateway uncordon. Its cables stay.',
    )
    .argument('<node>', 'the node of the gateway')
    .option('--force', 'also where no other gateway can take over')
    .addOption(timeoutOption(30))
    .addHelpText(
      'after',
      `
Examples:
  tombolo gateway drain east-1 --context east
  tombolo gateway drain east-1 --context east --dry-run`,
    )
    .action((node: string, options: DrainOptions) => runDrain(node, options, session))
  const uncordon = group
    .command('uncordon')
    .summary('let a drained gateway lead again')
    .description('Undoes tombolo gateway drain: from now on it takes over where it is needed. The lead stays where it is.')
    .argument('<node>', 'the node of the gateway')
    .addOption(timeoutOption(30))
    .addHelpText('after', '\nExample:\n  tombolo gateway uncordon east-1 --context east')
    .action((node: string, options: Options) => runUncordon(node, options, session))
  const rotate = group
    .command('rotate-key')
    .summary('give a gateway another WireGuard key')
    .description(
      'The gateway on this node makes itself another WireGuard key and begins anew with it. If it leads, another one takes over first, as when\nit is drained, and no packet is lost; it may lead again when its cables are there with the new key. The old key is gone for good.\nFor all gateways of a cluster, give one after another.',
    )
    .argument('<node>', 'the node of the gateway')
    .option('--force', 'also where no other gateway can take over: then nothing passes until other clusters have the new key')
    .addOption(timeoutOption(90))
    .addHelpText(
      'after',
      `
Examples:
  tombolo gateway rotate-key east-1 --context east
  tombolo gateway rotate-key east-1 --context east --dry-run`,
    )
    .action((node: string, options: DrainOptions) => runRotateKey(node, options, session))
  for (const command of [drain, uncordon, rotate]) commonOptions(dryRunOption(command))
}

async function runDrain(node: string, options: DrainOptions, { output, signal }: Session): Promise<void> {
  await using cluster = await openCluster(options)
  const { snapshot, member } = await survey(cluster, node, signal)
  const before = factOf(snapshot, node)
  const against = objection(member, snapshot, node, cluster.context)
  if (against !== undefined && before?.drained !== true && options.force !== true) throw against
  const label = { [gatewayDrainedLabel]: 'true' }
  if (options.dryRun === true) {
    output.manifests([bare(node, label)], options.output)
    return
  }
  const active = await output.progress.step(`"${node}" hands over`, async (say) => {
    await cluster.kube.patch(nodes, { name: node }, { metadata: { labels: label } }, { fieldManager }, signal)
    return waitFor(cluster, options, say, (now) => drained(now, node, against === undefined), 'Handing over', signal)
  })
  const leader = active?.spec.node
  const says =
    leader === undefined ? 'No gateway leads.' : leader === node ? 'It leads until another one can.' : `"${leader}" leads.`
  output.result(
    `"${node}" ${before?.drained === true ? 'was drained already' : 'is drained'}. ${says} It takes the lead no more until: tombolo gateway uncordon ${node} --context ${cluster.context}.`,
    { context: cluster.context, node, state: 'Drained', ...(leader === undefined ? {} : { active: leader }) },
    options.output,
    [`node/${node}`],
  )
}

async function runUncordon(node: string, options: Options, { output, signal }: Session): Promise<void> {
  await using cluster = await openCluster(options)
  const { snapshot } = await survey(cluster, node, signal)
  const before = factOf(snapshot, node)
  if (options.dryRun === true) {
    output.note(`# label ${gatewayDrainedLabel} goes from`)
    output.manifests([bare(node)], options.output)
    return
  }
  await output.progress.step(`"${node}" is put back`, async (say) => {
    await cluster.kube.patch(
      nodes,
      { name: node },
      { metadata: { labels: { [gatewayDrainedLabel]: null } } },
      { fieldManager },
      signal,
    )
    const seen = ({ gateways, running }: MemberView) => {
      const own = gateways.find((g) => g.spec.node === node)
      const done = own === undefined || !running.includes(node) || stateOf(own) !== 'Drained'
      return done ? { done: undefined } : { waiting: `the gateway on ${node} has not seen it yet` }
    }
    await waitFor(cluster, options, say, seen, 'Putting it back', signal)
  })
  if (before?.cordoned === true)
    output.warn(`node ${node} itself is cordoned, and its gateway leads only while no other one can: kubectl uncordon ${node}`)
  output.result(
    `"${node}" ${before?.drained === true ? 'may lead again' : 'was not drained'}.`,
    { context: cluster.context, node, state: before?.cordoned === true ? 'Cordoned' : 'InService' },
    options.output,
    [`node/${node}`],
  )
}

async function runRotateKey(node: string, options: DrainOptions, { output, signal }: Session): Promise<void> {
  await using cluster = await openCluster(options)
  const { snapshot, member } = await survey(cluster, node, signal)
  const against = objection(member, snapshot, node, cluster.context)
  if (against !== undefined && options.force !== true) throw against
  const key = { namespace: systemNamespace, name: gatewayEndpointName(member.membership.spec.clusterID, node) }
  const annotations = { [rotateKeyAnnotation]: new Date().toISOString() }
  if (options.dryRun === true) {
    const { apiVersion, kind } = gatewayEndpoint
    output.manifests([{ apiVersion, kind, metadata: { ...key, annotations } }], options.output)
    return
  }
  const own = ownOn(member, node)
  if (own === undefined || !member.running.includes(node))
    throw refused(
      `No gateway runs on "${node}" that could make itself a key.`,
      `tombolo show gateways --context ${cluster.context}`,
    )
  const before = { publicKey: own.spec.wireguard.publicKey, reached: reachedBy(own) }
  const active = await output.progress.step(`"${node}" begins anew with another key`, async (say) => {
    await cluster.kube.patch(gatewayEndpoint, key, { metadata: { annotations } }, { fieldManager }, signal)
    return waitFor(cluster, options, say, (now) => renewed(now, node, before), 'Changing the key', signal)
  })
  output.result(
    `"${node}" has another key, and its cables are there again.${active === undefined ? '' : ` "${active}" leads.`}`,
    { context: cluster.context, node, state: 'Renewed', ...(active === undefined ? {} : { active }) },
    options.output,
    [`node/${node}`],
  )
}

async function survey(cluster: Cluster, node: string, signal: AbortSignal) {
  const snapshot = await takeSnapshot(cluster.kube, signal)
  if (snapshot.member === undefined) throw notAMember(cluster.context)
  const none = gatewayNode(snapshot, node, cluster.context)
  if (none !== undefined) throw none
  return { snapshot, member: snapshot.member }
}

const factOf = ({ platform }: Snapshot, node: string) => platform.nodes.find(({ name }) => name === node)

const bare = (name: string, labels: Readonly<Record<string, string>> = {}) => ({
  apiVersion: nodes.apiVersion,
  kind: nodes.kind,
  metadata: { name, labels },
})

function waitFor<T>(
  { kube, context }: Cluster,
  { timeout }: Options,
  say: Say,
  probe: (member: MemberView) => { readonly done: T } | { readonly waiting: string },
  what: string,
  signal: AbortSignal,
): Promise<T> {
  const wait = {
    what,
    timeoutMs: timeout * 1000,
    remedy: `It is written down and goes on by itself. See: tombolo show gateways --context ${context}, and kubectl --context ${context} -n tombolo-system logs -l app.kubernetes.io/component=gateway.`,
    say,
  }
  const look = async () => {
    const { member } = await takeSnapshot(kube, signal)
    return member === undefined ? { waiting: 'there is no Membership any more' } : probe(member)
  }
  return until(wait, look, signal)
}
