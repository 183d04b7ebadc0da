// What gateways ask the fleet's CA for goes out through the door, and the answer comes back into the status of what was asked; so does
// what they are to believe. Requests are each member's own, so nothing here comes from another one.
import type { GatewayCertificate } from '#crds/gateway-certificate.ts'
import { gatewayCertificate } from '#crds/gateway-certificate.ts'
import { brokerNamespace, clusterIDLabel, managedBy, memberNamespace, systemNamespace, trustBundleName } from '#crds/places.ts'
import type { TrustBundle } from '#crds/trust-bundle.ts'
import { trustBundle } from '#crds/trust-bundle.ts'
import type { Kube } from '#lib/kube/client.ts'
import { controller, settled, source } from '#lib/kube/controller.ts'
import { same } from '#lib/kube/differs.ts'
import { keyOf } from '#lib/kube/object.ts'
import type { Step } from '#lib/kube/plan.ts'
import { applyPlan } from '#lib/kube/plan.ts'
import { reflect } from '#lib/kube/reflector.ts'
import type { Logger } from '#lib/std/log.ts'

const fieldManager = 'tombolo-operator'
const everything = { name: 'everything' }

/** Runs until `signal` aborts. */
export async function passCertificates(
  self: string,
  { local, broker }: { readonly local: Kube; readonly broker: Kube },
  log: Logger,
  signal: AbortSignal,
): Promise<void> {
  const here = reflect(local, gatewayCertificate, { namespace: systemNamespace }, signal).store
  const atBroker = reflect(broker, gatewayCertificate, { namespace: memberNamespace(self) }, signal).store
  const named = `metadata.name=${trustBundleName}`
  const believed = reflect(local, trustBundle, { namespace: systemNamespace, fields: named }, signal).store
  const published = reflect(broker, trustBundle, { namespace: brokerNamespace, fields: named }, signal).store
  const requests = [source(here, () => [everything]), source(atBroker, () => [everything])]
  const pass = (name: string, to: Kube, sources: typeof requests, steps: () => readonly Step[]) =>
    controller({
      name,
      log,
      sources,
      reconcile: (_, stop) => applyPlan(to, { steps: steps(), next: settled }, fieldManager, stop),
    }).run(signal)
  await Promise.all([
    pass('certificate-requests', broker, requests, () => askSteps(self, here.list(), atBroker.list())),
    pass('certificate-answers', local, requests, () => answerSteps(here.list(), atBroker.list())),
    pass('trust-bundle', local, [source(believed, () => [everything]), source(published, () => [everything])], () =>
      bundleSteps(published.list()[0], believed.list()[0]),
    ),
  ])
}

/** What our namespace on the broker is to hold. */
export function askSteps(
  self: string,
  here: readonly GatewayCertificate[],
  atBroker: readonly GatewayCertificate[],
): readonly Step[] {
  const namespace = memberNamespace(self)
  const { apiVersion, kind } = gatewayCertificate
  const put = here
    .filter(({ spec }) => spec.clusterID === self)
    .map(({ metadata: { name }, spec }): Step => {
      const metadata = { namespace, name, labels: { ...managedBy, [clusterIDLabel]: self } }
      const have = atBroker.find((o) => o.metadata.name === name)
      return { do: 'apply', kind: gatewayCertificate, object: { apiVersion, kind, metadata, spec }, have }
    })
  const names = new Set(here.map(({ metadata }) => metadata.name))
  const drop = atBroker
    .filter(({ metadata }) => !names.has(metadata.name))
    .map((o): Step => ({ do: 'delete', kind: gatewayCertificate, key: keyOf(o) }))
  return [...put, ...drop]
}

/** Only an answer to what is asked here now; generations are those of the object in which they stand. */
export function answerSteps(here: readonly GatewayCertificate[], atBroker: readonly GatewayCertificate[]): readonly Step[] {
  return here.flatMap((asked): readonly Step[] => {
    const answered = atBroker.find(({ metadata }) => metadata.name === asked.metadata.name)
    const { status } = answered ?? {}
    if (status === undefined || status.observedGeneration !== answered?.metadata.generation) return []
    if (!same(answered?.spec, asked.spec)) return []
    const observedGeneration = asked.metadata.generation ?? 0
    const conditions = (status.conditions ?? []).map((c) => ({ ...c, observedGeneration }))
    return [
      {
        do: 'status',
        kind: gatewayCertificate,
        key: keyOf(asked),
        status: { ...status, observedGeneration, conditions },
        have: asked,
      },
    ]
  })
}

/** A broker that has none takes none away: what was believed stays. */
export function bundleSteps(published: TrustBundle | undefined, have: TrustBundle | undefined): readonly Step[] {
  const read = published === undefined ? undefined : trustBundle.parse(published)
  if (read?.ok !== true) return []
  const { apiVersion, kind } = trustBundle
  const metadata = { namespace: systemNamespace, name: trustBundleName, labels: { ...managedBy } }
  return [{ do: 'apply', kind: trustBundle, object: { apiVersion, kind, metadata, spec: read.value.spec }, have }]
}
