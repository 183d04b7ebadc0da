// Exactly one gateway of each cluster carries its traffic.
import { gatewayNodeLabel } from '#crds/places.ts'
import type { GatewayEndpoint } from '#crds/gateway-endpoint.ts'
import { believed } from '../rows/announced.ts'
import { conditionOf } from '#lib/kube/conditions.ts'
import { peersOf } from '../rows/clusters.ts'
import { stateOf } from '../rows/gateways.ts'
import type { MemberView } from '../snapshot.ts'
import type { Check, Finding } from './check.ts'
import { orPass, pass } from './check.ts'

export const activeGateway: Check = {
  name: 'active-gateway',
  subject: 'connections',
  asks: 'Has each cluster exactly one active gateway?',
  run: ({ member }) => (member === undefined ? [] : [...own(member), ...peers(member)]),
}

function own(member: MemberView): readonly Finding[] {
  const { clusterID } = member.membership.spec
  const ours = believed(member).filter((g) => g.spec.clusterID === clusterID)
  const active = ours.filter((g) => g.status?.role === 'Active')
  const [first, second] = active
  if (first === undefined) return [none(ours)]
  if (second !== undefined)
    return [
      {
        level: 'warn',
        about: active.map((g) => `Node ${g.spec.node}`),
        says: `${active.map((g) => g.spec.node).join(' and ')} both say that they are active; the one of the higher term is`,
        remedy:
          'It passes within seconds of a hand-over. If it stays: kubectl -n tombolo-system get lease tombolo-gateway -o yaml names the holder.',
      },
    ]
  const out = ours.flatMap((g) =>
    stateOf(g) === undefined ? [] : [`${g.spec.node} is ${stateOf(g) === 'Drained' ? 'drained' : 'cordoned'}`],
  )
  return [pass([`the active gateway is on ${first.spec.node}`, ...out].join('; '), `Node ${first.spec.node}`)]
}

function none(ours: readonly GatewayEndpoint[]): Finding {
  const faults = ours.flatMap(({ spec, status }) => {
    const ready = conditionOf(status?.conditions, 'Ready')
    return ready?.status === 'False' ? [`the gateway on ${spec.node} cannot work: ${ready.message}`] : []
  })
  return {
    level: 'fail',
    about: ours.map((g) => `Node ${g.spec.node}`),
    says: faults.length > 0 ? faults.join('; ') : 'no gateway is active in this cluster: nothing reaches other clusters',
    remedy:
      ours.length === 0
        ? `Make a gateway of a node: kubectl label node NODE ${gatewayNodeLabel}=true.`
        : ours.every((g) => stateOf(g) === 'Drained')
          ? `All of them are drained: tombolo gateway uncordon ${ours[0]?.spec.node ?? 'NODE'} lets one lead again.`
          : 'kubectl -n tombolo-system logs -l app.kubernetes.io/component=gateway says why.',
  }
}

function peers(member: MemberView): readonly Finding[] {
  const others = peersOf(member).map((a) => a.spec.clusterID as string)
  if (others.length === 0) return []
  const without = others.filter((id) => !member.gateways.some((g) => g.spec.clusterID === id && g.status?.role === 'Active'))
  return orPass(
    without.map((id) => ({
      level: 'fail' as const,
      about: [id],
      says: `${id} has announced no active gateway: nothing reaches it`,
      remedy: `Ask there: tombolo diagnose connections --context ${id}.`,
    })),
    `${others.join(', ')} ${others.length === 1 ? 'has' : 'have'} an active gateway each`,
  )
}
