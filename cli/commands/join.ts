// `tombolo join`: makes a cluster a member. Needs the cluster's kubeconfig and a grant, nothing of the broker's administrator. Reads and
// checks everything first, makes the cluster's keys, asks the broker, and installs only when it was admitted. Every step finds what an
// interrupted run left, so the remedy for a broken run is the same command again, without a grant once it has joined.
import { memberKinds } from '#crds/index.ts'
import type { CableName } from '#crds/fields.ts'
import { cableDrivers } from '#crds/fields.ts'
import type { Membership } from '#crds/membership.ts'
import { membership } from '#crds/membership.ts'
import {
  brokerSecretName,
  gatewayNodeLabel,
  identityAnnotation,
  managedBy,
  membershipName,
  systemNamespace,
} from '#crds/places.ts'
import type { Identity } from '#lib/identity/identity.ts'
import { fingerprint, publicIdentity } from '#lib/identity/identity.ts'
import type { Kube } from '#lib/kube/client.ts'
import { isAlreadyExists } from '#lib/kube/errors.ts'
import { namespaces, nodes, secrets } from '#lib/kube/kinds.ts'
import type { KubeObject } from '#lib/kube/object.ts'
import type { CIDR } from '#lib/net/cidr.ts'
import type { Result } from '#lib/std/result.ts'
import { operatorManifests } from '#operator/install/manifests/operator.ts'
import { capabilities } from '#operator/joining/about.ts'
import type { Unasked } from '#operator/joining/ask.ts'
import { brokerSecret } from '#operator/joining/credentials.ts'
import { keepIdentity } from '#operator/joining/identity-secret.ts'
import { applyAll, applyCRDs } from '../cluster/apply.ts'
import { fieldManager, openCluster } from '../cluster/cluster.ts'
import { removeObject } from '../cluster/remove.ts'
import type { Probe, Say } from '../cluster/until.ts'
import { until } from '../cluster/until.ts'
import { askBroker } from '../join/asking.ts'
import { addressesOf, gatewayNodeToLabel, readMember, wayIn } from '../join/member.ts'
import type { GrantOptions } from '../join/read-grant.ts'
import { readGrant } from '../join/read-grant.ts'
import { failed, Problem } from '../problem.ts'
import type { AddCommand, CommonOptions, DryRun, Session } from './command.ts'
import { cableList, cidrList, commonOptions, dryRunOption, imageOption, timeoutOption } from './command.ts'

type Options = CommonOptions &
  DryRun &
  GrantOptions & {
    readonly podCidr?: readonly CIDR[]
    readonly serviceCidr?: readonly CIDR[]
    readonly gatewayNode?: string
    readonly cable?: readonly CableName[]
    readonly image: string
    readonly timeout: number
  }

export const addJoin: AddCommand = (program, session) => {
  const command = program
    .command('join')
    .summary('make a cluster a member of a fleet')
    .description(
      'Asks the broker to admit the cluster, by a grant of its administrator, then installs Tombolo in it. Pod and service\naddresses must not overlap those of any member. Running it again goes on where it stopped, or changes what was said.',
    )
    .option(
      '--grant <grant>',
      'what "tombolo grant create" printed; -: read it from standard input, where no other user of this machine sees it',
    )
    .option('--grant-file <file>', 'a file with it')
    .option('--pod-cidr <cidrs>', 'addresses of pods, e.g. 10.1.0.0/16,fd00:1::/48 (default: as found in the cluster)', cidrList)
    .option('--service-cidr <cidrs>', 'addresses of Services (default: as found in the cluster)', cidrList)
    .option('--gateway-node <node>', 'label this node as a gateway')
    .option(
      '--cable <kinds>',
      `kinds of cables to have, the best first: ${cableDrivers.join(', ')} (default: wireguard); two clusters use one that both have`,
      cableList,
    )
    .addOption(imageOption('all components'))
    .addOption(timeoutOption(180))
    .addHelpText(
      'after',
      `
Examples:
  tombolo join --grant-file grant --context east --gateway-node east-1
  tombolo grant create west --context hub | tombolo join --grant - --context west --gateway-node west-1
  tombolo join --grant-file grant --context west --pod-cidr 10.2.0.0/16 --dry-run
  tombolo join --context west --pod-cidr 10.3.0.0/16    # a member announces other addresses`,
    )
    .action((options: Options) => run(options, session))
  commonOptions(dryRunOption(command), 'the cluster that joins')
}

