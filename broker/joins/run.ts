// One run of the joins controller: everything read anew, judged, reserved in the Fleet, and then written. The only writer of Members'
// addresses and of the Fleet's status.
import { randomUUID } from 'node:crypto'
import packageJson from '../../package.json' with { type: 'json' }
import type { Fleet } from '#crds/fleet.ts'
import { fleet as fleetKind } from '#crds/fleet.ts'
import { gatewayEndpoint } from '#crds/gateway-endpoint.ts'
import { joinGrant } from '#crds/join-grant.ts'
import { joinRequest } from '#crds/join-request.ts'
import { member } from '#crds/member.ts'
import { brokerNamespace, fleetName } from '#crds/places.ts'
import type { Kube } from '#lib/kube/client.ts'
import type { Next } from '#lib/kube/controller.ts'
import { again, blocked } from '#lib/kube/controller.ts'
import { same } from '#lib/kube/differs.ts'
import { isConflict, StatusError } from '#lib/kube/errors.ts'
import { keyOf } from '#lib/kube/object.ts'
import type { Step } from '#lib/kube/plan.ts'
import { applyPlan, changes, marked } from '#lib/kube/plan.ts'
import { within } from '#lib/std/deadline.ts'
import { ok } from '#lib/std/result.ts'
import { namesIn } from './ground.ts'
import { issue } from './issue.ts'
import { readOwnAddresses } from './own-addresses.ts'
import type { JoinsPlan } from './plan.ts'
import { planJoins } from './plan.ts'
import { reading } from './reading.ts'
import { writeWithinMs } from './reservations.ts'
import type { ServerNames } from './server-names.ts'

export type World = {
  readonly kube: Kube
  /** Cluster ids whose joining place exists. */
  readonly placed: () => ReadonlySet<string>
  readonly resolve: (names: readonly string[], now: Date) => Promise<ServerNames>
  /** The time of day, which may be set, and one that only goes on. */
  readonly clock: { readonly now: () => Date; readonly monotonicMs: () => number }
}

const fieldManager = 'tombolo-broker'
/** After another writer was faster. */
const soonMs = 50

/** Runs must not be side by side: between two of them nothing is under way, but what was never answered. */
export function joinsRuns({ kube, placed, resolve, clock }: World): (signal: AbortSignal) => Promise<Next> {
  let self = newName()

  return async (signal) => {
    const [now, began] = [clock.now(), clock.monotonicMs()]
    // The Fleet before the members: whoever is taken off its reservations is then seen among these.
    const fleet = await kube.get(fleetKind, { namespace: brokerNamespace, name: fleetName }, signal)
    if (fleet === undefined) return blocked('NoFleet', 'there is no Fleet: run tombolo deploy-broker again')
    const parsed = fleetKind.parse(fleet)
    if (!parsed.ok) return blocked('FleetInvalid', `the Fleet is malformed: ${parsed.error.field}, want ${parsed.error.want}`)
    // Requests before members: a Member made in between is then seen, and the other way round it would be missed.
    const asked = await kube.list(joinRequest, {}, signal)
    const [granted, admitted, gateways, addresses] = await Promise.all([
      kube.list(joinGrant, { namespace: brokerNamespace }, signal),
      kube.list(member, { namespace: brokerNamespace }, signal),
      reading('where gateways are', kube.list(gatewayEndpoint, {}, signal), signal),
      reading('where it is itself', readOwnAddresses(kube, signal), signal),
    ])
    const names = await resolve(namesIn(granted.items), now)
    const plan = planJoins({
      fleet: { ...fleet, spec: parsed.value.spec },
      requests: asked.items,
      grants: granted.items,
      members: admitted.items,
      gateways: gateways.ok ? ok(gateways.value.items) : gateways,
      broker: { version: packageJson.version, addresses, names },
      placed: placed(),
      self,
      now,
    })
    const failures: unknown[] = []
    try {
      await keepFleet(kube, fleet, plan.fleet, signal)
    } catch (error) {
      signal.throwIfAborted()
      if (isConflict(error)) return again(soonMs, 'the Fleet was written by another')
      failures.push(error)
    }
    const stands = failures.length === 0
    const leftMs = () => writeWithinMs - Math.max(clock.monotonicMs() - began, clock.now().getTime() - now.getTime())
    // By cluster: what cannot be written or made for one must not keep another's answer or credentials back.
    for (const [id, those] of Map.groupBy(plan.steps, nameOf)) {
      const credentials = plan.issue.filter(({ request }) => request.metadata.name === id)
      // What was judged with the reservations stands on them; a member that renews what it has does not.
      if (!stands && credentials.length === 0) continue
      const reserved = plan.reserves.has(id)
      try {
        const write = (limited: AbortSignal) => writeSteps(kube, those, plan.next, limited)
        await (reserved ? inTime(leftMs(), signal, write) : write(signal))
        for (const granting of credentials) {
          const step = await issue(kube, granting, fleet.spec.clusterset, now, signal)
          await writeSteps(kube, [step], plan.next, signal)
        }
      } catch (error) {
        signal.throwIfAborted()
        // It may still land: from now on another reserves, and that reservation is left to time.
        if (reserved && !wasAnswered(error)) self = newName()
        failures.push(error)
      }
    }
    if (failures.length > 0) throw new AggregateError(failures, failures.map(String).join('; '))
    return plan.next
  }
}

