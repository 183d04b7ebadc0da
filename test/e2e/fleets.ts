// What more than one suite stands on, in the order of hack/test.ts. Each runs alone as well, on a fleet of its own.
import type { Cluster } from '#test/rig/cluster.ts'
import { fleetOf, forgetAddressesSoon, openClient, openShop } from '#test/kit/fleet.ts'
import type { Footprint } from '#test/kit/footprint.ts'
import { footprintsOf } from '#test/kit/footprint.ts'
import { sharedRig } from '#test/kit/rig-suite.ts'
import { twoClusters } from '#test/rig/spec.ts'

/** What the nodes and clusters of the pair were, by name, before anything of ours or of a test was on them. */
export const pairBefore = new Map<string, Footprint>()

/**
 * Of both families. East has the broker, is a member, and has the shop, which is not exported; west has a client of the shop and is no
 * member. So conformance leaves it, whose last test takes west out; two-clusters joins west anew, faults plays on that, over-ipsec changes
 * its cables, and uninstall leaves nothing of it.
 */
export const onPair = sharedRig(twoClusters({ families: ['IPv4', 'IPv6'] }), async (rig, signal) => {
  const fleet = fleetOf(rig, signal)
  const [east, west] = [rig.cluster('east'), rig.cluster('west')]
  for (const [name, footprint] of await footprintsOf(rig.clusters, signal)) pairBefore.set(name, footprint)
  const joined = async () => {
    await fleet.deployBroker()
    await forgetAddressesSoon(fleet, signal)
    await fleet.join(east)
  }
  await Promise.all([openShop(east, signal), openClient(west, signal), openClient(east, signal), joined()])
})

/** Three clusters that have IPv6 and nothing else; on the hub's node no gateway can run. Nothing is installed on them. */
export const onTrio = sharedRig({
  clusters: ['hub', 'east', 'west'].map((id) => ({
    id,
    nodes: 1,
    families: ['IPv6'],
    ...(id === 'hub' && { lacks: [{ node: 1, what: 'tun' }] }),
  })),
})

/** An apiserver with a kubelet and nothing of ours: first it gets our kinds, and then what they are kept by. */
export const onOne = sharedRig({ clusters: [{ id: 'east', nodes: 1 }], images: 'base' })

/** Whether it has joined a fleet and not left it. */
export const isMember = async (cluster: Cluster): Promise<boolean> => {
  const found = await cluster.kubectl(['get', 'crd', 'memberships.tombolo.dev', '--ignore-not-found', '-o', 'name'])
  return found.trim() !== ''
}
