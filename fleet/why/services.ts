// The part of the way that is about names: what the far cluster exports, what is imported here, and whether the name answers.
import { exportToAnnotation, exportToOf, importers, isSharedWith } from '#crds/export-to.ts'
import { grantCommand } from '#crds/export-grant.ts'
import { clustersetZone, membershipName, systemNamespace } from '#crds/places.ts'
import { conditionOf } from '#lib/kube/conditions.ts'
import { isTaken } from '#operator/mcs/import-from.ts'
import { trafficDefaultOf } from '#operator/mcs/traffic-default.ts'
import type { Destination } from './asked.ts'
import type { Facts } from './facts.ts'
import type { Hop } from './hop.ts'
import { broken, fine, unknown } from './hop.ts'

type Service = Extract<Destination, { kind: 'service' }>

const serviceOf = ({ asked }: Facts): Service => {
  if (asked.destination.kind !== 'service') throw new Error('this hop is about services alone')
  return asked.destination
}
const importOf = (facts: Facts) => {
  const { namespace, name } = serviceOf(facts)
  return facts.near.snapshot.member?.imports.find(({ metadata: m }) => m.namespace === namespace && m.name === name)
}
const policyOf = (facts: Facts) => {
  const { namespace, name } = serviceOf(facts)
  const policies = facts.near.snapshot.member?.trafficPolicies
  return policies?.find(({ metadata: m }) => m.namespace === namespace && m.name === name)
}
/** What the traffic policy here makes of each cluster that exports it; without one nothing. */
const choicesOf = (facts: Facts) => policyOf(facts)?.status?.clusters ?? []
/** Who answers by the fleet’s default, as their endpoints are here and those of others are not. */
const byFleet = (facts: Facts) => {
  const { member } = facts.near.snapshot
  if (member === undefined || policyOf(facts) !== undefined || !facts.near.slices.known) return undefined
  const own = member.allocations.find(({ spec }) => spec.clusterID === member.membership.spec.clusterID)
  const fleets = trafficDefaultOf(member.membership.spec, own)
  const here = facts.near.slices.value.filter(({ endpoints }) => endpoints.length > 0).map(({ cluster }) => cluster)
  return fleets === undefined ? undefined : { locality: fleets.locality, answering: [...new Set(here)].toSorted() }
}
const answeringOf = (facts: Facts) => choicesOf(facts).flatMap(({ cluster, state }) => (state === 'Answers' ? [cluster] : []))

export const exported: Hop = {
  at: 'export',
  of: 'services',
  look: (facts) => {
    const { namespace, name } = serviceOf(facts)
    const { far } = facts
    if (far === undefined) {
      const clusters = importOf(facts)?.status?.clusters?.map(({ cluster }) => cluster) ?? []
      return clusters.length > 0
        ? fine(`${namespace}/${name} is exported by ${clusters.join(', ')}`)
        : unknown('the cluster that should export it was not asked; --to-context NAME asks it')
    }
    const there = `--context ${far.context}`
    const { serviceType } = far
    const item = far.snapshot.member?.exports.find(({ metadata: m }) => m.namespace === namespace && m.name === name)
    if (far.snapshot.member === undefined)
      return broken(
        `the cluster of context ${far.context} is no member of a fleet`,
        `tombolo grant create CLUSTER_ID --context BROKER | tombolo join --grant - ${there}`,
      )
    if (serviceType.known && serviceType.value === undefined)
      return broken(`there is no Service ${namespace}/${name} in ${far.context}`, `kubectl ${there} -n ${namespace} get services`)
    if (serviceType.known && serviceType.value === 'ExternalName')
      return broken(
        `Service ${namespace}/${name} is of type ExternalName, which has no endpoints and cannot be exported`,
        `give it a selector and a cluster IP, or call the external name itself: kubectl ${there} -n ${namespace} edit service ${name}`,
      )
    if (item === undefined)
      return broken(
        `Service ${namespace}/${name} is not exported by ${far.context}`,
        `tombolo export service ${name} -n ${namespace} ${there}`,
      )
    const valid = conditionOf(item.status?.conditions, 'Valid')
    if (valid?.status === 'False' && valid.reason === 'NotGranted') {
      const { clusterID } = far.snapshot.member.membership.spec
      return broken(
        `the fleet does not let ${clusterID} export ${namespace}/${name}`,
        `${grantCommand(clusterID, { namespace, name })}: whoever administers the broker can`,
        `ServiceExport Valid=False, ${valid.reason}`,
      )
    }
    if (valid?.status === 'False')
      return broken(
        `the export of ${namespace}/${name} is not valid: ${valid.message}`,
        `kubectl ${there} -n ${namespace} describe serviceexport ${name}`,
        `ServiceExport Valid=False, ${valid.reason}`,
      )
    const { clusterID } = far.snapshot.member.membership.spec
    const self = facts.near.snapshot.member?.membership.spec.clusterID
    const read = exportToOf(item)
    const to = read.ok ? read.value : undefined
    if (to !== undefined && self !== undefined && !isSharedWith({ clusterID, exportTo: to }, self))
      return broken(
        `${namespace}/${name} is exported by ${far.context} for ${importers(to)}, and not for ${self}`,
        `tombolo export service ${name} -n ${namespace} --to ${[...to, self].join(',')} ${there}`,
        `ServiceExport ${exportToAnnotation}: ${to.join(',')}`,
      )
    return fine(`${namespace}/${name} is exported by ${far.context}`)
  },
}

