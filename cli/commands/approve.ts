// `tombolo approve`: lets in a cluster whose grant waits for a person, bound to the fingerprint that the person compared.
import { InvalidArgumentError } from 'commander'
import { fingerprintField, joinGrant } from '#crds/join-grant.ts'
import { joinRequest } from '#crds/join-request.ts'
import { brokerNamespace, joinNamespace } from '#crds/places.ts'
import type { ClusterID } from '#lib/net/cluster-id.ts'
import { parseClusterID } from '#lib/net/cluster-id.ts'
import { fieldManager, openCluster } from '../cluster/cluster.ts'
import { readFleet } from '../cluster/fleet.ts'
import { until } from '../cluster/until.ts'
import { failed, refused } from '../problem.ts'
import type { AddCommand, CommonOptions, Session } from './command.ts'
import { checked, commonOptions, timeoutOption } from './command.ts'

type Options = CommonOptions & { readonly fingerprint?: string; readonly yes?: true; readonly timeout: number }

export const addApprove: AddCommand = (program, session) => {
  const command = program
    .command('approve')
    .summary('let in a cluster that waits for approval')
    .description('Shows the fingerprint of the cluster that asks, to be compared with what its side shows, and lets it in.')
    .argument('<cluster-id>', 'the cluster that asks', (text) => checked(parseClusterID(text)))
    .option('--fingerprint <fingerprint>', 'approve this identity and no other, without being asked', aFingerprint)
    .option('--yes', 'do not ask: approve whoever asks now')
    .addOption(timeoutOption(60))
    .addHelpText(
      'after',
      `
Examples:
  tombolo approve east --context hub
  tombolo approve east --fingerprint 3f2a-09bc-77de-0b1c-5a90-c2d4-18ef-6b33`,
    )
    .action((id: ClusterID, options: Options) => run(id, options, session))
  commonOptions(command, 'the broker')
}

async function run(id: ClusterID, options: Options, { output, signal, confirm }: Session): Promise<void> {
  await using broker = await openCluster(options)
  await readFleet(broker, signal)
  const requestKey = { namespace: joinNamespace(id), name: id }
  const grantKey = { namespace: brokerNamespace, name: id }
  const grant = await broker.kube.get(joinGrant, grantKey, signal)
  const request = await broker.kube.get(joinRequest, requestKey, signal)
  const seen = request?.status?.fingerprint
  if (grant === undefined || request === undefined || seen === undefined || request.status?.state !== 'AwaitingApproval')
    throw refused(
      `"${id}" does not wait for approval${request?.status?.state === undefined ? '' : `: its request is ${request.status.state}`}.`,
      `tombolo grant list --context ${broker.context} shows what there is.`,
    )
  if (options.fingerprint !== undefined && options.fingerprint !== seen)
    throw refused(
      `Another identity asks to be "${id}": ${seen}.`,
      'Do not approve it before you know whose it is; tombolo grant remove shuts it out.',
    )
  const { podCIDRs, serviceCIDRs, clusterUID, version } = request.spec
  output.note(
    `"${id}" asks to join: pods ${podCIDRs.join(', ')}, Services ${serviceCIDRs.join(', ')}, version ${version}, uid ${clusterUID}.`,
  )
  output.note('Its fingerprint, which tombolo join shows there too:')
  output.note(`  ${seen}`)
  if (options.fingerprint === undefined && options.yes !== true) {
    if (confirm === undefined)
      throw refused('Nobody can be asked whether the fingerprints are the same.', `Say so beforehand: --fingerprint ${seen}.`)
    if (!(await confirm('Are the two the same?'))) throw refused('Nothing was approved.', 'Run the command again to go on.')
  }
  await output.progress.step(`"${id}" is let in`, async (say) => {
    // Of the grant that was there, and of what was shown: both may have been made anew meanwhile.
    const { resourceVersion } = grant.metadata
    const approval = {
      metadata: { resourceVersion },
      spec: { approved: seen, approvedAddresses: [...podCIDRs, ...serviceCIDRs] },
    }
    await broker.kube.patch(joinGrant, grantKey, approval, { fieldManager }, signal)
    await until(
      {
        what: `The admission of "${id}"`,
        timeoutMs: options.timeout * 1000,
        remedy: 'The approval stands; the broker controller goes on with it.',
        say,
      },
      async () => {
        const status = (await broker.kube.get(joinRequest, requestKey, signal))?.status
        if (status?.state === 'Refused')
          throw failed(
            status.message ?? 'The broker refused.',
            'It was approved and is refused all the same: it has to join again.',
          )
        return status?.state === 'Admitted'
          ? { done: true }
          : { waiting: status?.message ?? 'the broker controller has not answered yet' }
      },
      signal,
    )
  })
  output.result(`"${id}" is a member.`, { clusterID: id, fingerprint: seen, state: 'Admitted' }, options.output, [`member/${id}`])
}

function aFingerprint(text: string): string {
  if (fingerprintField.safeParse(text).success) return text
  throw new InvalidArgumentError('It must be eight groups of four hexadecimal digits, as tombolo join shows them.')
}
