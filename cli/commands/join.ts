// `tombolo join`: makes a cluster a member. Reads and checks everything first, asks the broker, and writes into the cluster only
// when it was admitted. Every step finds what an interrupted run left, so the remedy for a broken run is the same command again.
import { memberKinds } from '#crds/index.ts'
import type { Membership } from '#crds/membership.ts'
import { membership } from '#crds/membership.ts'
import { gatewayNodeLabel, managedBy, membershipName, systemNamespace } from '#crds/places.ts'
import type { Kube } from '#lib/kube/client.ts'
import { nodes } from '#lib/kube/kinds.ts'
import type { KubeObject } from '#lib/kube/object.ts'
import type { CIDR } from '#lib/net/cidr.ts'
import type { ClusterID } from '#lib/net/cluster-id.ts'
import { parseClusterID } from '#lib/net/cluster-id.ts'
import { operatorManifests } from '#operator/install/manifests/operator.ts'
import { applyAll, applyCRDs } from '../cluster/apply.ts'
import { openCluster } from '../cluster/cluster.ts'
import type { Probe, Say } from '../cluster/until.ts'
import { until } from '../cluster/until.ts'
import { beAdmitted, readFleet, requestOf } from '../join/admission.ts'
import { brokerAddress, brokerSecret, requestToken } from '../join/credentials.ts'
import { addressesOf, checkNotElsewhere, clusterUID, gatewayNodeToLabel, readMember } from '../join/member.ts'
import type { AddCommand, CommonOptions, DryRun, Session } from './command.ts'
import { checked, cidrList, commonOptions, dryRunOption, timeoutOption } from './command.ts'

type Options = CommonOptions &
  DryRun & {
    readonly brokerContext?: string
    readonly brokerKubeconfig?: string
    readonly brokerServer?: string
    readonly podCidr?: readonly CIDR[]
    readonly serviceCidr?: readonly CIDR[]
    readonly gatewayNode?: string
    readonly image?: string
    readonly timeout: number
  }

export const addJoin: AddCommand = (program, session) => {
  const command = program
    .command('join')
    .summary('make a cluster a member of a fleet')
    .description(
      'Asks the broker to admit the cluster, then installs Tombolo in it. Pod and service addresses must not overlap\nthose of any member. Running it again goes on where it stopped.',
    )
    .argument('<cluster-id>', 'name of the cluster in the fleet: a DNS label', (text) => checked(parseClusterID(text)))
    .option('--broker-context <name>', 'kubeconfig context of the broker cluster (default: the current one)')
    .option('--broker-kubeconfig <file>', 'kubeconfig file of the broker cluster (default: that of the cluster)')
    .option('--broker-server <url>', 'https://host:port of the broker as members reach it (default: as its kubeconfig says)')
    .option('--pod-cidr <cidrs>', 'addresses of pods, e.g. 10.1.0.0/16,fd00:1::/48 (default: as found in the cluster)', cidrList)
    .option('--service-cidr <cidrs>', 'addresses of Services (default: as found in the cluster)', cidrList)
    .option('--gateway-node <node>', 'label this node as a gateway')
    .option('--image <image>', `image of all components (default: ${session.image})`)
    .addOption(timeoutOption(180))
    .addHelpText(
      'after',
      `
Examples:
  tombolo join east --context east --broker-context hub --gateway-node east-1
  tombolo join west --context west --broker-context hub --pod-cidr 10.2.0.0/16 --dry-run`,
    )
    .action((id: ClusterID, options: Options) => run(id, options, session))
  commonOptions(dryRunOption(command), 'the cluster that joins')
}

