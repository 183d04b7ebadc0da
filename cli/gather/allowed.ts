// What a support bundle may hold: of each kind these fields, and of our own pods these logs and these commands. Everything else
// stays where it is. Secrets are not on the list, so they are never even asked for.
import { allocation } from '#crds/allocation.ts'
import { clusterProperty } from '#crds/cluster-property.ts'
import { exportedEndpoints } from '#crds/exported-endpoints.ts'
import { exportGrant } from '#crds/export-grant.ts'
import { exportedService } from '#crds/exported-service.ts'
import { fleet } from '#crds/fleet.ts'
import { gatewayCertificate } from '#crds/gateway-certificate.ts'
import { gatewayEndpoint } from '#crds/gateway-endpoint.ts'
import { joinGrant } from '#crds/join-grant.ts'
import { joinRequest } from '#crds/join-request.ts'
import { member } from '#crds/member.ts'
import { membership } from '#crds/membership.ts'
import { brokerNamespace, managedByLabel, mcsServiceNameLabel, systemNamespace } from '#crds/places.ts'
import { serviceExport } from '#crds/service-export.ts'
import { serviceImport } from '#crds/service-import.ts'
import { serviceTrafficPolicy } from '#crds/service-traffic-policy.ts'
import { trustBundle } from '#crds/trust-bundle.ts'
import * as builtin from '#lib/kube/kinds.ts'
import type { Kind, Where } from '#lib/kube/object.ts'
import type { FieldPath } from './pick.ts'

export const modules = ['connectivity', 'service-discovery', 'broker', 'operator'] as const
export type Module = (typeof modules)[number]

export type Allowed = {
  readonly kind: Kind
  readonly modules: readonly Module[]
  readonly fields: readonly FieldPath[]
  /** Which objects of the kind, one list a place; all of them if absent. */
  readonly where?: readonly Where[]
}

const conditions = 'conditions.{type,status,reason,message,observedGeneration,lastTransitionTime}'
const status = [`status.${conditions}`, 'status.observedGeneration']
const addresses = 'spec.{clusterID,podCIDRs,serviceCIDRs}'
const ours: readonly Where[] = [systemNamespace, brokerNamespace].map((namespace) => ({ namespace }))
const managed: readonly Where[] = [{ labels: `${managedByLabel}=tombolo` }]

/** No env, no args, no volumes: people put secrets there. */
const workload = [
  'spec.replicas',
  'spec.{selector.matchLabels,template.spec.nodeSelector}.{app.kubernetes.io/name,app.kubernetes.io/component,tombolo.dev/gateway}',
  'spec.template.spec.{serviceAccountName,hostNetwork,dnsPolicy,priorityClassName}',
  'spec.template.spec.tolerations.{key,operator,effect}',
  'spec.template.spec.containers.{name,image}',
  ...status,
]

