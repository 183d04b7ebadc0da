// Brings what runs in a member cluster and keeps it there: gateway, agent, DNS server, the cluster DNS's block, the cluster's properties.
import { clusterIDProperty, clusterProperty, clustersetProperty, type ClusterProperty } from '#crds/cluster-property.ts'
import type { Membership } from '#crds/membership.ts'
import { clustersetZone, managedBy, systemNamespace } from '#crds/places.ts'
import type { Kube } from '#lib/kube/client.ts'
import type { Next } from '#lib/kube/controller.ts'
import { again, controller, settled, source } from '#lib/kube/controller.ts'
import type { ConfigMap, DaemonSet, Deployment, Service } from '#lib/kube/kinds.ts'
import { configMaps, daemonSets, deployments, services } from '#lib/kube/kinds.ts'
import type { Key, Kind, KubeObject } from '#lib/kube/object.ts'
import { keyOf } from '#lib/kube/object.ts'
import { applyPlan, type Step } from '#lib/kube/plan.ts'
import { reflect } from '#lib/kube/reflector.ts'
import type { Store } from '#lib/kube/store.ts'
import type { Cell } from '#lib/std/cell.ts'
import type { Logger } from '#lib/std/log.ts'
import type { DnsState } from '../membership/status.ts'
import type { Patches, Seen } from './coredns.ts'
import { coreDNSKey, customKey, unwirePatches, wirePatches } from './coredns.ts'
import { agentDaemonSet } from './manifests/agent.ts'
import { dnsDeployment, dnsService } from './manifests/dns.ts'
import { gatewayDaemonSet } from './manifests/gateway.ts'
import { nameOf } from './manifests/pod.ts'

export const fieldManager = 'tombolo-operator'

/** Everything of ours that the apiserver has, as the install controller sees it. */
export type Installed = {
  readonly daemonSets: Store<DaemonSet>
  readonly deployments: Store<Deployment>
  readonly services: Store<Service>
  readonly configMaps: Store<ConfigMap>
  readonly custom: Store<ConfigMap>
  readonly coreDNS: Store<Deployment>
  readonly properties: Store<ClusterProperty>
}

export function watchInstalled(kube: Kube, signal: AbortSignal): Installed {
  const ours = { namespace: systemNamespace }
  const coreDNS = { namespace: coreDNSKey.namespace, fields: `metadata.name=${coreDNSKey.name}` }
  return {
    daemonSets: reflect(kube, daemonSets, ours, signal).store,
    deployments: reflect(kube, deployments, ours, signal).store,
    services: reflect(kube, services, ours, signal).store,
    configMaps: reflect(kube, configMaps, coreDNS, signal).store,
    custom: reflect(kube, configMaps, { namespace: customKey.namespace, fields: `metadata.name=${customKey.name}` }, signal)
      .store,
    coreDNS: reflect(kube, deployments, coreDNS, signal).store,
    properties: reflect(kube, clusterProperty, {}, signal).store,
  }
}

/** Runs until `signal` aborts; `dns` says how far the cluster DNS is. */
export function keepInstalled(
  kube: Kube,
  membership: Membership,
  installed: Installed,
  dns: Cell<DnsState>,
  log: Logger,
  signal: AbortSignal,
): Promise<void> {
  const all = { name: 'everything' }
  return controller({
    name: 'install',
    log,
    sources: [
      source(installed.daemonSets, () => [all]),
      source(installed.deployments, () => [all]),
      source(installed.services, () => [all]),
      source(installed.configMaps, () => [all]),
      source(installed.custom, () => [all]),
      source(installed.coreDNS, () => [all]),
      source(installed.properties, () => [all]),
    ],
    reconcile: async (_, stop) => {
      await applyPlan(
        kube,
        { steps: wanted(membership).map(([kind, object]) => applyStep(kind, object, installed)), next: settled },
        fieldManager,
        stop,
      )
      return wireNames(kube, installed, dns, stop)
    },
  }).run(signal)
}

/** What a member cluster is to have, in the order in which it is applied. */
export function wanted({ spec }: Membership): readonly (readonly [Kind, KubeObject])[] {
  const property = (name: string, value: string): KubeObject & { spec: { value: string } } => ({
    apiVersion: clusterProperty.apiVersion,
    kind: clusterProperty.kind,
    metadata: { name, labels: { ...managedBy } },
    spec: { value },
  })
  return [
    [clusterProperty, property(clusterIDProperty, spec.clusterID)],
    [clusterProperty, property(clustersetProperty, spec.clusterset)],
    [services, dnsService()],
    [daemonSets, gatewayDaemonSet(spec)],
    [daemonSets, agentDaemonSet(spec)],
    [deployments, dnsDeployment(spec)],
  ]
}

function applyStep(kind: Kind, object: KubeObject, installed: Installed): Step {
  return { do: 'apply', kind, object, have: have(kind, keyOf(object), installed) }
}

function have(kind: Kind, key: Key, installed: Installed): KubeObject | undefined {
  switch (kind) {
    case services:
      return installed.services.get(key)
    case daemonSets:
      return installed.daemonSets.get(key)
    case deployments:
      return installed.deployments.get(key)
    default:
      return installed.properties.get(key)
  }
}

async function wireNames(kube: Kube, installed: Installed, dns: Cell<DnsState>, signal: AbortSignal): Promise<Next> {
  const server = installed.services.get({ namespace: systemNamespace, name: nameOf('dns') })?.spec?.clusterIP
  if (server === undefined || server === '') {
    dns.set('pending')
    return again(1000, 'the DNS Service has no address yet')
  }
  const { state, patches } = wirePatches(seenIn(installed), clustersetZone, server)
  await patchCoreDNS(kube, patches, signal)
  dns.set(state)
  return settled
}

/** Takes our block out of the cluster DNS again. */
export async function unwireNames(kube: Kube, signal: AbortSignal): Promise<void> {
  const seen = {
    configMap: await kube.get(configMaps, coreDNSKey, signal),
    custom: await kube.get(configMaps, customKey, signal),
    deployment: await kube.get(deployments, coreDNSKey, signal),
  }
  await patchCoreDNS(kube, unwirePatches(seen), signal)
}

async function patchCoreDNS(kube: Kube, patches: Patches, signal: AbortSignal): Promise<void> {
  const by = { fieldManager }
  // The file first: a pod that rolls before it would start with the old one.
  switch (patches.custom?.do) {
    case 'create':
      await kube.apply(configMaps, patches.custom.object, by, signal)
      break
    case 'patch':
      await kube.patch(configMaps, customKey, patches.custom.patch, by, signal)
      break
    case 'delete':
      await kube.delete(configMaps, customKey, {}, signal)
      break
    case undefined:
  }
  if (patches.configMap !== undefined) await kube.patch(configMaps, coreDNSKey, patches.configMap, by, signal)
  if (patches.deployment !== undefined) await kube.patch(deployments, coreDNSKey, patches.deployment, by, signal)
}

const seenIn = (installed: Installed): Seen => ({
  configMap: installed.configMaps.get(coreDNSKey),
  custom: installed.custom.get(customKey),
  deployment: installed.coreDNS.get(coreDNSKey),
})
