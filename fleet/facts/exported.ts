// What stands behind this cluster's exports: the Services, their endpoints, and the NetworkPolicies between these and the world.
// Read only in the namespaces that export something.
import { z } from 'zod'
import type { ServiceExport } from '#crds/service-export.ts'
import { mcsServiceNameLabel } from '#crds/places.ts'
import { endpointSlices, networkPolicies, pods, services } from '#lib/kube/kinds.ts'
import type { KubeObject } from '#lib/kube/object.ts'
import type { Door } from './door.ts'
import { addressesOf } from './platform.ts'

export type ServicePortFact = {
  readonly name: string
  readonly port: number
  readonly protocol: string
  /** A number, or the name of a port of the pods. */
  readonly target: number | string
}

/** A Service that is exported. */
export type ServiceFact = {
  readonly namespace: string
  readonly name: string
  readonly type: string
  readonly addresses: readonly string[]
  readonly ports: readonly ServicePortFact[]
  readonly selector: Readonly<Record<string, string>>
  /** Of its EndpointSlices. */
  readonly endpoints: readonly EndpointFact[]
}

/** `pod` is the name of the pod behind it, if one is. */
export type EndpointFact = { readonly address: string; readonly ready: boolean; readonly pod: string | undefined }

export type Selector = {
  readonly matchLabels: Readonly<Record<string, string>>
  readonly matchExpressions: readonly { readonly key: string; readonly operator: string; readonly values: readonly string[] }[]
}

export type PolicyPeer = {
  /** undefined for a peer that is chosen by selectors, which choose pods of this cluster alone. */
  readonly block: { readonly cidr: string; readonly except: readonly string[] } | undefined
}

/** `port` undefined: every port of the protocol. */
export type PolicyPort = {
  readonly protocol: string
  readonly port: number | string | undefined
  readonly endPort: number | undefined
}

/** An empty list of peers or ports means all of them. */
export type IngressRule = { readonly from: readonly PolicyPeer[]; readonly ports: readonly PolicyPort[] }

/** A NetworkPolicy that restricts what its pods receive. */
export type PolicyFact = {
  readonly namespace: string
  readonly name: string
  readonly selects: Selector
  readonly ingress: readonly IngressRule[]
}

/** Labels of the pods behind exported services; read only in namespaces that have a NetworkPolicy. */
export type PodLabels = { readonly namespace: string; readonly name: string; readonly labels: Readonly<Record<string, string>> }

export type Exported = {
  readonly services: readonly ServiceFact[]
  readonly policies: readonly PolicyFact[]
  readonly podLabels: readonly PodLabels[]
}

export async function readExported(door: Door, exports: readonly ServiceExport[]): Promise<Exported> {
  const namespaces = [...new Set(exports.flatMap(({ metadata }) => metadata.namespace ?? []))]
  const parts = await Promise.all(
    namespaces.map((namespace) =>
      readNamespace(
        door,
        namespace,
        exports.filter((e) => e.metadata.namespace === namespace).map((e) => e.metadata.name),
      ),
    ),
  )
  return {
    services: parts.flatMap((p) => p.services),
    policies: parts.flatMap((p) => p.policies),
    podLabels: parts.flatMap((p) => p.podLabels),
  }
}

async function readNamespace(door: Door, namespace: string, names: readonly string[]): Promise<Exported> {
  const allowed = <T>(what: string, read: Promise<readonly T[]>) =>
    door.ifAllowed<readonly T[]>(`${what} of namespace ${namespace}`, [], read)
  const [found, slices, policies] = await Promise.all([
    allowed('Services', door.any(services, { namespace }, parseService)),
    allowed('EndpointSlices', door.any(endpointSlices, { namespace, labels: `!${mcsServiceNameLabel}` }, parseLocalSlice)),
    allowed('NetworkPolicies', door.any(networkPolicies, { namespace }, parsePolicy)),
  ])
  const exported = found
    .filter(({ name }) => names.includes(name))
    .map((s) => ({ ...s, endpoints: slices.filter((slice) => slice.service === s.name).flatMap((slice) => slice.endpoints) }))
  const podLabels =
    policies.length === 0 || exported.length === 0 ? [] : await allowed('Pods', door.any(pods, { namespace }, parseLabels))
  const behind = new Set(exported.flatMap((s) => s.endpoints.flatMap((e) => e.pod ?? [])))
  return { services: exported, policies, podLabels: podLabels.filter(({ name }) => behind.has(name)) }
}

