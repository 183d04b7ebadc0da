// The Kubernetes cluster that Tombolo runs in: its version and clock, its nodes, its kube-proxy, its DNS, its CNI.
import { parse } from 'yaml'
import { z } from 'zod'
import { clustersetZone, gatewayDrainedLabel, gatewayNodeLabel } from '#crds/places.ts'
import { configMaps, daemonSets, deployments, nodes, services } from '#lib/kube/kinds.ts'
import type { KubeObject } from '#lib/kube/object.ts'
import { zoneForwarders } from '#operator/install/corefile.ts'
import { timeIn, timeQuestion } from '#lib/kube/server-time.ts'
import type { Door } from './door.ts'

export type NodeFact = {
  readonly name: string
  readonly ready: boolean
  /** Carries the label that asks for a gateway. */
  readonly gateway: boolean
  /** Carries the label by which its gateway was drained. */
  readonly drained: boolean
  /** As `kubectl cordon` leaves it. */
  readonly cordoned: boolean
  readonly addresses: readonly string[]
  /** Empty where the CNI does not take its blocks from the Node object. */
  readonly podCIDRs: readonly string[]
  /** `amd64`, as the kubelet says. */
  readonly arch: string
  readonly kubelet: string
}

export type ClusterDNS = {
  /** What pods are told to ask: addresses of the Service kube-dns. */
  readonly servers: readonly string[]
  /** Whether kube-system has CoreDNS as kubeadm installs it. */
  readonly coreDNS: 'present' | 'absent'
  /** To where it forwards clusterset.local; undefined when it does not. */
  readonly forwardsTo: readonly string[] | undefined
  readonly wanted: number
  readonly available: number
}

export type KubeProxyConfig = { readonly mode: string; readonly masqueradeAll: boolean }

export type Platform = {
  /** `v1.36.1`. */
  readonly version: string | undefined
  /** The apiserver’s clock when it was asked, in whole seconds. */
  readonly clock: Date | undefined
  readonly nodes: readonly NodeFact[]
  /** `namespace/name` of every DaemonSet: by these the CNI is known. */
  readonly daemonSets: readonly string[]
  /** ConfigMap kube-system/cilium-config; undefined where there is none. */
  readonly cilium: Readonly<Record<string, string>> | undefined
  /** As configured in kube-system, where kubeadm keeps it. */
  readonly kubeProxy: KubeProxyConfig | undefined
  readonly dns: ClusterDNS
}

const systemPlace = (name: string) => ({ namespace: 'kube-system', name })

export async function readPlatform(door: Door): Promise<Platform> {
  const [version, clock, found, sets, cilium, kubeProxy, dns] = await Promise.all([
    door.ifAllowed('the version of Kubernetes', undefined, door.ask({ method: 'GET', path: '/version' })),
    door.ifAllowed('the clock of the apiserver', undefined, door.ask(timeQuestion)),
    door.ifAllowed('Nodes', [], door.any(nodes, {}, parseNode)),
    door.ifAllowed(
      'DaemonSets of all namespaces',
      [],
      door.any(daemonSets, {}, ({ metadata }) => `${metadata.namespace ?? ''}/${metadata.name}`),
    ),
    door.ifAllowed('the settings of Cilium', undefined, door.get(configMaps, systemPlace('cilium-config'), dataOf)),
    door.ifAllowed(
      'the settings of kube-proxy',
      undefined,
      door.get(configMaps, systemPlace('kube-proxy'), (object) => parseKubeProxy(dataOf(object)?.['config.conf'])),
    ),
    readClusterDNS(door),
  ])
  return { version: parseVersion(version), clock: timeIn(clock), nodes: found, daemonSets: sets, cilium, kubeProxy, dns }
}

async function readClusterDNS(door: Door): Promise<ClusterDNS> {
  const [servers, corefile, custom, deployment] = await Promise.all([
    door.ifAllowed('the Service of the cluster DNS', undefined, door.get(services, systemPlace('kube-dns'), addressesOf)),
    door.ifAllowed(
      'the Corefile',
      undefined,
      door.get(configMaps, systemPlace('coredns'), (o) => dataOf(o)?.Corefile),
    ),
    door.ifAllowed('the Corefile', undefined, door.get(configMaps, systemPlace('coredns-custom'), dataOf)),
    door.ifAllowed('the Deployment of CoreDNS', undefined, door.get(deployments, systemPlace('coredns'), parseCount)),
  ])
  return {
    servers: servers ?? [],
    coreDNS: corefile !== undefined && deployment !== undefined ? 'present' : 'absent',
    forwardsTo: corefile === undefined ? undefined : zoneForwarders(corefile, custom ?? {}, clustersetZone),
    wanted: deployment?.wanted ?? 0,
    available: deployment?.available ?? 0,
  }
}

