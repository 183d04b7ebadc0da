// A cluster that is a member: everything that runs while it is one.
import { allocation } from '#crds/allocation.ts'
import { gatewayEndpoint } from '#crds/gateway-endpoint.ts'
import { mostOfAMember } from '#crds/limits.ts'
import type { Membership } from '#crds/membership.ts'
import { membership as membershipKind } from '#crds/membership.ts'
import { acceptRemovalAnnotation, brokerSecretName, systemNamespace } from '#crds/places.ts'
import type { Kube } from '#lib/kube/client.ts'
import { kube as connect } from '#lib/kube/client.ts'
import type { Said } from '#lib/kube/events.ts'
import { recorder } from '#lib/kube/events.ts'
import { addFinalizer, lifeOf } from '#lib/kube/finalizer.ts'
import type { Secret } from '#lib/kube/kinds.ts'
import { reflect } from '#lib/kube/reflector.ts'
import type { Store } from '#lib/kube/store.ts'
import { aborted } from '#lib/std/pause.ts'
import { cell } from '#lib/std/cell.ts'
import type { Logger } from '#lib/std/log.ts'
import { passCertificates } from '../door/certificates.ts'
import { keepInSync } from '../door/door.ts'
import type { Throttling } from '../door/metered.ts'
import { reflectMetered } from '../door/metered.ts'
import type { HeldRemoval } from '../door/removal.ts'
import { acceptedIn } from '../door/removal.ts'
import { syncedAllocation, syncedGatewayEndpoint } from '../door/synced.ts'
import { keepInstalled, watchInstalled } from '../install/install.ts'
import { sweepGateways } from '../install/gateways.ts'
import { finalizer } from '../install/leave.ts'
import type { Credentials } from '../joining/credentials.ts'
import { readCredentials } from '../joining/credentials.ts'
import { givesWayMs, runMcs } from '../mcs/mcs.ts'
import { keepGatewayKeys } from '../gateway-keys/gateway-keys.ts'
import { keepPairKeys } from '../pair-keys/pair-keys.ts'
import { connectionOf, heartbeat } from './heartbeat.ts'
import { keepCredentials } from './renewal.ts'
import type { HeldByTeller, Refusals, ThrottledByKind } from './report.ts'
import { report } from './report.ts'
import type { BrokerState, ClockState, DnsState, RenewalState } from './status.ts'

export type Known = { readonly memberships: Store<Membership>; readonly brokerSecrets: Store<Secret> }

const acceptedBy = (member: Membership | undefined): readonly string[] =>
  acceptedIn(member?.metadata.annotations?.[acceptRemovalAnnotation])

