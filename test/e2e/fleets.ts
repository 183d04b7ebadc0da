// What more than one suite stands on, in the order of hack/test.ts. Each runs alone as well, on a fleet of its own.
import { fleetOf, forgetAddressesSoon, openClient, openShop } from '#test/kit/fleet.ts'
import { sharedRig } from '#test/kit/rig-suite.ts'
import { twoClusters } from '#test/rig/spec.ts'

/**
 * Of both families. East has the broker, is a member, and has the shop, which is not exported; west has a client of the shop and is no
 * member. So conformance leaves it, whose last test takes west out; two-clusters joins west anew, then comes faults, and over-ipsec last.
 */
export const onPair = sharedRig(twoClusters({ families: ['IPv4', 'IPv6'] }), async (rig, signal) => {
  const fleet = fleetOf(rig, signal)
  const [east, west] = [rig.cluster('east'), rig.cluster('west')]
  const joined = async () => {
    await fleet.deployBroker()
    await forgetAddressesSoon(fleet, signal)
    await fleet.join(east)
  }
  await Promise.all([openShop(east, signal), openClient(west, signal), openClient(east, signal), joined()])
})