const conditions = z.array(z.looseObject({ type: z.string(), status: z.string() })).nullish()
const nodeField = z.looseObject({
  spec: z.looseObject({ podCIDRs: z.array(z.string()).nullish(), unschedulable: z.boolean().nullish() }).nullish(),
  status: z.looseObject({
    conditions,
    addresses: z.array(z.looseObject({ type: z.string(), address: z.string() })).nullish(),
    nodeInfo: z.looseObject({ architecture: z.string(), kubeletVersion: z.string() }).nullish(),
  }),
})

export function parseNode(object: KubeObject): NodeFact | undefined {
  const parsed = nodeField.safeParse(object)
  if (!parsed.success) return undefined
  const { spec, status } = parsed.data
  return {
    name: object.metadata.name,
    ready: status.conditions?.some((c) => c.type === 'Ready' && c.status === 'True') ?? false,
    gateway: object.metadata.labels?.[gatewayNodeLabel] === 'true',
    drained: object.metadata.labels?.[gatewayDrainedLabel] === 'true',
    cordoned: spec?.unschedulable ?? false,
    addresses: (status.addresses ?? []).filter((a) => a.type === 'InternalIP').map((a) => a.address),
    podCIDRs: spec?.podCIDRs ?? [],
    arch: status.nodeInfo?.architecture ?? '',
    kubelet: status.nodeInfo?.kubeletVersion ?? '',
  }
}

const textMap = z.record(z.string(), z.string())

function dataOf(object: KubeObject): Readonly<Record<string, string>> | undefined {
  const parsed = textMap.safeParse(object.data)
  return parsed.success ? parsed.data : undefined
}

/** The addresses of a Service; a headless one has none. */
export function addressesOf(object: KubeObject): readonly string[] | undefined {
  const parsed = z
    .looseObject({ clusterIP: z.string().nullish(), clusterIPs: z.array(z.string()).nullish() })
    .safeParse(object.spec)
  if (!parsed.success) return undefined
  const { clusterIP, clusterIPs } = parsed.data
  return (clusterIPs ?? [clusterIP ?? '']).filter((ip) => ip !== '' && ip !== 'None')
}

const countField = z.looseObject({
  spec: z.looseObject({ replicas: z.int().nullish() }).nullish(),
  status: z.looseObject({ availableReplicas: z.int().nullish() }).nullish(),
})

function parseCount(object: KubeObject): { readonly wanted: number; readonly available: number } | undefined {
  const parsed = countField.safeParse(object)
  if (!parsed.success) return undefined
  return { wanted: parsed.data.spec?.replicas ?? 1, available: parsed.data.status?.availableReplicas ?? 0 }
}

const proxyPart = z.looseObject({ masqueradeAll: z.boolean().nullish() }).nullish()
const proxyField = z.looseObject({ mode: z.string().nullish(), iptables: proxyPart, ipvs: proxyPart, nftables: proxyPart })

/** An empty mode is the platform’s own, which on Linux is iptables. */
export function parseKubeProxy(text: string | undefined): KubeProxyConfig | undefined {
  const parsed = proxyField.safeParse(yamlOf(text))
  if (text === undefined || !parsed.success) return undefined
  const { mode, iptables, nftables } = parsed.data
  const used = (mode ?? '') === '' ? 'iptables' : (mode ?? '')
  return { mode: used, masqueradeAll: (used === 'nftables' ? nftables : iptables)?.masqueradeAll ?? false }
}

function yamlOf(text: string | undefined): unknown {
  try {
    return text === undefined ? undefined : parse(text)
  } catch {
    return undefined
  }
}

function parseVersion(answer: unknown): string | undefined {
  const parsed = z.looseObject({ gitVersion: z.string() }).safeParse(answer)
  return parsed.success ? parsed.data.gitVersion : undefined
}
