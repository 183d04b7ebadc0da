// The CA's controller: one worker, one key, everything read anew in each run. A change of the authority is a run of its own.
import { fleet as fleetKind } from '#crds/fleet.ts'
import type { Fleet } from '#crds/fleet.ts'
import { gatewayCertificate } from '#crds/gateway-certificate.ts'
import { member } from '#crds/member.ts'
import { brokerNamespace, fleetCASecretName, fleetName, managedBy, memberOf, trustBundleName } from '#crds/places.ts'
import { trustBundle } from '#crds/trust-bundle.ts'
import type { Kube } from '#lib/kube/client.ts'
import type { Controller, Next, Source } from '#lib/kube/controller.ts'
import { again, blocked, controller } from '#lib/kube/controller.ts'
import type { Secret } from '#lib/kube/kinds.ts'
import { configMaps, secrets } from '#lib/kube/kinds.ts'
import { applyPlan } from '#lib/kube/plan.ts'
import { explain } from '#lib/std/result.ts'
import type { Authority } from './authority.ts'
import { dataOf, moveTo, readAuthority } from './authority.ts'
import { ledgerLabel } from './ledger.ts'
import { planPki } from './plan.ts'

/** The one key of the controller. */
export const wholeCA = [{ name: 'ca' }]
const key = { namespace: brokerNamespace, name: fleetCASecretName }
/** Certificates end, and with them what a rotation waits for, without anything being written. */
const lookAgainMs = 60_000
const manager = 'tombolo-broker'

export function pkiController(kube: Kube, sources: readonly Source[]): Controller {
  return controller({
    name: 'pki',
    sources,
    workers: 1,
    log: kube.log,
    reconcile: (_key, signal) => reconcilePki(kube, new Date(), signal),
  })
}

type Client = Pick<Kube, 'apply' | 'delete' | 'get' | 'list' | 'log'>

export async function reconcilePki(kube: Client, now: Date, signal: AbortSignal): Promise<Next> {
  const fleet = await kube.get(fleetKind, { namespace: brokerNamespace, name: fleetName }, signal)
  if (fleet === undefined) return blocked('NoFleet', 'the CA is made when there is a Fleet')
  const parsed = fleetKind.parse(fleet)
  if (!parsed.ok) return blocked('BadFleet', explain(parsed.error))
  const { ca } = parsed.value.spec
  const secret = await kube.get(secrets, key, signal)
  const bundle = await kube.get(trustBundle, { namespace: brokerNamespace, name: trustBundleName }, signal)
  if (secret === undefined) {
    // Without its key the CA is gone. To make another in silence would end every cable of the fleet that uses the old one.
    if (bundle !== undefined)
      return blocked(
        'KeyLost',
        `Secret ${key.name} is gone: bring it back, or begin anew: kubectl -n ${key.namespace} delete trustbundle fleet`,
      )
    await write(kube, moveTo({ at: 'Stable', root: ca.root }, undefined, clustersetOf(parsed.value), now), undefined, signal)
    return again(0, 'the CA was made')
  }
  const authority = readAuthority(secret)
  if (!authority.ok) return blocked('BadSecret', `Secret ${key.name}: ${explain(authority.error)}`)
  const [members, certificates, ledgers] = [
    await kube.list(member, { namespace: brokerNamespace }, signal),
    await kube.list(gatewayCertificate, {}, signal),
    await kube.list(configMaps, { namespace: brokerNamespace, labels: ledgerLabel }, signal),
  ]
  const plan = planPki({
    authority: authority.value,
    ca,
    members: members.items,
    // Members write these: what does not parse is nobody's request. Nor is what gateways of the broker's own cluster ask there: their
    // operator brings it here.
    certificates: certificates.items
      .filter(({ metadata }) => memberOf(metadata.namespace) !== undefined)
      .flatMap((c) => {
        const good = gatewayCertificate.parse(c)
        return good.ok ? [good.value] : []
      }),
    ledgers: ledgers.items,
    bundle,
    now,
  })
  if (plan.stage !== undefined) {
    await write(kube, moveTo(plan.stage, authority.value, clustersetOf(parsed.value), now), secret, signal)
    kube.log.info({ from: authority.value.stage, to: plan.stage }, 'the rotation of the CA went on')
    return again(0, 'the rotation went on')
  }
  return applyPlan(kube, { steps: plan.steps, next: again(lookAgainMs, 'certificates end by themselves') }, manager, signal)
}

const clustersetOf = ({ spec }: Fleet): string => spec.clusterset

/** Only over the version that was read: of two controllers that take each other for dead, one fails. */
async function write(kube: Client, authority: Authority, have: Secret | undefined, signal: AbortSignal): Promise<void> {
  const resourceVersion = have?.metadata.resourceVersion
  const object: Secret = {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { ...key, labels: { ...managedBy }, ...(resourceVersion === undefined ? {} : { resourceVersion }) },
    type: 'Opaque',
    data: dataOf(authority),
  }
  await kube.apply(secrets, object, { fieldManager: manager }, signal)
}
