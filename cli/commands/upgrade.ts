// `tombolo upgrade`: brings what runs in a cluster, broker or member or both, to the version of this command. CRDs first, then rights
// and the operator, then the image of what the operator installs; each step finds what an interrupted run left.
import { brokerCRDs, brokerManifests } from '#broker/install/manifests.ts'
import { memberKinds } from '#crds/index.ts'
import type { Fleet } from '#crds/fleet.ts'
import { fleet } from '#crds/fleet.ts'
import type { Membership } from '#crds/membership.ts'
import { membership } from '#crds/membership.ts'
import { brokerNamespace, controllerName, fleetName, membershipName, systemNamespace } from '#crds/places.ts'
import type { KubeObject } from '#lib/kube/object.ts'
import { nameOf } from '#operator/install/manifests/pod.ts'
import { operatorManifests } from '#operator/install/manifests/operator.ts'
import { applyAll, applyCRDs, deploymentAvailable, planOf } from '../cluster/apply.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { fieldManager, openCluster } from '../cluster/cluster.ts'
import { imagesIn } from '../cluster/images.ts'
import { notAMember } from '../cluster/membership.ts'
import { refused } from '../problem.ts'
import { memberRunsImage } from '../upgrade/rollout.ts'
import { checkStep } from '../upgrade/skew.ts'
import type { AddCommand, CommonOptions, DryRun, Session } from './command.ts'
import { commonOptions, dryRunOption, imageOption, timeoutOption } from './command.ts'

type Options = CommonOptions & DryRun & { readonly image: string; readonly timeout: number }

export const addUpgrade: AddCommand = (program, session) => {
  const command = program
    .command('upgrade')
    .summary('bring a cluster to the version of this command')
    .description(
      'Brings CRDs, rights and programs of a cluster, be it the broker, a member or both, to the version of this command.\nUpgrade the broker first, then its members one by one. Back, or by more than one minor version, is refused.\nRunning it again goes on where it stopped.',
    )
    .addOption(imageOption('all components'))
    .addOption(timeoutOption(300))
    .addHelpText(
      'after',
      `
Examples:
  tombolo upgrade --context hub
  tombolo upgrade --context east --dry-run      # what would be created and changed
  tombolo upgrade --context east --image registry.example.org/tombolo:${session.version}`,
    )
    .action((options: Options) => run(options, session))
  commonOptions(dryRunOption(command))
}

async function run(options: Options, session: Session): Promise<void> {
  const { output, signal, version } = session
  const { image } = options
  await using cluster = await openCluster(options)
  const { context, kube } = cluster
  const before = await output.progress.step(`Looking at cluster ${context}`, async () => ({
    broker: await kube.get(fleet, { namespace: brokerNamespace, name: fleetName }, signal),
    member: await kube.get(membership, { namespace: systemNamespace, name: membershipName }, signal),
    running: await imagesIn(kube, signal),
  }))
  if (before.broker === undefined && before.member === undefined) throw notAMember(context)
  for (const { component, version: from } of before.running) {
    const step = checkStep(from, version)
    if (!step.ok) throw refused(`${component} of context "${context}" cannot be upgraded: ${step.error.says}.`, step.error.remedy)
    if (step.value === 'unknown')
      output.warn(`nobody wrote down which version ${component} is, so that its distance to ${version} cannot be checked.`)
  }
  if (options.dryRun === true) {
    const plan = await planOf(kube, [...brokerPart(before.broker, image), ...memberPart(before.member, image)], signal)
    output.note(`# to be applied in ${context}, in this order`)
    output.plan(plan, fieldManager, options.output)
    return
  }
  if (before.broker !== undefined) await upgradeBroker(cluster, before.broker, image, options, session)
  if (before.member !== undefined) await upgradeMember(cluster, before.member, image, options, session)
  const parts = [...(before.broker === undefined ? [] : ['broker']), ...(before.member === undefined ? [] : ['member'])]
  output.result(
    `Context "${context}" (${parts.join(' and ')}) runs tombolo ${version}.`,
    { context, version, image, upgraded: parts, before: before.running },
    options.output,
    [`version/${version}`],
  )
}

const brokerPart = (have: Fleet | undefined, image: string): readonly KubeObject[] =>
  have === undefined ? [] : [...brokerCRDs(), ...brokerManifests({ image, clusterset: have.spec.clusterset })]

const memberPart = (have: Membership | undefined, image: string): readonly KubeObject[] =>
  have === undefined
    ? []
    : [
        ...memberKinds.map((kind) => kind.crd()),
        ...operatorManifests({ image }),
        ...(have.spec.image === image ? [] : [{ ...identity(have), spec: { ...have.spec, image } }]),
      ]

const identity = ({ apiVersion, kind, metadata: { name, namespace } }: KubeObject): KubeObject => ({
  apiVersion,
  kind,
  metadata: { name, ...(namespace === undefined ? {} : { namespace }) },
})

async function upgradeBroker(
  { kube, context }: Cluster,
  have: Fleet,
  image: string,
  { timeout }: Options,
  { output, signal }: Session,
) {
  const { step } = output.progress
  await step(`CRDs of the broker in ${context}`, (say) => applyCRDs(kube, brokerCRDs(), say, signal))
  await step('Namespaces, rights, policies, controller', (say) =>
    applyAll(kube, brokerManifests({ image, clusterset: have.spec.clusterset }), say, signal),
  )
  await step('The broker controller is up', (say) =>
    deploymentAvailable(kube, { namespace: brokerNamespace, name: controllerName }, timeout * 1000, say, signal),
  )
}

async function upgradeMember(
  { kube, context }: Cluster,
  have: Membership,
  image: string,
  { timeout }: Options,
  { output, signal }: Session,
) {
  const { step } = output.progress
  const crds = memberKinds.map((kind) => kind.crd())
  await step(`CRDs of the member in ${context}`, (say) => applyCRDs(kube, crds, say, signal))
  await step('Rights and operator', (say) => applyAll(kube, operatorManifests({ image }), say, signal))
  // Its image is the operator's to give to the others, so the new operator must be there first: it knows what they need.
  await step('The operator is up', (say) =>
    deploymentAvailable(kube, { namespace: systemNamespace, name: nameOf('operator') }, timeout * 1000, say, signal),
  )
  await step('Gateway, agent and dns are replaced', async (say) => {
    const key = { namespace: systemNamespace, name: membershipName }
    if (have.spec.image !== image) await kube.patch(membership, key, { spec: { image } }, { fieldManager }, signal)
    await memberRunsImage(kube, image, context, timeout * 1000, say, signal)
  })
}