export const allowed: readonly Allowed[] = [
  {
    kind: membership,
    modules,
    fields: [
      addresses,
      'spec.{clusterset,image,wireguardPort,ipsecPort,cables,keyDays,gatewayKeyDays}',
      'spec.importFrom.{namespace,clusters}',
      'spec.trafficDefault',
      'status.peers.{clusterID,podCIDRs}',
      ...status,
    ],
  },
  {
    kind: allocation,
    modules: ['connectivity', 'broker'],
    fields: [
      addresses,
      'spec.{draining,state}',
      'spec.exports.{ungranted,granted,reserved}',
      'spec.traffic.{locality,minReadyEndpoints}',
      'spec.identity.{signingKey,agreementKey}',
    ],
  },
  {
    kind: gatewayEndpoint,
    modules: ['connectivity', 'broker'],
    fields: [
      'spec.{clusterID,node,cables}',
      'spec.ipsec.port',
      'spec.candidates.{type,address,port}',
      'spec.wireguard.publicKey',
      'spec.wireguard.pairKeys.{clusterID,epoch}',
      'spec.topology.{zones,regions}',
      'status.{role,term,driver}',
      'status.connections.{endpoint,clusterID,node,state,message,cable,pairKey,address,rttMicros,since}',
      ...status,
    ],
  },
  { kind: clusterProperty, modules: ['connectivity', 'service-discovery'], fields: ['spec.value'] },
  { kind: serviceExport, modules: ['service-discovery'], fields: [`status.${conditions}`] },
  {
    kind: serviceImport,
    modules: ['service-discovery'],
    fields: [
      'spec.{type,ips,ipFamilies,sessionAffinity,internalTrafficPolicy,trafficDistribution}',
      'spec.ports.{name,protocol,appProtocol,port}',
      'status.clusters.cluster',
      'status.endpointSliceObjects',
      `status.${conditions}`,
    ],
  },
  {
    kind: serviceTrafficPolicy,
    modules: ['service-discovery'],
    fields: [
      'spec.{allow,deny,order,locality,minReadyEndpoints}',
      'spec.weights.{cluster,weight}',
      'status.clusters.{cluster,state,message}',
      'status.clusters.share.{wantedPercent,gotPercent,readyEndpoints,usedEndpoints}',
      ...status,
    ],
  },
  {
    kind: exportedService,
    modules: ['service-discovery', 'broker'],
    // Labels and annotations of a service are its owner's, and may say anything.
    fields: [
      'spec.{clusterID,namespace,name,type,ipFamilies,sessionAffinity,sessionAffinityTimeoutSeconds,exportTo,exportedAt}',
      'spec.{internalTrafficPolicy,trafficDistribution}',
      'spec.ports.{name,protocol,appProtocol,port}',
    ],
  },
  {
    kind: exportedEndpoints,
    modules: ['service-discovery', 'broker'],
    fields: [
      'spec.{clusterID,namespace,name,addressType}',
      'spec.ports.{name,protocol,appProtocol,port}',
      'spec.endpoints.{address,ready,serving,terminating,hostname,node,zone}',
    ],
  },
  {
    kind: gatewayCertificate,
    modules: ['connectivity', 'broker'],
    // Neither requests nor certificates: serial numbers and dates say what is wrong.
    fields: ['spec.{clusterID,node,inUse,trusts}', 'status.{root,serial,notBefore,notAfter}', ...status],
  },
  {
    kind: trustBundle,
    modules: ['broker'],
    fields: ['spec.roots.id', 'spec.denied.{serial,until}', 'status.stage', ...status],
  },
  {
    kind: fleet,
    modules: ['broker'],
    fields: [
      'spec.clusterset',
      'spec.join.{approval,addresses,cables,drainSeconds,reuseAfterSeconds}',
      'spec.exports.ungranted',
      'spec.traffic.{locality,minReadyEndpoints}',
      'spec.ca.{root,upTo,certificateHours}',
      'status.released.{cidr,clusterID,until}',
      'status.reserved.{by,cidrs,clusterID,until}',
      ...status,
    ],
  },
  { kind: exportGrant, modules: ['broker', 'service-discovery'], fields: ['spec.{namespace,services,clusters}'] },
  { kind: member, modules: ['broker'], fields: [addresses, 'spec.{clusterUID,state}', ...status] },
  {
    kind: joinGrant,
    modules: ['broker', 'operator'],
    fields: [
      'spec.{clusterID,expiresAt,approval,approved,approvedAddresses}',
      'status.{state,failedAttempts,usedBy}',
      'status.claim.{by,until}',
      ...status,
    ],
    where: ours,
  },
  {
    kind: joinRequest,
    modules: ['broker'],
    fields: [addresses, 'spec.{clusterUID,version}', 'status.{state,message}', ...status],
  },
  {
    kind: builtin.nodes,
    modules: ['connectivity'],
    fields: [
      'spec.{podCIDRs,unschedulable}',
      'spec.taints.{key,effect}',
      'status.addresses.{type,address}',
      'status.nodeInfo.{kernelVersion,osImage,architecture,containerRuntimeVersion,kubeletVersion}',
      `status.${conditions}`,
    ],
  },
  {
    kind: builtin.deployments,
    modules,
    where: ours,
    fields: [...workload, 'status.{replicas,updatedReplicas,readyReplicas,availableReplicas}'],
  },
  {
    kind: builtin.daemonSets,
    modules,
    where: ours,
    fields: [
      ...workload,
      'status.{desiredNumberScheduled,currentNumberScheduled,updatedNumberScheduled,numberReady,numberMisscheduled}',
    ],
  },
  {
    kind: builtin.pods,
    modules,
    where: ours,
    fields: [
      'spec.{nodeName,hostNetwork,serviceAccountName}',
      'spec.containers.{name,image}',
      'status.{phase,reason,hostIP,podIP,startTime,qosClass}',
      'status.podIPs.ip',
      `status.${conditions}`,
      'status.containerStatuses.{name,image,imageID,ready,restartCount}',
      'status.containerStatuses.{state,lastState}.running.startedAt',
      'status.containerStatuses.{state,lastState}.waiting.reason',
      'status.containerStatuses.{state,lastState}.terminated.{exitCode,signal,reason,startedAt,finishedAt}',
    ],
  },
  {
    kind: builtin.services,
    modules: ['service-discovery'],
    where: [...managed, { namespace: 'kube-system', labels: 'k8s-app=kube-dns' }],
    fields: [
      'spec.{type,clusterIP,clusterIPs,ipFamilies,ipFamilyPolicy,sessionAffinity,internalTrafficPolicy,trafficDistribution}',
      'spec.ports.{name,protocol,appProtocol,port,targetPort,nodePort}',
    ],
  },
  {
    kind: builtin.endpointSlices,
    modules: ['service-discovery'],
    where: [{ labels: mcsServiceNameLabel }],
    fields: [
      'addressType',
      'ports.{name,protocol,appProtocol,port}',
      'endpoints.{addresses,hostname,nodeName,zone}',
      'endpoints.conditions.{ready,serving,terminating}',
    ],
  },
  {
    kind: builtin.configMaps,
    modules: ['service-discovery'],
    where: [{ namespace: 'kube-system', fields: 'metadata.name=coredns' }],
    fields: ['data.Corefile'],
  },
  {
    kind: builtin.leases,
    modules: ['connectivity', 'broker', 'operator'],
    where: [...ours, { fields: 'metadata.name=heartbeat' }],
    fields: ['spec.{holderIdentity,leaseDurationSeconds,acquireTime,renewTime,leaseTransitions}'],
  },
  {
    kind: builtin.events,
    modules: ['operator', 'connectivity', 'broker'],
    where: ours,
    fields: [
      '{type,reason,note,reportingController,eventTime,deprecatedCount,deprecatedLastTimestamp}',
      'regarding.{kind,namespace,name}',
    ],
  },
  {
    kind: builtin.customResourceDefinitions,
    modules: ['operator', 'broker'],
    where: managed,
    fields: ['spec.{group,scope}', 'spec.versions.{name,served,storage}', `status.${conditions}`, 'status.storedVersions'],
  },
  {
    kind: builtin.validatingAdmissionPolicies,
    modules: ['broker'],
    where: managed,
    fields: ['spec.failurePolicy', ...status],
  },
]

