// Services across clusters at work: six controllers over the same stores. `publish` says at the broker what we offer, `import`
// makes of everybody's offers what this cluster sees, `status` tells the exporters, `importStatus` those who call, `policies` tells who
// chose among clusters, `refusals` tells what was not believed.
// Only `publish` needs the broker; the others go on without it from what is known.
import { exportedService } from '#crds/exported-service.ts'
import { mostOfAMember } from '#crds/limits.ts'
import { memberNamespace } from '#crds/places.ts'
import type { Kube } from '#lib/kube/client.ts'
import { conditionEvents } from '#lib/kube/condition-events.ts'
import { controller, settled, source } from '#lib/kube/controller.ts'
import { converge } from '#lib/kube/converge.ts'
import { StatusError } from '#lib/kube/errors.ts'
import type { Said } from '#lib/kube/events.ts'
import type { KubeObject } from '#lib/kube/object.ts'
import { keyText } from '#lib/kube/object.ts'
import type { Plan, Step } from '#lib/kube/plan.ts'
import { applyPlan } from '#lib/kube/plan.ts'
import type { Store } from '#lib/kube/store.ts'
import type { ClusterID } from '#lib/net/cluster-id.ts'
import type { Logger } from '#lib/std/log.ts'
import type { Throttling } from '../door/metered.ts'
import type { HeldRemoval } from '../door/removal.ts'
import { fieldManager } from '../install/install.ts'
import { exportFaults, exportStatus } from './export-status.ts'
import { planImport } from './import.ts'
import { isGoing } from './names.ts'
import { numbers } from './numbers.ts'
import type { NameFor } from './publish.ts'
import { planPublish } from './publish.ts'
import { policyFaults, policyStatus } from './traffic-status.ts'
import type { Known } from './world.ts'
import { sortedOut, watchAll, worldOf } from './world.ts'

export type Mcs = Known & {
  readonly local: Kube
  readonly broker: Kube
  readonly clusterID: ClusterID
  readonly log: Logger
  /** Writes an event; best effort. */
  readonly say: (said: Said) => void
  /** Told what of the others is not believed, the whole list whenever it may have changed. */
  readonly rejected: (objects: readonly string[]) => void
  /** Told which services of the others this cluster does not want, in the same way. */
  readonly leftOut: (services: readonly string[]) => void
  /** Told which removals are held, in the same way. */
  readonly held: (removals: readonly HeldRemoval[]) => void
  /** Told which of the others are over their budget. */
  readonly throttled: Throttling
}

/** Of what is waited for, and of each of it. */
export const workers = 8
/** Nobody waits for these: changes that come together are told together, by few, so that what is waited for has the apiserver to itself. */
const calm = { status: { calmMs: () => 200, workers: 2 }, refusals: { calmMs: () => 1000 } }
/**
 * What we offer is first told to the others, who have further to go, and only then imported here: of many at once new names wait until all
 * are told, and endpoints, which may be gone, only a moment.
 */
const calmMs = 50
/** How long what is waited for less gives way at most, in milliseconds. What is only told not for long, as whoever exports looks at it. */
export type GivesWay = { readonly newNames: number; readonly endpoints: number; readonly status: number }
export const givesWayMs: GivesWay = { newNames: 15_000, endpoints: 500, status: 5000 }

