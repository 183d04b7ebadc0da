// The part of the way inside the source's cluster: the pod, what it may send, its node's routes, the overlay, the gateway.
import { gatewayNodeLabel, systemNamespace } from '#crds/places.ts'
import { remoteTable, overlayPort } from '#gateway/data-plane.ts'
import type { CIDR } from '#lib/net/cidr.ts'
import { contains } from '#lib/net/cidr.ts'
import type { Facts } from './facts.ts'
import { activeGateway, agentOn, restartAgent } from './gateways.ts'
import type { Hop } from './hop.ts'
import { broken, fine, unknown } from './hop.ts'
import { judge } from './policy.ts'
import { wayIn } from './way-in.ts'

export const selfOf = ({ near }: Facts): string | undefined => near.snapshot.member?.membership.spec.clusterID
/** Whether the destination is in the source's own cluster, where Tombolo carries nothing. */
export const isLocal = (facts: Facts): boolean => facts.target?.cluster !== undefined && facts.target.cluster === selfOf(facts)
export const local = fine('it is in the same cluster: nothing leaves it')
export const noTarget = unknown('it is not known yet which address packets would go to')
const here = ({ near }: Facts) => `--context ${near.context}`

export const sourcePod: Hop = {
  at: 'source pod',
  of: 'every destination',
  look: (facts) => {
    const { source } = facts.near
    const { namespace, name } = facts.asked.source
    if (!source.known) return unknown(source.why)
    const pod = source.value
    if (pod === undefined)
      return broken(
        `there is no pod ${namespace}/${name} in ${facts.near.context}`,
        `kubectl ${here(facts)} -n ${namespace} get pods`,
      )
    if (!pod.ready)
      return broken(
        `pod ${namespace}/${name} is not ready`,
        `kubectl ${here(facts)} -n ${namespace} describe pod ${name}`,
        `it is ${pod.state}`,
      )
    return fine(
      `${namespace}/${name} has ${pod.address ?? 'no address'} on node ${pod.node ?? '?'}${pod.hostNetwork ? ', in the node’s network' : ''}`,
    )
  },
}

export const mayAsk: Hop = {
  at: 'egress policy',
  of: 'every destination',
  look: (facts) => {
    const { source, policies, snapshot } = facts.near
    if (!policies.known) return unknown(policies.why)
    const pod = source.known ? source.value : undefined
    if (pod === undefined) return unknown('the labels of the source are not known')
    if (pod.hostNetwork) return fine('NetworkPolicies do not apply to pods in the node’s network')
    const edit = (by: readonly string[]) => `kubectl ${here(facts)} -n ${pod.namespace} edit networkpolicy ${by.join(' ')}`
    const [server] = snapshot.platform.dns.servers
    if (facts.asked.destination.kind === 'service' && server !== undefined) {
      const dns = (protocol: string) =>
        judge(policies.value, pod.labels, 'Egress', {
          address: server,
          port: 53,
          protocol,
          portNames: {},
          other: 'of this cluster',
        })
      const asks = dns('UDP')
      if (asks.kind === 'denied')
        return broken(
          `NetworkPolicy ${asks.by.join(', ')} lets ${pod.namespace}/${pod.name} ask no DNS server`,
          `${edit(asks.by)}: allow egress to port 53, UDP and TCP`,
        )
    }
    const { target } = facts
    if (target === undefined) return noTarget
    if (target.port === undefined) return unknown('policies depend on the port: add :PORT to the destination')
    const sends = judge(policies.value, pod.labels, 'Egress', {
      address: target.address,
      port: target.port,
      protocol: target.protocol,
      portNames: {},
      other: isLocal(facts) ? 'of this cluster' : 'of another cluster',
    })
    if (sends.kind === 'denied')
      return broken(
        `NetworkPolicy ${sends.by.join(', ')} lets ${pod.namespace}/${pod.name} send nothing to ${target.address}:${target.port}/${target.protocol}`,
        `${edit(sends.by)}: allow egress to the pod CIDR of ${target.cluster ?? 'the other cluster'}, as an ipBlock`,
        isLocal(facts) ? undefined : 'pod and namespace selectors choose pods of their own cluster alone',
      )
    if (sends.kind === 'perhaps') return unknown('selectors of a NetworkPolicy decide about pods of this cluster')
    return fine(`nothing forbids ${target.address}:${target.port}/${target.protocol}`)
  },
}

export const admitted: Hop = {
  at: 'admission',
  of: 'every destination',
  look: (facts) => {
    const { member } = facts.near.snapshot
    if (member === undefined)
      return broken(
        `the cluster of context ${facts.near.context} is no member of a fleet`,
        `tombolo grant create CLUSTER_ID --context BROKER | tombolo join --grant - ${here(facts)}`,
      )
    if (isLocal(facts)) return local
    const wanted =
      facts.target?.cluster ??
      facts.far?.snapshot.member?.membership.spec.clusterID ??
      (facts.asked.destination.kind === 'pod' ? facts.asked.destination.cluster : undefined)
    const found = member.allocations.find((a) => a.spec.clusterID === wanted)
    if (wanted === undefined)
      return facts.target === undefined
        ? noTarget
        : broken(
            `no cluster of the fleet has the address ${facts.target.address}`,
            `tombolo show clusters ${here(facts)} lists who has which addresses`,
          )
    if (found === undefined)
      return broken(
        `${wanted} is not known in ${facts.near.context}: its Allocation is missing`,
        `on the broker: tombolo show clusters --context BROKER says whether ${wanted} is admitted; kubectl ${here(facts)} -n ${systemNamespace} get pods says whether the operator here runs, which brings it`,
        `kubectl ${here(facts)} -n ${systemNamespace} get allocations`,
      )
    if (found.spec.state !== 'Admitted')
      return broken(
        `${wanted} is ${found.spec.state}: nothing is sent to it`,
        `tombolo show clusters --context BROKER; whoever set it aside can admit it again`,
      )
    const { target } = facts
    if (target !== undefined && !found.spec.podCIDRs.some((block) => contains(block, target.address)))
      return broken(
        `${target.address} is outside of what ${wanted} was admitted with (${found.spec.podCIDRs.join(', ')})`,
        `have ${wanted} join again with --pod-cidr that holds it`,
      )
    return fine(`${wanted} is admitted with ${found.spec.podCIDRs.join(', ')}`)
  },
}

