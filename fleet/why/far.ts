// The part of the way from gateway to gateway and in the destination's cluster, and whether an answer came in the end.
import { systemNamespace } from '#crds/places.ts'
import { placesOf } from '../rows/announced.ts'
import { overlayPort } from '#gateway/data-plane.ts'
import type { Facts } from './facts.ts'
import { activeGateway, activeOf, restartAgent } from './gateways.ts'
import type { Hop } from './hop.ts'
import { broken, fine, unknown } from './hop.ts'
import { isLocal, local, noTarget } from './near.ts'
import { judge } from './policy.ts'
import { wayIn } from './way-in.ts'

const notAsked = unknown('the far cluster was not asked; --to-context NAME asks it')
const clusterOf = (facts: Facts) => facts.target?.cluster ?? facts.far?.snapshot.member?.membership.spec.clusterID
const podOf = ({ far, target }: Facts) =>
  far?.pods.known === true ? far.pods.value.find((p) => p.address === target?.address) : undefined

export const farGateway: Hop = {
  at: 'far gateway',
  of: 'every destination',
  look: (facts) => {
    if (isLocal(facts)) return local
    const cluster = clusterOf(facts)
    if (cluster === undefined) return noTarget
    const label = `kubectl --context ${facts.far?.context ?? 'FAR'} label node NODE tombolo.dev/gateway=true, or see why its pods do not run: kubectl --context ${facts.far?.context ?? 'FAR'} -n ${systemNamespace} get pods`
    if (facts.far?.snapshot.member !== undefined && activeGateway(facts.far.snapshot) === undefined)
      return broken(`no gateway is active in ${cluster}`, label)
    const said = activeOf(facts.near.snapshot.member?.gateways ?? [], cluster)
    return said === undefined
      ? broken(`${cluster} has announced no active gateway to ${facts.near.context}`, label)
      : fine(`${said.spec.node} is the active gateway of ${cluster}`)
  },
}

export const cable: Hop = {
  at: 'cable',
  of: 'every destination',
  look: (facts) => {
    if (isLocal(facts)) return local
    const cluster = clusterOf(facts)
    const own = activeGateway(facts.near.snapshot)
    const end = cluster === undefined ? undefined : activeOf(facts.near.snapshot.member?.gateways ?? [], cluster)
    if (own === undefined || end === undefined) return unknown('it is not known between which gateways')
    const link = own.status?.connections?.find((c) => c.endpoint === end.metadata.name)
    const ends = `${own.spec.node} and ${end.spec.node} of ${end.spec.clusterID}`
    const [first] = placesOf(end.spec, link?.cable)
    if (link?.state === 'Connected')
      return fine(
        `${ends} hear each other${link.path === 'Relay' ? ` through the relay ${link.relay ?? ''}` : ''}${link.rttMicros === undefined ? '' : `, ${(link.rttMicros / 1000).toFixed(1)} ms there and back`}`,
      )
    return broken(
      `the cable between ${ends} is ${link?.state ?? 'not there yet'}${link?.message === undefined ? '' : `: ${link.message}`}`,
      `allow UDP ${first?.port ?? 51820} between ${own.spec.candidates[0]?.address ?? own.spec.node} and ${first?.address ?? end.spec.node}, both ways; tombolo show connections --context ${facts.near.context} -o wide`,
      link?.since === undefined ? undefined : `since ${link.since}`,
    )
  },
}

export const farOverlay: Hop = {
  at: 'far overlay',
  of: 'every destination',
  look: (facts) => {
    if (isLocal(facts)) return local
    const { far } = facts
    if (far === undefined) return notAsked
    const pod = podOf(facts)
    const end = activeGateway(far.snapshot)?.spec.node
    if (pod?.node === undefined || end === undefined) return unknown('it is not known between which nodes')
    if (pod.node === end) return fine(`${end} is the far pod’s node itself`)
    const { farGateway: reading } = facts.nodes
    if (!reading.known) return unknown(reading.why)
    if (reading.value.overlay === undefined) return unknown('the addresses of the nodes are not known')
    return reading.value.overlay
      ? fine(`${end} hears ${pod.node}`)
      : broken(
          `nothing passes over the overlay from ${pod.node} to ${end}`,
          `allow UDP ${overlayPort} between the nodes of ${far.context} in firewalls and security groups`,
        )
  },
}

