// `tombolo rotate-keys`: changes the keys that this cluster shares with each other one. What is asked for stands as an annotation on the
// Membership; the operators of both clusters of a pair do it, and go on by themselves when nobody waits for it any more.
import { membership } from '#crds/membership.ts'
import { membershipName, rotateKeysAnnotation, systemNamespace } from '#crds/places.ts'
import { takeSnapshot } from '#fleet/snapshot.ts'
import { fieldManager, openCluster } from '../cluster/cluster.ts'
import { notAMember } from '../cluster/membership.ts'
import { until } from '../cluster/until.ts'
import { changed, pairsOf, unanswered } from '../rotation/pairs.ts'
import type { AddCommand, CommonOptions, DryRun, Session } from './command.ts'
import { commonOptions, dryRunOption, timeoutOption } from './command.ts'

type Options = CommonOptions & DryRun & { readonly timeout: number }

export const addRotateKeys: AddCommand = (program, session) => {
  const command = program
    .command('rotate-keys')
    .summary('change the keys that this cluster shares with each other one')
    .description(
      'Changes the pre-shared key of every pair with this cluster for the next one, as happens by itself every 30 days (spec.keyDays of\nthe Membership). Both clusters hold the next key before either uses it, and the former one until both use the next, so no packet is\nlost by it. Running sessions stay: each cable makes its next one with the new key, within two minutes.',
    )
    .addOption(timeoutOption(60))
    .addHelpText(
      'after',
      `
Examples:
  tombolo rotate-keys --context east
  tombolo rotate-keys --context east --dry-run`,
    )
    .action((options: Options) => run(options, session))
  commonOptions(dryRunOption(command))
}

async function run(options: Options, { output, signal }: Session): Promise<void> {
  await using cluster = await openCluster(options)
  const { kube, context } = cluster
  const { member } = await takeSnapshot(kube, signal)
  if (member === undefined) throw notAMember(context)
  const key = { namespace: systemNamespace, name: membershipName }
  const annotations = { [rotateKeysAnnotation]: new Date().toISOString() }
  if (options.dryRun === true) {
    const { apiVersion, kind } = membership
    output.manifests([{ apiVersion, kind, metadata: { ...key, annotations } }], options.output)
    return
  }
  const before = pairsOf(member)
  const pairs = [...before.keys()].toSorted()
  const unready = unanswered(member)
  const left = unready.map((id) => ` Not required yet: cluster ${id} announces no key.`).join('')
  await output.progress.step(
    `The keys of ${pairs.length === 1 ? 'one pair' : `${pairs.length} pairs`} are changed`,
    async (say) => {
      await kube.patch(membership, key, { metadata: { annotations } }, { fieldManager }, signal)
      const wait = {
        what: 'Changing the keys',
        timeoutMs: options.timeout * 1000,
        remedy: `It is written down and goes on by itself; until then the keys that were stay in use. See: tombolo show connections --context ${context}, and kubectl --context ${context} -n tombolo-system logs deployment/tombolo-operator | grep pair.`,
        say,
      }
      await until(
        wait,
        async () => {
          const now = await takeSnapshot(kube, signal)
          return now.member === undefined ? { waiting: 'there is no Membership any more' } : changed(now.member, before)
        },
        signal,
      )
    },
  )
  output.result(
    pairs.length === 0
      ? `There is no pair with a key to change.${left}`
      : `The keys were changed: with ${pairs.join(', ')}. Each cable makes its next session with the new one, within two minutes.${left}`,
    { context, pairs },
    options.output,
    pairs.map((id) => `member/${id}`),
  )
}