async function run(options: Options, session: Session): Promise<void> {
  const { output, signal } = session
  const { step } = output.progress
  const timeoutMs = options.timeout * 1000
  const { image } = options
  const grant = await readGrant(options, session.stdin)
  await using cluster = await openCluster(options)
  const { kube, context } = cluster

  const facts = await step(`Looking at cluster ${context}`, () => readMember(cluster, signal))
  const way = wayIn(facts, grant, context)
  const id = way.clusterID
  const gateway = gatewayNodeToLabel(facts, options.gatewayNode, context)
  const addresses = addressesOf(facts, options)
  for (const note of addresses.notes) output.note(`  ${note}`)
  for (const caution of addresses.cautions) output.warn(caution)

  const announced = { podCIDRs: [...addresses.podCIDRs], serviceCIDRs: [...addresses.serviceCIDRs], version: session.version }
  const asked: Unasked = { intent: 'Join', clusterID: id, clusterUID: facts.uid, ...announced, capabilities: [...capabilities] }
  const crds = memberKinds.map((kind) => kind.crd())
  const { podCIDRs, serviceCIDRs } = announced
  const manifests = (clusterset: string, secret: KubeObject): readonly KubeObject[] => [
    ...(gateway === undefined ? [] : [gatewayNode(gateway)]),
    ...operatorManifests({ image }),
    secret,
    membershipOf({
      ...{ clusterID: id, clusterset, podCIDRs, serviceCIDRs, image },
      ...(options.cable === undefined ? {} : { cables: options.cable }),
    }),
  ]
  if (options.dryRun === true) {
    output.note(`# to be applied in ${context}; tokens and the clusterset come from the broker at the real run`)
    const pending = brokerSecret({ ...way, token: 'from-the-broker', renewalToken: 'from-the-broker' }, announced)
    output.manifests([...crds, ...manifests('from-the-broker', pending)], options.output)
    return
  }

  let made: string | undefined
  const identity = await step(`Keys of "${id}", made in ${context}`, async () => {
    made = facts.namespace === undefined ? await newNamespace(kube, signal) : undefined
    await kube.apply(namespaces, systemNamespaceObject(), { fieldManager }, signal)
    const kept = must(await keepIdentity(kube, fieldManager, signal))
    await kube.patch(namespaces, { name: systemNamespace }, markedWith(kept), { fieldManager: 'tombolo-identity' }, signal)
    return kept
  })
  output.note(`  fingerprint ${fingerprint(publicIdentity(identity))}`)
  const answer = await step(`The broker admits "${id}"`, (say) =>
    askBroker(way, { asked, identity, code: grant?.code }, timeoutMs, say, signal),
  ).catch(async (error: unknown) => {
    // Refused for good: the cluster is left as it was found. Whatever else went wrong is gone on with by the next run.
    if (error instanceof Problem && error.exitCode === 2 && made !== undefined && !(await isTaken(kube, signal))) {
      const found = { name: systemNamespace, uid: made }
      await step(`${context} is left as it was`, (say) => removeObject(kube, namespaces, found, say, signal))
    }
    throw error
  })
  if (answer === 'left') throw failed('The broker answered another question.', 'Run the command again.')
  if (answer.warning !== undefined) output.warn(answer.warning)
  const { clusterset, token, renewalToken } = answer.credentials
  await step(`CRDs in ${context}`, (say) => applyCRDs(kube, crds, say, signal))
  await step(`${gateway === undefined ? '' : `Gateway node ${gateway}, `}operator, rights, membership`, (say) =>
    applyAll(kube, manifests(clusterset, brokerSecret({ ...way, token, renewalToken }, announced)), say, signal),
  )
  await step(`"${id}" is connected`, (say) => membershipReady(kube, context, timeoutMs, say, signal))
  output.result(
    `"${id}" is a member of clusterset "${clusterset}".`,
    { context, broker: way.server, clusterID: id, clusterset, podCIDRs, serviceCIDRs, image },
    options.output,
    [`member/${id}`],
  )
  output.note(`See it: tombolo show --context ${context}`)
}

/** Its uid, if it was this command that made it: then it may take it away again. */
async function newNamespace(kube: Kube, signal: AbortSignal): Promise<string | undefined> {
  try {
    return (await kube.create(namespaces, systemNamespaceObject(), { fieldManager }, signal)).metadata.uid
  } catch (error) {
    if (isAlreadyExists(error)) return undefined
    throw error
  }
}

/** Whether somebody has joined in this namespace meanwhile. */
const isTaken = async (kube: Kube, signal: AbortSignal): Promise<boolean> =>
  (await kube.get(secrets, { namespace: systemNamespace, name: brokerSecretName }, signal)) !== undefined

const systemNamespaceObject = (): KubeObject => {
  const found = operatorManifests({ image: '' }).find(({ kind }) => kind === 'Namespace')
  if (found === undefined) throw new Error('the manifests have no namespace')
  return found
}

/** A broker in this cluster knows it by that (broker/joins/own-addresses.ts). By a writer of its own: applying the rest leaves it. */
const markedWith = (identity: Identity): object => ({
  metadata: { annotations: { [identityAnnotation]: fingerprint(publicIdentity(identity)) } },
})

function must<T>(result: Result<T>): T {
  if (result.ok) return result.value
  throw failed(`${result.error.field} is not valid.`, `Want ${result.error.want}.`)
}

/** As a person or Git would write it: nothing in it that has a default. */
const membershipOf = (
  spec: Omit<Membership['spec'], 'wireguardPort' | 'ipsecPort' | 'cables'> & { readonly cables?: readonly CableName[] },
): KubeObject => ({
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