const newName = (): string => randomUUID().slice(0, 13)

/** Requests, grants and Members have the name of their cluster. */
const nameOf = (step: Step): string => (step.do === 'apply' ? step.object.metadata.name : step.key.name)

/** A 5xx may be carried out after all, and a 429 may be the answer to the second try (client.ts). */
const wasAnswered = (error: unknown): boolean => error instanceof StatusError && error.code < 500 && error.code !== 429

/** Only over the version that was judged from. Throws a Conflict if that is another now, and where reservations are not kept. */
async function keepFleet(kube: Kube, have: Fleet, status: JoinsPlan['fleet'], signal: AbortSignal): Promise<void> {
  if (same(status, have.status ?? {})) return
  const { resourceVersion } = have.metadata
  if (resourceVersion === undefined) throw new Error('the Fleet was read without its version')
  const object = { apiVersion: fleetKind.apiVersion, kind: fleetKind.kind, metadata: { ...keyOf(have), resourceVersion }, status }
  const stored = await kube.apply(fleetKind, object, { fieldManager, subresource: 'status' }, signal)
  // An apiserver that has an older Fleet drops them without a word.
  if ((stored.status?.reserved ?? []).length !== (status.reserved ?? []).length)
    throw new Error('the apiserver knows no reservations: its Fleet is of another version, run tombolo deploy-broker again')
}

/** A Member first; what is said of it only when it is written. */
async function writeSteps(kube: Kube, steps: readonly Step[], next: Next, signal: AbortSignal): Promise<void> {
  for (const step of steps) if (step.do === 'apply' && changes(step, fieldManager)) await writeMember(kube, step, signal)
  await applyPlan(kube, { steps: steps.filter((step) => step.do !== 'apply'), next }, fieldManager, signal)
}

/**
 * Only if there is still none, or the version that was judged: who is late must not undo what was decided since. Server-side apply would
 * make one anew that has gone.
 */
async function writeMember(
  kube: Kube,
  { kind, object, have }: Step & { readonly do: 'apply' },
  signal: AbortSignal,
): Promise<void> {
  const wanted = marked(object, fieldManager)
  if (have === undefined) await kube.create(kind, wanted, { fieldManager }, signal)
  else {
    const metadata = { ...wanted.metadata, resourceVersion: have.metadata.resourceVersion }
    await kube.patch(kind, keyOf(object), { ...wanted, metadata }, { fieldManager }, signal)
  }
}

async function inTime(ms: number, signal: AbortSignal, work: (limited: AbortSignal) => Promise<void>): Promise<void> {
  if (ms <= 0) throw new Error('its reservation is too old to write a Member under it')
  await within(ms, signal, work)
}
