// The door at work: two controllers a kind, one for each direction, so that a broker that is away stops only what goes out to it.
import type { Kind, KubeObject } from '#lib/kube/object.ts'
import { keyOf } from '#lib/kube/object.ts'
import type { Allocation } from '#crds/allocation.ts'
import { systemNamespace } from '#crds/places.ts'
import type { Kube } from '#lib/kube/client.ts'
import type { Logger } from '#lib/std/log.ts'
import type { Store } from '#lib/kube/store.ts'
import type { Step } from '#lib/kube/plan.ts'
import { applyPlan, deleteStep } from '#lib/kube/plan.ts'
import { controller, settled, source } from '#lib/kube/controller.ts'
import type { Owned } from './judge.ts'
import type { Copy, Sync, Synced } from './synced.ts'
import { bringIn, publish, reader } from './synced.ts'

const fieldManager = 'tombolo-operator'
/** A pass looks at the whole kind: there are few objects, and a whole needs no memory of the parts. */
const everything = { name: 'everything' }

type Sides<T extends Owned> = {
  readonly local: Kube
  readonly broker: Kube
  readonly here: Store<T>
  readonly atBroker: Store<T>
  /** The copies here: what all clusters were admitted with. */
  readonly allocations: Store<Allocation>
}

/** Runs until `signal` aborts. `refused` is told what was not believed, the whole list at each pass. */
export async function keepInSync<T extends Owned>(
  synced: Synced<T>,
  self: string,
  sides: Sides<T>,
  refused: (objects: readonly string[]) => void,
  log: Logger,
  signal: AbortSignal,
): Promise<void> {
  const sources = [source(sides.here, () => [everything]), source(sides.atBroker, () => [everything])]
  const name = synced.kind.kind
  const read = reader(synced, (clusterID) => sides.allocations.get({ namespace: systemNamespace, name: clusterID }))
  const inward = controller({
    name: `door-in-${name}`,
    log,
    sources: [...sources, source(sides.allocations, () => [everything])],
    reconcile: (_, stop) => {
      const sync = bringIn(synced, self, sides.atBroker.list(), sides.here.list(), read)
      refused(sync.refused.map((r) => `${r.object}: ${r.why}`))
      return write(sides.local, synced, sync, sides.here, stop)
    },
  })
  const outward = controller({
    name: `door-out-${name}`,
    log,
    sources,
    reconcile: (_, stop) =>
      write(sides.broker, synced, publish(synced, self, sides.here.list(), sides.atBroker.list()), sides.atBroker, stop),
  })
  await Promise.all([inward, ...(synced.published ? [outward] : [])].map((c) => c.run(signal)))
}

function write<T extends Owned>(kube: Kube, synced: Synced<T>, sync: Sync<T>, store: Store<T>, signal: AbortSignal) {
  const steps = [
    ...sync.put.flatMap((copy) => putSteps(synced.kind, copy, store.get(keyOf(copy.object)))),
    ...sync.drop.map((object) => deleteStep(synced.kind, object)),
  ]
  return applyPlan(kube, { steps, next: settled }, fieldManager, signal)
}

function putSteps(kind: Kind, { object, status }: Copy, have: KubeObject | undefined): readonly Step[] {
  const put: Step = { do: 'apply', kind, object, have }
  return status === undefined ? [put] : [put, { do: 'status', kind, key: keyOf(object), status, have }]
}
