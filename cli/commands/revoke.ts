// `tombolo revoke`: takes a member out of the fleet, whatever the member thinks of it. Its tokens die with its accounts, and every
// other cluster drops what it has of it.
import { joinGrant } from '#crds/join-grant.ts'
import { member } from '#crds/member.ts'
import { brokerNamespace, controllerName, joinerAccount, joinNamespace, memberAccount, memberNamespace } from '#crds/places.ts'
import { serviceAccounts } from '#lib/kube/kinds.ts'
import type { ClusterID } from '#lib/net/cluster-id.ts'
import { parseClusterID } from '#lib/net/cluster-id.ts'
import { openCluster } from '../cluster/cluster.ts'
import { readFleet } from '../cluster/fleet.ts'
import { readMemberOf } from '../cluster/member.ts'
import { removeObject } from '../cluster/remove.ts'
import { refused } from '../problem.ts'
import type { AddCommand, CommonOptions, Session } from './command.ts'
import { checked, commonOptions } from './command.ts'

type Options = CommonOptions & { readonly yes?: true }

export const addRevoke: AddCommand = (program, session) => {
  const command = program
    .command('revoke')
    .summary('take a member out of the fleet')
    .description(
      'Its tokens, cables, routes, imports and names go everywhere; a grant for its id goes too. What runs in the cluster itself\nstays until tombolo uninstall there. To come back it needs a new grant.',
    )
    .argument('<cluster-id>', 'the member', (text) => checked(parseClusterID(text)))
    .option('--yes', 'do not ask')
    .addHelpText(
      'after',
      `
Examples:
  tombolo revoke east --context hub
  tombolo revoke east --context hub --yes`,
    )
    .action((id: ClusterID, options: Options) => run(id, options, session))
  commonOptions(command, 'the broker')
}

async function run(id: ClusterID, options: Options, { output, signal, confirm }: Session): Promise<void> {
  await using broker = await openCluster(options)
  await readFleet(broker, signal)
  await readMemberOf(broker, id, signal)
  if (options.yes !== true) {
    if (confirm === undefined) throw refused('Nobody can be asked whether to go on.', 'Say so beforehand: --yes.')
    if (!(await confirm(`Take "${id}" out of the fleet?`)))
      throw refused('Nothing was changed.', 'Run the command again to go on.')
  }
  const key = { namespace: brokerNamespace, name: id }
  await output.progress.step(`"${id}" is taken out`, async (say) => {
    // The grant first, or the cluster could come back by it.
    await broker.kube.delete(joinGrant, key, {}, signal)
    await broker.kube.delete(member, key, { propagation: 'Foreground' }, signal)
    // The controller does it too, if it lives; of a member that is going it makes none anew.
    say('its tokens are dead from now on')
    await broker.kube.delete(serviceAccounts, { namespace: memberNamespace(id), name: memberAccount }, {}, signal)
    await broker.kube.delete(serviceAccounts, { namespace: joinNamespace(id), name: joinerAccount }, {}, signal)
    const logs = `kubectl --context ${broker.context} -n ${brokerNamespace} logs deployment/${controllerName}`
    const remedy = `Its tokens are dead. What other clusters have of it goes with the Member, which the broker controller removes: ${logs} says why it does not. Then run the same command again.`
    await removeObject(broker.kube, member, key, say, signal, remedy)
  })
  output.result(
    `"${id}" is no member any more. Its addresses are kept from others for a while (spec.join.reuseAfterSeconds of the Fleet).`,
    { clusterID: id, state: 'Revoked' },
    options.output,
    [`member/${id}`],
  )
}