export const endpointsReady: Hop = {
  at: 'endpoints',
  of: 'services',
  look: (facts) => {
    const { namespace, name } = serviceOf(facts)
    const { far, near } = facts
    const there = far === undefined ? '' : `--context ${far.context} `
    const behind = far?.snapshot.member?.exported.services.find((s) => s.namespace === namespace && s.name === name)
    const none = (evidence: string) =>
      broken(
        `no endpoint of ${namespace}/${name} is ready`,
        `kubectl ${there}-n ${namespace} get pods, and see that they are ready and that the Service’s selector chooses them`,
        evidence,
      )
    if (behind !== undefined) {
      const ready = behind.endpoints.filter((e) => e.ready).length
      return ready === 0
        ? none(`0 of ${behind.endpoints.length} ready in ${far?.context ?? ''}`)
        : fine(`${ready} of ${behind.endpoints.length} ready`)
    }
    if (importOf(facts) === undefined || !near.slices.known) return unknown('nothing is published here that would say')
    if (choicesOf(facts).length > 0 && answeringOf(facts).length === 0)
      return unknown('its traffic policy lets nobody answer here')
    const all = near.slices.value.flatMap((s) => s.endpoints)
    const ready = all.filter((e) => e.ready).length
    return ready === 0 ? none(`0 of ${all.length} ready, as published`) : fine(`${ready} of ${all.length} ready, as published`)
  },
}

export const imported: Hop = {
  at: 'import',
  of: 'services',
  look: (facts) => {
    const { namespace, name } = serviceOf(facts)
    const { near } = facts
    const here = `--context ${near.context}`
    const item = importOf(facts)
    if (near.namespaceExists.known && !near.namespaceExists.value)
      return broken(
        `there is no namespace ${namespace} in ${near.context}, so nothing can be imported into it`,
        `kubectl ${here} create namespace ${namespace}`,
      )
    const from = facts.far?.snapshot.member?.membership.spec.clusterID
    const own = near.snapshot.member?.membership.spec
    if (item === undefined && from !== undefined && !isTaken(own?.importFrom, { namespace, clusterID: from }))
      return broken(
        `${near.context} takes services of namespace ${namespace} from other clusters than ${from} alone: spec.importFrom of its Membership`,
        `kubectl ${here} -n ${systemNamespace} edit membership ${membershipName}, and name ${from} there, if it is to be believed`,
      )
    if (item === undefined)
      return facts.far === undefined
        ? broken(
            `no cluster of the fleet exports ${namespace}/${name} to ${near.context}`,
            `tombolo export service ${name} -n ${namespace} --context FAR`,
          )
        : broken(
            `${namespace}/${name} is exported, but has not come to ${near.context}`,
            `tombolo show clusters ${here} says whether both reach the broker; kubectl ${here} -n ${systemNamespace} logs deployment/tombolo-operator`,
          )
    const unready = conditionOf(item.status?.conditions, 'Ready')
    if (unready?.status === 'False')
      return broken(
        `the import of ${namespace}/${name} is not ready: ${unready.message}`,
        `kubectl ${here} -n ${namespace} describe serviceimport ${name}`,
      )
    const choices = choicesOf(facts)
    const answering = answeringOf(facts)
    const leftOut = choices.find(({ cluster, state }) => cluster === from && state !== 'Answers')
    if (choices.length > 0 && (answering.length === 0 || leftOut !== undefined))
      return broken(
        answering.length === 0
          ? `the traffic policy of ${namespace}/${name} in ${near.context} lets no cluster answer`
          : `the traffic policy of ${namespace}/${name} in ${near.context} lets ${answering.join(', ')} answer and not ${from ?? ''}: ${leftOut?.message ?? ''}`,
        `kubectl ${here} -n ${namespace} edit servicetrafficpolicy ${name}`,
        `ServiceTrafficPolicy ${choices.map(({ cluster, state }) => `${cluster} ${state}`).join(', ')}`,
      )
    const clusters = item.status?.clusters?.map(({ cluster }) => cluster) ?? []
    if (near.slices.known && !near.slices.value.some((s) => s.endpoints.some((e) => e.ready)))
      return broken(
        `the import of ${namespace}/${name} has no ready endpoint in ${near.context}`,
        `tombolo show services ${here} and tombolo show clusters ${here} say of whom none is believed`,
      )
    const fleets = byFleet(facts)
    const letsAnswer = `${fleets?.locality ?? ''}, lets ${fleets?.answering.join(', ') ?? ''} answer`
    if (fleets !== undefined && from !== undefined && clusters.includes(from) && !fleets.answering.includes(from))
      return broken(
        `the fleet’s traffic default, ${letsAnswer} ${namespace}/${name} in ${near.context} and not ${from}`,
        `a ServiceTrafficPolicy ${name} with order: [${from}] chooses for this service: kubectl ${here} -n ${namespace} apply -f FILE`,
      )
    const shares = choices.flatMap(({ cluster, share }) => (share === undefined ? [] : [`${cluster} ${share.gotPercent} %`]))
    const chosen =
      answering.length === 0
        ? fleets === undefined
          ? ''
          : `; the fleet’s traffic default, ${letsAnswer}`
        : `; by its traffic policy ${answering.join(', ')} ${answering.length === 1 ? 'answers' : 'answer'}${shares.length > 1 ? `, of the calls ${shares.join(', ')}` : ''}`
    return fine(`${namespace}/${name} is imported from ${clusters.join(', ')}${chosen}`)
  },
}