async function run(id: ClusterID, options: Options, session: Session): Promise<void> {
  const { output, signal, version } = session
  const { step } = output.progress
  const timeoutMs = options.timeout * 1000
  const image = options.image ?? session.image
  await using cluster = await openCluster(options)
  await using broker = await openCluster({
    context: options.brokerContext,
    kubeconfig: options.brokerKubeconfig ?? options.kubeconfig,
  })

  const facts = await step(`Looking at cluster ${cluster.context}`, () => readMember(cluster, signal))
  const gateway = gatewayNodeToLabel(facts, options.gatewayNode, cluster.context)
  const addresses = addressesOf(facts, options)
  for (const note of addresses.notes) output.note(`  ${note}`)
  for (const caution of addresses.cautions) output.warn(caution)

  const { fleet, brokerUID, address } = await step(`Looking at broker ${broker.context}`, async () => ({
    fleet: await readFleet(broker, signal),
    brokerUID: await clusterUID(broker, signal),
    address: await brokerAddress(broker, options.brokerServer, signal),
  }))
  checkNotElsewhere(facts, { id, context: cluster.context, brokerUID })

  const { podCIDRs, serviceCIDRs } = addresses
  const request = requestOf({
    clusterID: id,
    clusterUID: facts.uid,
    podCIDRs: [...podCIDRs],
    serviceCIDRs: [...serviceCIDRs],
    version,
  })
  const spec = {
    clusterID: id,
    clusterset: fleet.spec.clusterset,
    podCIDRs: [...podCIDRs],
    serviceCIDRs: [...serviceCIDRs],
    image,
  }
  const crds = memberKinds.map((kind) => kind.crd())
  const manifests = (token: string): readonly KubeObject[] => [
    ...(gateway === undefined ? [] : [gatewayNode(gateway)]),
    ...operatorManifests({ image }),
    brokerSecret(address, token, brokerUID),
    membershipOf(spec),
  ]
  if (options.dryRun === true) {
    output.note(`# on the broker (${broker.context}): the JoinRequest; everything else in ${cluster.context}`)
    output.manifests([request, ...crds, ...manifests('made by the broker at the real run')], options.output)
    return
  }

  await step(`The broker admits "${id}"`, (say) => beAdmitted(broker.kube, request, timeoutMs, say, signal))
  const token = await step('A token for its account on the broker', () => requestToken(broker, id, signal))
  await step(`CRDs in ${cluster.context}`, (say) => applyCRDs(cluster.kube, crds, say, signal))
  await step(`${gateway === undefined ? '' : `Gateway node ${gateway}, `}operator, rights, membership`, (say) =>
    applyAll(cluster.kube, manifests(token), say, signal),
  )
  await step(`"${id}" is connected`, (say) => membershipReady(cluster.kube, cluster.context, timeoutMs, say, signal))
  output.result(
    `"${id}" is a member of clusterset "${fleet.spec.clusterset}".`,
    { context: cluster.context, broker: address.server, ...spec },
    options.output,
  )
  output.note(`See it: tombolo show --context ${cluster.context}`)
}

/** As a person or Git would write it: nothing in it that has a default. */
const membershipOf = (spec: Omit<Membership['spec'], 'wireguardPort'>): KubeObject => ({
  apiVersion: membership.apiVersion,
  kind: membership.kind,
  metadata: { name: membershipName, namespace: systemNamespace, labels: { ...managedBy } },
  spec,
})

/** Applied as ours, so that leaving takes the label off again and lets those be that a person set. */
const gatewayNode = (name: string): KubeObject => ({
  apiVersion: nodes.apiVersion,
  kind: nodes.kind,
  metadata: { name, labels: { [gatewayNodeLabel]: 'true' } },
})

async function membershipReady(kube: Kube, context: string, timeoutMs: number, say: Say, signal: AbortSignal): Promise<void> {
  const key = { namespace: systemNamespace, name: membershipName }
  await until(
    {
      what: 'The membership becoming ready',
      timeoutMs,
      remedy: `kubectl --context ${context} -n ${systemNamespace} get membership,pods shows more. Nothing has to be undone: it goes on by itself, and running the command again waits for it.`,
      say,
    },
    async () => readiness(await kube.get(membership, key, signal)),
    signal,
  )
}

/** Traffic goes on without the broker, so a Membership is Ready without it; a cluster that never reached it has not joined. */
function readiness(object: Membership | undefined): Probe<true> {
  const of = (type: string) => object?.status?.conditions?.find((c) => c.type === type)
  const [ready, reached] = [of('Ready'), of('BrokerReachable')]
  const current = ready?.observedGeneration === undefined || ready.observedGeneration === object?.metadata.generation
  if (ready === undefined || !current) return { waiting: 'the operator has not reported yet' }
  if (reached !== undefined && reached.status !== 'True') return { waiting: `the broker is not reached: ${reached.message}` }
  return ready.status === 'True' ? { done: true } : { waiting: ready.message }
}
