// Whether UDP passes between gateways, told by what the pulse hears on each side: nothing, or one direction only.
import type { Connection, GatewayEndpoint } from '#crds/gateway-endpoint.ts'
import { believed, hostPort, placesOf } from '../rows/announced.ts'
import type { Check, Finding } from './check.ts'
import { orPass } from './check.ts'

export const gatewayPorts: Check = {
  name: 'gateway-ports',
  subject: 'firewall',
  asks: 'Does UDP pass between the gateways, both ways?',
  run: ({ member }) => {
    if (member === undefined) return []
    const all = believed(member)
    const ours = all.filter((g) => g.spec.clusterID === member.membership.spec.clusterID && member.running.includes(g.spec.node))
    const ways = ours.flatMap((own) => (own.status?.connections ?? []).map((here) => ({ own, here })))
    return ways.length === 0
      ? []
      : orPass(
          ways.flatMap(({ own, here }) => closed(own, here, all) ?? []),
          'packets pass between all gateways, both ways',
        )
  },
}

function closed(own: GatewayEndpoint, here: Connection, all: readonly GatewayEndpoint[]): Finding | undefined {
  if (here.state !== 'Error') return here.path === 'Relay' ? relayed(own, here) : undefined
  const far = all.find((g) => g.metadata.name === here.endpoint)
  const there = far?.status?.connections?.find((c) => c.endpoint === own.metadata.name)
  const [us, them] = [`${own.spec.node} (${placeOf(own, here)})`, `${here.clusterID}/${here.node} (${placeOf(far, here)})`]
  const about = [here.clusterID, `Node ${own.spec.node}`]
  const open = (from: string, to: string) =>
    `Let UDP from ${from} to ${to} through firewalls, security groups and NAT on the way.`
  if (here.reason === 'OneWay')
    return {
      level: 'fail',
      about,
      says: `packets of ${them} arrive at ${us}, and none of ours arrive there`,
      remedy: open(us, them),
    }
  if (there?.reason === 'OneWay')
    return {
      level: 'fail',
      about,
      says: `our packets arrive at ${them}, and none of its packets arrive at ${us}`,
      remedy: open(them, us),
    }
  return {
    level: 'fail',
    about,
    says:
      here.reason === 'FellSilent'
        ? `${us} heard ${them} once and hears it no more`
        : `no packet of ${them} was ever heard at ${us}`,
    remedy: `See whether that gateway runs: tombolo show gateways --context ${here.clusterID}. Then: ${open(us, them)} And back. Where that cannot be, a third cluster can relay: docs/guide/cables.md.`,
  }
}

/** Packets arrive, by a way that is longer and bounded, and that lasts as long as the relay. */
function relayed(own: GatewayEndpoint, here: Connection): Finding {
  const them = `${here.clusterID}/${here.node}`
  return {
    level: 'warn',
    about: [here.clusterID, `Node ${own.spec.node}`],
    says: `packets between ${own.spec.node} and ${them} go through the relay ${here.relay ?? ''}: ${here.pathMessage ?? 'none pass straight'}`,
    remedy: 'Nothing need be done. Where UDP between the two is let through, both ways, they take it within half a minute.',
  }
}

function placeOf(gateway: GatewayEndpoint | undefined, { cable }: Connection): string {
  const [first] = gateway === undefined ? [] : placesOf(gateway.spec, cable)
  return first === undefined ? 'no address' : hostPort(first.address, first.port)
}
