// Keeps the gateway's certificate on its node, beside the key that never leaves it. Cables over IPsec find it where it lies (kept.ts).
import type { GatewayCertificate } from '#crds/gateway-certificate.ts'
import { gatewayCertificate } from '#crds/gateway-certificate.ts'
import type { GatewayEndpoint } from '#crds/gateway-endpoint.ts'
import { clusterIDLabel, gatewayEndpointName, managedBy, trustBundleName } from '#crds/places.ts'
import { trustBundle } from '#crds/trust-bundle.ts'
import type { Host } from '#lib/host/host.ts'
import type { Kube } from '#lib/kube/client.ts'
import { controller, settled, source } from '#lib/kube/controller.ts'
import type { KubeObject } from '#lib/kube/object.ts'
import type { Applier } from '#lib/kube/plan.ts'
import { applyPlan } from '#lib/kube/plan.ts'
import { reflect } from '#lib/kube/reflector.ts'
import type { Store } from '#lib/kube/store.ts'
import { CertKey } from '#lib/pki/cert-key.ts'
import { makeRequest } from '#lib/pki/request.ts'
import type { Logger } from '#lib/std/log.ts'
import { every } from '#lib/std/pause.ts'
import type { CertificatePlan, CertificateSeen } from './plan.ts'
import { planCertificate } from './plan.ts'

const fieldManager = 'tombolo-gateway'
/** Nothing tells when two thirds of a life are over. */
const lookEveryMs = 60_000

export type CertificateParts = {
  readonly clusterID: string
  readonly node: string
  readonly namespace: string
  readonly host: Pick<Host, 'read' | 'write' | 'remove'>
  /** Holds nothing else: `key.pem`, `certificate.pem`, `roots.pem` and `denied`. */
  readonly dir: string
  readonly log: Logger
  /** What lies on the node is another now. */
  readonly onChange: () => void
}

/** Runs until `signal` aborts. */
export async function keepCertificate(
  kube: Kube,
  parts: CertificateParts,
  endpoints: Store<GatewayEndpoint>,
  signal: AbortSignal,
): Promise<void> {
  const { clusterID, node, namespace, log } = parts
  const key = { namespace, name: gatewayEndpointName(clusterID, node) }
  const only = (name: string) => ({ namespace, fields: `metadata.name=${name}` })
  const asked = reflect(kube, gatewayCertificate, only(key.name), signal)
  const bundles = reflect(kube, trustBundle, only(trustBundleName), signal)
  const work = controller({
    name: 'certificate',
    log,
    sources: [
      source(asked.store, () => [key]),
      source(bundles.store, () => [key]),
      source(endpoints, ({ metadata }) => (metadata.name === key.name ? [key] : []), { sees: ({ metadata }) => metadata.uid }),
    ],
    reconcile: async (_, stop) => {
      const endpoint = endpoints.get(key)
      if (endpoint === undefined) return settled
      const seen = {
        endpoint,
        bundle: bundles.store.get({ namespace, name: trustBundleName }),
        // Not what the store has heard: for what was just asked no second key is made.
        asked: await kube.get(gatewayCertificate, key, stop),
        now: new Date(),
      }
      await certify(kube, parts, seen, stop)
      return settled
    },
  })
  await Promise.all([work.run(signal), every(lookEveryMs, () => work.add(key), signal), asked.done, bundles.done])
}

/** Brings node and request to what is planned, once. */
export async function certify(
  kube: Applier,
  parts: CertificateParts,
  seen: Pick<CertificateSeen, 'asked' | 'bundle' | 'now'> & { readonly endpoint: GatewayEndpoint },
  signal: AbortSignal,
): Promise<void> {
  const { clusterID, node, host, dir, log } = parts
  const held = CertKey.parse((await host.read(`${dir}/key.pem`, signal)) ?? '')
  const plan = planCertificate({ ...seen, clusterID, node, key: held.ok ? held.value : undefined })
  const key = plan.key === 'keep' && held.ok ? held.value : CertKey.generate()
  await putFiles(parts, plan, key, signal)
  const request = plan.request === 'keep' ? seen.asked?.spec.request : undefined
  if (request === undefined) log.info({ key: key.id }, 'asking for a certificate')
  if (plan.inUse !== seen.asked?.spec.inUse) log.info({ serial: plan.inUse ?? 'none' }, 'the certificate on the node changed')
  const object = requestObject(parts, seen.endpoint, plan, request ?? makeRequest(key, gatewayEndpointName(clusterID, node)))
  const steps = [{ do: 'apply', kind: gatewayCertificate, object, have: seen.asked }] as const
  await applyPlan(kube, { steps, next: settled }, fieldManager, signal)
}

/** In an order in which no reader finds a certificate beside another's key, or from a root that it cannot know. */
async function putFiles(
  { host, dir, onChange }: CertificateParts,
  plan: CertificatePlan,
  key: CertKey,
  signal: AbortSignal,
): Promise<void> {
  const certificate = `${dir}/certificate.pem`
  let changed = false
  const put = async (path: string, content: string) => {
    if ((await host.read(path, signal)) === content) return
    await host.write(path, content, { mode: 0o600, atomic: true }, signal)
    changed = true
  }
  if (plan.certificate === undefined && (await host.read(certificate, signal)) !== undefined) {
    await host.remove(certificate, signal)
    changed = true
  }
  await put(`${dir}/key.pem`, key.pem())
  await put(`${dir}/roots.pem`, plan.roots)
  await put(`${dir}/denied`, plan.denied)
  if (plan.certificate !== undefined) await put(certificate, plan.certificate)
  if (changed) onChange()
}

/** It goes with the GatewayEndpoint, when the node is a gateway no more. */
function requestObject(
  { clusterID, node, namespace }: CertificateParts,
  { metadata }: GatewayEndpoint,
  { trusts, inUse }: CertificatePlan,
  request: string,
): KubeObject & Pick<GatewayCertificate, 'spec'> {
  const { apiVersion, kind } = gatewayCertificate
  const owner = { apiVersion, kind: 'GatewayEndpoint', name: metadata.name, uid: metadata.uid ?? '' }
  return {
    apiVersion,
    kind,
    metadata: {
      namespace,
      name: metadata.name,
      labels: { ...managedBy, [clusterIDLabel]: clusterID },
      ownerReferences: [owner],
    },
    spec: {
      clusterID: clusterID as GatewayCertificate['spec']['clusterID'],
      node,
      request,
      trusts: [...trusts],
      ...(inUse === undefined ? {} : { inUse }),
    },
  }
}
