// The list of checks, in the order in which their findings are shown. A new one is a file beside this and a line here.
import type { Snapshot } from '../snapshot.ts'
import { activeGateway } from './active-gateway.ts'
import { admissionPolicies } from './admission-policies.ts'
import { agentsEverywhere } from './agents-everywhere.ts'
import { apiKinds } from './api-kinds.ts'
import { bothDirections } from './both-directions.ts'
import { brokerReachable } from './broker-reachable.ts'
import { cablesConnected } from './cables-connected.ts'
import type { Check, Finding, Subject } from './check.ts'
import { clocks } from './clocks.ts'
import { clusterDNS } from './cluster-dns.ts'
import { cni } from './cni.ts'
import { dnsAnswers } from './dns-answers.ts'
import { dnsServers } from './dns-servers.ts'
import { exportConflicts } from './export-conflicts.ts'
import { exportGrants } from './export-grants.ts'
import { exportedEndpoints } from './exported-endpoints.ts'
import { exportsValid } from './exports-valid.ts'
import { formerGateways } from './former-gateways.ts'
import { gatewayPorts } from './gateway-ports.ts'
import { guardInPlace } from './guard-in-place.ts'
import { importsAnswer } from './imports-answer.ts'
import { joinRequests } from './join-requests.ts'
import { kubeProxy } from './kube-proxy.ts'
import { kubernetesVersion } from './kubernetes-version.ts'
import { membersHeard } from './members-heard.ts'
import { membership } from './membership.ts'
import { mtu } from './mtu.ts'
import { networkPolicies } from './network-policies.ts'
import { nodeAddresses } from './node-addresses.ts'
import { nodeRoutes } from './node-routes.ts'
import { nodesReady } from './nodes-ready.ts'
import { oneVersion } from './one-version.ts'
import { overlappingCIDRs } from './overlapping-cidrs.ts'
import { overlayPort } from './overlay-port.ts'
import { pairKeys } from './pair-keys.ts'
import { peersBelieved } from './peers-believed.ts'
import { podsRunning } from './pods-running.ts'
import { readable } from './readable.ts'
import { removalsHeld } from './removals-held.ts'
import { restarts } from './restarts.ts'
import { stubZone } from './stub-zone.ts'
import { tokenLife } from './token-life.ts'
import { trafficPolicies } from './traffic-policies.ts'
import { workloadsAvailable } from './workloads-available.ts'

export const checks: readonly Check[] = [
  readable,
  membership,
  workloadsAvailable,
  podsRunning,
  restarts,
  nodesReady,
  cni,
  agentsEverywhere,
  nodeAddresses,
  activeGateway,
  cablesConnected,
  bothDirections,
  pairKeys,
  peersBelieved,
  overlappingCIDRs,
  formerGateways,
  nodeRoutes,
  mtu,
  gatewayPorts,
  overlayPort,
  guardInPlace,
  kubeProxy,
  dnsServers,
  stubZone,
  clusterDNS,
  dnsAnswers,
  exportsValid,
  exportConflicts,
  exportedEndpoints,
  importsAnswer,
  removalsHeld,
  trafficPolicies,
  networkPolicies,
  brokerReachable,
  tokenLife,
  clocks,
  membersHeard,
  joinRequests,
  exportGrants,
  admissionPolicies,
  kubernetesVersion,
  oneVersion,
  apiKinds,
]

/** A finding with the check it is from. */
export type Found = { readonly subject: Subject; readonly check: string } & Finding

/** All that the checks of these subjects find. */
export const findingsOf = (seen: Snapshot, subjects: readonly Subject[]): readonly Found[] =>
  checks
    .filter(({ subject }) => subjects.includes(subject))
    .flatMap((check) => check.run(seen).map((finding) => ({ subject: check.subject, check: check.name, ...finding })))