export const portOffered: Hop = {
  at: 'port',
  of: 'services',
  look: (facts) => {
    const ports = importOf(facts)?.spec.ports
    if (ports === undefined || ports.length === 0) return unknown('the import, which says the ports, is not there')
    const offers = ports.map((p) => `${p.port}/${p.protocol ?? 'TCP'}`).join(', ')
    const { port, destination } = facts.asked
    if (port === undefined || ports.some((p) => p.port === port)) return fine(`it offers ${offers}`)
    const { namespace, name } = destination.kind === 'service' ? destination : { namespace: '', name: '' }
    return broken(
      `${namespace}/${name} has no port ${port}: it offers ${offers}`,
      `ask for one of these, or add ${port} to the ports of the Service where it is exported`,
    )
  },
}

export const nameAnswers: Hop = {
  at: 'DNS',
  of: 'services',
  look: (facts) => {
    const { near, nodes } = facts
    const here = `--context ${near.context}`
    const { member, platform } = near.snapshot
    const { namespace, name } = serviceOf(facts)
    const full = `${name}.${namespace}.svc.${clustersetZone}`
    const [cluster = ''] = platform.dns.servers
    const [ours = ''] = member?.dnsAddresses ?? []
    const servers = member?.workloads.find((w) => w.component === 'dns')
    if (servers !== undefined && servers.available === 0)
      return broken(
        `no DNS server for ${clustersetZone} runs`,
        `kubectl ${here} -n ${systemNamespace} scale deployment ${servers.name} --replicas=2, and kubectl ${here} -n ${systemNamespace} get pods if that does not help`,
        `${servers.name}: 0 of ${servers.wanted} available`,
      )
    if (platform.dns.coreDNS === 'present') {
      const { forwardsTo } = platform.dns
      if (forwardsTo === undefined)
        return broken(
          `CoreDNS does not forward ${clustersetZone}: its stub zone is missing`,
          `kubectl ${here} -n ${systemNamespace} rollout restart deployment tombolo-operator puts it back`,
          'ConfigMap kube-system/coredns',
        )
      if (member !== undefined && !forwardsTo.some((to) => member.dnsAddresses.includes(to)))
        return broken(
          `CoreDNS forwards ${clustersetZone} to ${forwardsTo.join(', ') || 'nowhere'}, and the server is at ${ours || 'no address'}`,
          `kubectl ${here} -n ${systemNamespace} rollout restart deployment tombolo-operator writes it anew`,
          'ConfigMap kube-system/coredns',
        )
    }
    if (!nodes.source.known) return unknown(nodes.source.why)
    const said = nodes.source.value.dns.find((d) => d.server === cluster)
    const own = nodes.source.value.dns.find((d) => d.server === ours)
    if (own?.failure !== undefined)
      return broken(
        `the DNS server of the fleet (${own.server}) does not answer for ${full}: ${own.failure}`,
        `kubectl ${here} -n ${systemNamespace} logs deployment/tombolo-dns`,
        `asked from node ${nodes.source.value.node}`,
      )
    if (said?.failure !== undefined)
      return broken(
        `the cluster DNS (${said.server}) does not answer for ${full}, though the fleet’s server does: ${said.failure}`,
        `kubectl ${here} -n kube-system rollout restart deployment coredns, which then reads its Corefile anew`,
        `asked from node ${nodes.source.value.node}`,
      )
    const answer = said ?? own
    return answer === undefined
      ? unknown('the address of the cluster DNS is not known')
      : fine(`${full} is ${answer.addresses.join(', ')}, asked from node ${nodes.source.value.node}`)
  },
}