/** Of every object. Labels of ours alone: others' may say anything. */
export const metadataFields: readonly FieldPath[] = [
  'apiVersion',
  'kind',
  'metadata.{name,namespace,uid,generation,resourceVersion,creationTimestamp,deletionTimestamp,finalizers}',
  'metadata.ownerReferences.{kind,name}',
]
export const labelPrefixes = [
  'tombolo.dev/',
  'app.kubernetes.io/',
  'multicluster.kubernetes.io/',
  'endpointslice.kubernetes.io/',
  'kubernetes.io/hostname',
  'topology.kubernetes.io/',
]

/** Of which of our programs the logs belong to a module. */
export const componentsOf: Readonly<Record<Module, readonly string[]>> = {
  connectivity: ['gateway', 'agent'],
  'service-discovery': ['dns'],
  broker: ['broker-controller'],
  operator: ['operator', 'cleanup'],
}

/** Programs that are run in our own pods, by component. `wg show all dump` would print private and pre-shared keys; these cannot. */
export const commands: Readonly<Record<'agent' | 'gateway', readonly (readonly string[])[]>> = {
  agent: [
    ['ip', '-j', 'address', 'show'],
    ['ip', '-j', '-s', '-d', 'link', 'show'],
    ['ip', '-j', 'route', 'show', 'table', 'all'],
    ['ip', '-j', '-6', 'route', 'show', 'table', 'all'],
    ['ip', '-j', 'rule', 'show'],
    ['ip', '-j', '-6', 'rule', 'show'],
    ['ip', '-j', 'nexthop', 'show'],
    ['nft', '-j', 'list', 'table', 'inet', 'tombolo-agent'],
    ['sysctl', 'net.ipv4.ip_forward', 'net.ipv4.conf.all.rp_filter', 'net.ipv6.conf.all.forwarding'],
  ],
  gateway: [
    ['nft', '-j', 'list', 'table', 'inet', 'tombolo-gateway'],
    ...['listen-port', 'peers', 'endpoints', 'allowed-ips', 'latest-handshakes', 'transfer'].map((what) => [
      'wg',
      'show',
      'all',
      what,
    ]),
  ],
}