export const farRoutes: Hop = {
  at: 'far routes',
  of: 'every destination',
  look: (facts) => {
    if (isLocal(facts)) return local
    const { far, target } = facts
    if (far === undefined) return notAsked
    if (target === undefined) return noTarget
    const node = far.snapshot.platform.nodes.find((n) => n.name === podOf(facts)?.node)
    const end = activeGateway(far.snapshot)?.spec.node
    if (node === undefined || end === undefined) return unknown('it is not known between which nodes')
    if (node.name === end) return fine(`${end} is the far pod’s node itself`)
    const { farGateway: reading } = facts.nodes
    if (!reading.known) return unknown(reading.why)
    return wayIn(reading.value, node, target.address, restartAgent(far.context, far.snapshot, end))
  },
}

export const mayAnswer: Hop = {
  at: 'ingress policy',
  of: 'every destination',
  look: (facts) => {
    const { far, target, near } = facts
    if (isLocal(facts)) return unknown('inside one cluster its own CNI decides; this looks at what leaves the cluster')
    if (far === undefined) return notAsked
    if (!far.policies.known) return unknown(far.policies.why)
    const pod = podOf(facts)
    const from = near.source.known ? near.source.value?.address : undefined
    if (target?.port === undefined || pod === undefined || from === undefined)
      return unknown('policies depend on pod, address and port, of which one is not known')
    const takes = judge(far.policies.value, pod.labels, 'Ingress', {
      address: from,
      port: target.port,
      protocol: target.protocol,
      portNames: pod.portNames,
      other: 'of another cluster',
    })
    if (takes.kind === 'denied')
      return broken(
        `NetworkPolicy ${takes.by.join(', ')} lets ${pod.namespace}/${pod.name} take nothing from ${from} on ${target.port}/${target.protocol}`,
        `kubectl --context ${far.context} -n ${pod.namespace} edit networkpolicy ${takes.by.join(' ')}: allow ingress from the pod CIDR of ${near.snapshot.member?.membership.spec.clusterID ?? near.context}, as an ipBlock`,
        'pod and namespace selectors choose pods of their own cluster alone',
      )
    return fine(`nothing forbids ${from} on ${target.port}/${target.protocol}`)
  },
}

export const farPod: Hop = {
  at: 'far pod',
  of: 'every destination',
  look: (facts) => {
    const { far, asked, target } = facts
    if (isLocal(facts)) return local
    if (far === undefined) return notAsked
    if (!far.pods.known) return unknown(far.pods.why)
    const { destination } = asked
    const pod = destination.kind === 'pod' ? far.pods.value.find((p) => p.name === destination.name) : podOf(facts)
    if (pod === undefined) {
      if (destination.kind === 'service' && target === undefined) return noTarget
      const what =
        destination.kind === 'pod'
          ? `pod ${destination.namespace}/${destination.name}`
          : `pod with ${target?.address ?? 'that address'}`
      return broken(`there is no ${what} in ${far.context}`, `kubectl --context ${far.context} get pods -A -o wide`)
    }
    return pod.ready
      ? fine(`${pod.namespace}/${pod.name} is ready on node ${pod.node ?? '?'}`)
      : broken(
          `pod ${pod.namespace}/${pod.name} is not ready`,
          `kubectl --context ${far.context} -n ${pod.namespace} describe pod ${pod.name}`,
          `it is ${pod.state}`,
        )
  },
}

export const answers: Hop = {
  at: 'answer',
  of: 'every destination',
  look: (facts) => {
    const { target, near, nodes, asked } = facts
    if (target === undefined) return noTarget
    if (target.port === undefined) return unknown('what to connect to depends on the port: add :PORT to the destination')
    if (!nodes.source.known) return unknown(nodes.source.why)
    const { node, tcp } = nodes.source.value
    const address = `${target.address}:${target.port}`
    const direct = tcp.find((t) => t.address === target.address && t.port === target.port)
    if (direct === undefined) return unknown('only TCP is tried')
    const from = `tried from node ${node}`
    if (direct.outcome === 'refused')
      return broken(
        `${address} refuses connections: the packets arrive, and nobody listens on port ${target.port}`,
        'make the targetPort of the Service the port that the program listens on, or name another port',
        from,
      )
    if (direct.outcome !== 'open')
      return broken(
        `${address} gives no answer`,
        `look on the far side: tombolo why ${asked.source.namespace}/${asked.source.name} … --to-context FAR, where nothing else is broken, a NetworkPolicy or firewall there drops it most likely`,
        `${from}: ${direct.outcome}`,
      )
    const service = tcp.find((t) => t !== direct)
    if (service !== undefined && service.outcome !== 'open')
      return broken(
        `the endpoint ${address} answers, the service’s own address ${service.address}:${service.port} does not (${service.outcome})`,
        `kube-proxy, or what stands for it, does not do its work on ${node}: see its log there`,
        from,
      )
    return fine(`${address} accepts a connection, ${from} of ${near.context}`)
  },
}