/** Runs until `signal` aborts. */
export async function runMcs(mcs: Mcs, wayMs: GivesWay, signal: AbortSignal): Promise<void> {
  const statusMs = () => wayMs.status
  const stores = watchAll(mcs.local, mcs.broker, mcs.clusterID, mcs.throttled, signal)
  const world = worldOf(mcs.clusterID, mcs, stores, signal)
  /** By key: why the broker does not take what we offer. */
  const failures = new Map<string, string>()
  const namesIn = (store: Store, most: number) =>
    numbers({
      most,
      isTaken: (name) => store.get({ namespace: memberNamespace(mcs.clusterID), name }) !== undefined,
      unnumbered: () => store.by('unnumbered', '').length,
      now: () => performance.now(),
    })
  const named = {
    services: namesIn(stores.brokerServices, mostOfAMember.exportedservices),
    endpoints: namesIn(stores.brokerEndpoints, mostOfAMember.exportedendpoints),
  }

  const publish = controller({
    name: 'mcs-publish',
    log: mcs.log,
    workers,
    sources: [...world.exportSources, source(stores.brokerServices, world.ours), source(stores.brokerEndpoints, world.ours)],
    reconcile: async (key, stop) => {
      const [text, { namespace = '', name }] = [keyText(key), key]
      const have = [...stores.brokerServices.by('ours', text), ...stores.brokerEndpoints.by('ours', text)]
      const offer = world.offer({ namespace, name })
      const nameFor: NameFor = (kind, content) => (kind === exportedService ? named.services : named.endpoints).numberFor(content)
      const plan = (now: readonly KubeObject[]) => planPublish(offer, now, nameFor)
      const tell = (failure: string | undefined) => {
        if (failures.get(text) === failure) return
        if (failure === undefined) failures.delete(text)
        else failures.set(text, failure)
        status.add(key)
      }
      try {
        const next = await converge(
          { kube: mcs.broker, fieldManager, stores: [stores.brokerServices, stores.brokerEndpoints], have, plan },
          stop,
        )
        tell(next.kind === 'again' ? next.because : undefined)
        return next
      } catch (error) {
        const refusal = refusalIn(error)
        if (refusal !== undefined) tell(refusal)
        throw error
      } finally {
        for (const some of [named.services, named.endpoints]) some.sweep()
      }
    },
  })

  const importSources = [...world.exportSources, ...world.importSources, ...world.trafficSources, ...world.brokerSources]
  const imports = controller({
    name: 'mcs-import',
    log: mcs.log,
    workers,
    calmMs: (flow) => (flow === mcs.clusterID ? calmMs : 0),
    givesWay: {
      to: [publish],
      mostMs: ({ namespace = '', name }) => {
        const at = { namespace, name }
        if (!world.isOursAlone(at)) return 0
        return stores.imports.get(at) === undefined ? wayMs.newNames : wayMs.endpoints
      },
    },
    // Whoever else exports or changes something all the time keeps nobody's status back.
    busyWith: mcs.clusterID,
    sources: importSources,
    reconcile: (key, stop) => {
      const at = { namespace: key.namespace ?? '', name: key.name }
      return converge(
        {
          kube: mcs.local,
          fieldManager,
          stores: [stores.imports, stores.services, stores.slices],
          have: world.imported(at),
          // The world as it is in that round: endpoints come while their service is given its address.
          plan: (have) => withoutStatus(planImport({ ...world.importing(at), have: sortedOut(have) })),
        },
        stop,
      )
    },
  })

  const status = controller({
    name: 'mcs-export-status',
    log: mcs.log,
    ...calm.status,
    givesWay: { to: [publish, imports], mostMs: statusMs },
    sources: [...world.exportSources, ...world.memberSources, ...world.brokerSources],
    reconcile: async (key, stop) => {
      const at = { namespace: key.namespace ?? '', name: key.name }
      const found = stores.exports.get(at)
      if (found === undefined || isGoing(found)) return settled
      const offer = world.offer(at)
      const step = exportStatus({
        export: found,
        offer,
        published: world.published(at, offer),
        failure: failures.get(keyText(at)),
        conflict: world.conflict(at, offer),
        members: world.members(),
        now: new Date(),
      })
      const next = await applyPlan(mcs.local, { steps: [step], next: settled }, fieldManager, stop)
      conditionEvents(found, found.status?.conditions, step.status.conditions, exportFaults, 'Export').forEach(mcs.say)
      return next
    },
  })

  const importStatus = controller({
    name: 'mcs-import-status',
    log: mcs.log,
    ...calm.status,
    givesWay: { to: [publish, imports], mostMs: statusMs },
    sources: importSources,
    reconcile: (key, stop) => {
      const at = { namespace: key.namespace ?? '', name: key.name }
      const plan = planImport({ ...world.importing(at), have: sortedOut(world.imported(at)) })
      return applyPlan(mcs.local, { steps: statusAlone(plan), next: settled }, fieldManager, stop)
    },
  })

  const policies = controller({
    name: 'mcs-traffic-policy',
    log: mcs.log,
    ...calm.status,
    givesWay: { to: [publish, imports], mostMs: statusMs },
    sources: [...world.exportSources, ...world.importSources, ...world.trafficSources, ...world.brokerSources],
    reconcile: async (key, stop) => {
      const at = { namespace: key.namespace ?? '', name: key.name }
      const told = world.policed(at)
      if (told === undefined || isGoing(told.policy)) return settled
      const step = policyStatus({ ...told, now: new Date() })
      const next = await applyPlan(mcs.local, { steps: [step], next: settled }, fieldManager, stop)
      conditionEvents(told.policy, told.policy.status?.conditions, step.status.conditions, policyFaults, 'Choose').forEach(
        mcs.say,
      )
      return next
    },
  })

  const everything = { name: 'everything' }
  const refusals = controller({
    name: 'mcs-refusals',
    log: mcs.log,
    // What is not believed is often only early: the Allocation of a new member comes by another watch than its services.
    ...calm.refusals,
    sources: [
      world.heldSource(everything),
      ...[stores.brokerServices, stores.brokerEndpoints, mcs.allocations].map((store: Store) =>
        source(store, () => [everything]),
      ),
    ],
    reconcile: () => {
      mcs.rejected(world.refused())
      mcs.leftOut(world.leftOut())
      mcs.held(world.held())
      return Promise.resolve(settled)
    },
  })

  await Promise.all([publish, status, imports, importStatus, policies, refusals].map((c) => c.run(signal)))
}

const withoutStatus = (plan: Plan): Plan => ({ ...plan, steps: plan.steps.filter((step) => step.do !== 'status') })

/** Nothing while there is something else to write: what that brings comes back here. */
const statusAlone = ({ steps }: Plan): readonly Step[] => (steps.every((step) => step.do === 'status') ? steps : [])

/** What the broker says about the very objects that were written; that it cannot be reached is the Membership's to tell. */
function refusalIn(error: unknown): string | undefined {
  const errors: readonly unknown[] = error instanceof AggregateError ? error.errors : [error]
  return errors.find((e): e is StatusError => e instanceof StatusError && [400, 403, 413, 422].includes(e.code))?.message
}