export const gateway: Hop = {
  at: 'gateway',
  of: 'every destination',
  look: (facts) => {
    if (isLocal(facts)) return local
    const active = activeGateway(facts.near.snapshot)
    if (active !== undefined) return fine(`${active.spec.node} is the active gateway of ${selfOf(facts) ?? ''}`)
    const labelled = facts.near.snapshot.platform.nodes.filter((n) => n.gateway).map((n) => n.name)
    const pods = `kubectl ${here(facts)} -n ${systemNamespace} get pods -l app.kubernetes.io/component=gateway -o wide`
    return labelled.length === 0
      ? broken(
          `no gateway is active in ${facts.near.context}: no node carries the label of one`,
          `kubectl ${here(facts)} label node NODE ${gatewayNodeLabel}=true`,
        )
      : broken(`no gateway is active in ${facts.near.context}`, `${pods} says why those on ${labelled.join(', ')} do not run`)
  },
}

export const routes: Hop = {
  at: 'routes',
  of: 'every destination',
  look: (facts) => {
    if (isLocal(facts)) return local
    const pod = facts.near.source.known ? facts.near.source.value : undefined
    if (pod?.node === undefined) return unknown('the source is on no node')
    const agents = `kubectl ${here(facts)} -n ${systemNamespace} get pods -l app.kubernetes.io/component=agent -o wide`
    const agent = agentOn(facts.near.snapshot, pod.node)
    if (agent === undefined)
      return broken(
        `no agent is ready on node ${pod.node}, so nobody keeps its routes`,
        `${agents}; then describe the one on ${pod.node}`,
      )
    const { source } = facts.nodes
    if (!source.known) return unknown(source.why)
    const { target } = facts
    if (target === undefined) return noTarget
    const restart = restartAgent(facts.near.context, facts.near.snapshot, pod.node)
    if (!source.value.rules.some((r) => r.table === remoteTable))
      return broken(
        `node ${pod.node} does not look up routes to other clusters: the rule for table ${remoteTable} is missing`,
        restart,
        'ip rule show',
      )
    const matching = source.value.routes
      .filter((r) => r.table === remoteTable && contains(r.to as CIDR, target.address))
      .toSorted((a, b) => prefixOf(b.to) - prefixOf(a.to) || a.metric - b.metric)
    const [best] = matching
    if (best === undefined)
      return broken(`node ${pod.node} has no route to ${target.address}`, restart, `ip route show table ${remoteTable}`)
    if (best.target.kind === 'unreachable')
      return broken(
        `node ${pod.node} refuses packets to ${target.address}: its agent knows of no gateway`,
        restart,
        `ip route show table ${remoteTable}: unreachable ${best.to}`,
      )
    return fine(`node ${pod.node} sends ${best.to} through ${best.target.dev}`)
  },
}

const prefixOf = (block: string): number => Number(block.split('/')[1] ?? 0)

export const overlay: Hop = {
  at: 'overlay',
  of: 'every destination',
  look: (facts) => {
    if (isLocal(facts)) return local
    const node = facts.near.source.known ? facts.near.source.value?.node : undefined
    const gatewayNode = activeGateway(facts.near.snapshot)?.spec.node
    if (node === undefined || gatewayNode === undefined) return unknown('it is not known between which nodes')
    if (node === gatewayNode) return fine(`${node} is the gateway’s node itself`)
    const { source, gateway: end } = facts.nodes
    if (!source.known) return unknown(source.why)
    if (!end.known) return unknown(end.why)
    const [there, back] = [end.value.overlay, source.value.overlay]
    if (there === undefined || back === undefined) return unknown('the addresses of the nodes are not known')
    if (there && back) return fine(`packets pass both ways between ${node} and ${gatewayNode}`)
    const ways = [...(there ? [] : [`from ${node} to ${gatewayNode}`]), ...(back ? [] : [`from ${gatewayNode} to ${node}`])]
    return broken(
      `nothing passes over the overlay ${ways.join(' nor ')}`,
      `allow UDP ${overlayPort} between the nodes of ${facts.near.context} in firewalls and security groups`,
      'each of the two sent to the other and listened',
    )
  },
}

export const wayBack: Hop = {
  at: 'way back',
  of: 'every destination',
  look: (facts) => {
    if (isLocal(facts)) return local
    const { snapshot, source, context } = facts.near
    const node = snapshot.platform.nodes.find((n) => source.known && n.name === source.value?.node)
    const gatewayNode = activeGateway(snapshot)?.spec.node
    if (node === undefined || gatewayNode === undefined) return unknown('it is not known between which nodes')
    if (node.name === gatewayNode) return fine(`${node.name} is the gateway’s node itself`)
    const { gateway: reading } = facts.nodes
    if (!reading.known) return unknown(reading.why)
    const { target } = facts
    if (target === undefined) return noTarget
    return wayIn(reading.value, node, target.address, restartAgent(context, snapshot, gatewayNode))
  },
}