/** Runs until `signal` aborts, which is when the phase ends (operate.ts). */
export async function beMember(
  kube: Kube,
  member: Membership,
  known: Known,
  identity: string,
  tellHeld: (removals: readonly HeldRemoval[]) => void,
  log: Logger,
  signal: AbortSignal,
): Promise<void> {
  if (lifeOf(member, finalizer) === 'free') await addFinalizer(kube, membershipKind, member, finalizer, signal)
  const installed = watchInstalled(kube, signal)
  const endpoints = reflect(kube, gatewayEndpoint, { namespace: systemNamespace }, signal).store
  const allocations = reflect(kube, allocation, { namespace: systemNamespace }, signal).store
  const dns = cell<DnsState>('pending')
  const broker = cell<BrokerState>({ kind: 'never' }, (a, b) => JSON.stringify(a) === JSON.stringify(b))
  const renewal = cell<RenewalState>({ kind: 'fresh' }, (a, b) => JSON.stringify(a) === JSON.stringify(b))
  const clock = cell<ClockState>({ kind: 'unknown' }, (a, b) => JSON.stringify(a) === JSON.stringify(b))
  const refusals = cell<Refusals>(new Map(), (a, b) => JSON.stringify([...a]) === JSON.stringify([...b]))
  const leftOut = cell<readonly string[]>([], (a, b) => JSON.stringify(a) === JSON.stringify(b))
  const refuse = (from: string) => (objects: readonly string[]) => refusals.set(new Map(refusals.value).set(from, objects))
  const throttled = cell<ThrottledByKind>(new Map(), (a, b) => JSON.stringify([...a]) === JSON.stringify([...b]))
  const throttle: Throttling = (kind, all) => throttled.set(new Map(throttled.value).set(kind, all))
  const held = cell<HeldByTeller>(new Map(), (a, b) => JSON.stringify([...a]) === JSON.stringify([...b]))
  const hold = (from: string) => (removals: readonly HeldRemoval[]) => {
    held.set(new Map(held.value).set(from, removals))
    tellHeld([...held.value.values()].flat())
  }
  const accepted = cell(acceptedBy(member), (a, b) => a.join() === b.join())
  const unlisten = known.memberships.onChange((now) => accepted.set(acceptedBy(now)))
  signal.addEventListener('abort', unlisten, { once: true })
  const secret = () => known.brokerSecrets.get({ namespace: systemNamespace, name: brokerSecretName })
  const { clusterID } = member.spec
  const recorded = recorder({ kube, component: 'tombolo-operator', instance: identity }, signal)
  const say = (said: Said) => void recorded(said)

  async function connected(credentials: Credentials): Promise<void> {
    await using remote = connect(connectionOf(credentials, secret), log.child({ of: 'broker' }))
    const remoteEndpoints = reflectMetered(remote, gatewayEndpoint, mostOfAMember.gatewayendpoints, clusterID, throttle, signal)
    const remoteAllocations = reflect(remote, allocation, {}, signal).store
    await Promise.all([
      heartbeat(remote, clusterID, identity, { state: broker, clock }, signal),
      keepCredentials(kube, member, { secret, broker, renewal, clock: () => new Date() }, log, signal),
      keepInSync(
        syncedGatewayEndpoint,
        clusterID,
        { local: kube, broker: remote, here: endpoints, atBroker: remoteEndpoints, allocations },
        accepted,
        { refused: refuse('endpoints'), held: hold('endpoints') },
        log,
        signal,
      ),
      keepInSync(
        syncedAllocation,
        clusterID,
        { local: kube, broker: remote, here: allocations, atBroker: remoteAllocations, allocations },
        accepted,
        { refused: refuse('allocations'), held: hold('allocations') },
        log,
        signal,
      ),
      passCertificates(clusterID, { local: kube, broker: remote }, log, signal),
      runMcs(
        {
          local: kube,
          broker: remote,
          clusterID,
          allocations,
          gateways: endpoints,
          importFrom: member.spec.importFrom,
          trafficDefault: member.spec.trafficDefault,
          accepted,
          log,
          say,
          rejected: refuse('services'),
          leftOut: (services) => leftOut.set(services),
          held: hold('services'),
          throttled: throttle,
        },
        givesWayMs,
        signal,
      ),
    ])
  }

  const read = readCredentials(secret() ?? {})
  if (!read.ok)
    broker.set({
      kind: 'badCredentials',
      why: `Secret ${brokerSecretName}: ${read.error.field} is not valid, want ${read.error.want}`,
    })
  await Promise.all([
    keepInstalled(kube, member, installed, dns, log, signal),
    report(
      kube,
      known.memberships,
      { installed, endpoints, allocations, clusterID, dns, broker, renewal, clock, refusals, leftOut, held, throttled },
      say,
      log,
      signal,
    ),
    sweepGateways(kube, clusterID, endpoints, log, signal),
    keepGatewayKeys(kube, clusterID, { endpoints, memberships: known.memberships }, log, signal),
    keepPairKeys(kube, clusterID, { allocations, endpoints, memberships: known.memberships }, log, signal),
    read.ok ? connected(read.value) : aborted(signal),
  ])
}