const textMap = z.record(z.string(), z.string()).nullish()
const portNumber = z.union([z.int(), z.string()])
const serviceField = z.looseObject({
  type: z.string().nullish(),
  selector: textMap,
  ports: z
    .array(
      z.looseObject({
        name: z.string().nullish(),
        port: z.int(),
        protocol: z.string().nullish(),
        targetPort: portNumber.nullish(),
      }),
    )
    .nullish(),
})

export function parseService(object: KubeObject): Omit<ServiceFact, 'endpoints'> | undefined {
  const parsed = serviceField.safeParse(object.spec)
  const { namespace, name } = object.metadata
  if (!parsed.success || namespace === undefined) return undefined
  const { type, selector, ports } = parsed.data
  return {
    namespace,
    name,
    type: type ?? 'ClusterIP',
    addresses: addressesOf(object) ?? [],
    selector: selector ?? {},
    ports: (ports ?? []).map((p) => ({
      name: p.name ?? '',
      port: p.port,
      protocol: p.protocol ?? 'TCP',
      target: p.targetPort ?? p.port,
    })),
  }
}

const localSliceField = z
  .array(
    z.looseObject({
      addresses: z.array(z.string()),
      conditions: z.looseObject({ ready: z.boolean().nullish() }).nullish(),
      targetRef: z.looseObject({ kind: z.string().nullish(), name: z.string().nullish() }).nullish(),
    }),
  )
  .nullish()

export function parseLocalSlice(
  object: KubeObject,
): { readonly service: string; readonly endpoints: readonly EndpointFact[] } | undefined {
  const parsed = localSliceField.safeParse(object.endpoints)
  const service = object.metadata.labels?.['kubernetes.io/service-name']
  if (!parsed.success || service === undefined) return undefined
  const endpoints = (parsed.data ?? []).map((e) => ({
    address: e.addresses[0] ?? '',
    // Kubernetes: whose readiness is not known is taken for ready.
    ready: e.conditions?.ready !== false,
    pod: e.targetRef?.kind === 'Pod' ? (e.targetRef.name ?? undefined) : undefined,
  }))
  return { service, endpoints }
}

const selectorField = z.looseObject({
  matchLabels: textMap,
  matchExpressions: z
    .array(z.looseObject({ key: z.string(), operator: z.string(), values: z.array(z.string()).nullish() }))
    .nullish(),
})
const policyField = z.looseObject({
  podSelector: selectorField.nullish(),
  policyTypes: z.array(z.string()).nullish(),
  ingress: z
    .array(
      z.looseObject({
        from: z
          .array(z.looseObject({ ipBlock: z.looseObject({ cidr: z.string(), except: z.array(z.string()).nullish() }).nullish() }))
          .nullish(),
        ports: z
          .array(z.looseObject({ protocol: z.string().nullish(), port: portNumber.nullish(), endPort: z.int().nullish() }))
          .nullish(),
      }),
    )
    .nullish(),
})

/** Undefined for a policy that restricts only what its pods send. */
export function parsePolicy(object: KubeObject): PolicyFact | undefined {
  const parsed = policyField.safeParse(object.spec)
  const { namespace, name } = object.metadata
  if (!parsed.success || namespace === undefined) return undefined
  const { podSelector, policyTypes, ingress } = parsed.data
  if (policyTypes != null && policyTypes.length > 0 && !policyTypes.includes('Ingress')) return undefined
  return {
    namespace,
    name,
    selects: {
      matchLabels: podSelector?.matchLabels ?? {},
      matchExpressions: (podSelector?.matchExpressions ?? []).map((e) => ({ ...e, values: e.values ?? [] })),
    },
    ingress: (ingress ?? []).map((rule) => ({
      from: (rule.from ?? []).map(({ ipBlock }) => ({
        block: ipBlock == null ? undefined : { cidr: ipBlock.cidr, except: ipBlock.except ?? [] },
      })),
      ports: (rule.ports ?? []).map((p) => ({
        protocol: p.protocol ?? 'TCP',
        port: p.port ?? undefined,
        endPort: p.endPort ?? undefined,
      })),
    })),
  }
}

function parseLabels({ metadata }: KubeObject): PodLabels | undefined {
  const { namespace, name, labels } = metadata
  return namespace === undefined ? undefined : { namespace, name, labels: labels ?? {} }
}
