// The door at work: two controllers a kind, one for each direction, so that a broker that is away stops only what goes out to it.
import type { Kind, KubeObject } from '#lib/kube/object.ts'
import { keyOf } from '#lib/kube/object.ts'
import type { Allocation } from '#crds/allocation.ts'
import { memberNamespace, systemNamespace } from '#crds/places.ts'
import type { Kube } from '#lib/kube/client.ts'
import type { Logger } from '#lib/std/log.ts'
import type { Store } from '#lib/kube/store.ts'
import type { Step } from '#lib/kube/plan.ts'
import { applyPlan, deleteStep } from '#lib/kube/plan.ts'
import { controller, settled, source } from '#lib/kube/controller.ts'
import type { Cell } from '#lib/std/cell.ts'
import type { Owned } from './judge.ts'
import type { HeldRemoval } from './removal.ts'
import { heldOfBroker } from './removal.ts'
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

export type Told = {
  /** What was not believed, the whole list at each pass. */
  readonly refused: (objects: readonly string[]) => void
  /** The removals that are held, in the same way. */
  readonly held: (removals: readonly HeldRemoval[]) => void
}

/** Runs until `signal` aborts. `accepted`: tokens of removals that a person accepted. */
export async function keepInSync<T extends Owned>(
  synced: Synced<T>,
  self: string,
  sides: Sides<T>,
  accepted: Cell<readonly string[]>,
  told: Told,
  log: Logger,
  signal: AbortSignal,
): Promise<void> {
  const sources = [source(sides.here, () => [everything]), source(sides.atBroker, () => [everything])]
  const name = synced.kind.kind
  const read = reader(synced, (clusterID) => sides.allocations.get({ namespace: systemNamespace, name: clusterID }))
  /** Of which the watch told that they went; what else is lacking only a list lacks. */
  const withdrawn = new Set<string | undefined>()
  const unwatch = sides.atBroker.onChange((object, old, by) => {
    if (object !== undefined) withdrawn.delete(object.metadata.namespace)
    else if (by === 'watch') withdrawn.add(old?.metadata.namespace)
  })

  function withoutHeld(sync: Sync<T>): Sync<T> {
    const listed = new Set(sides.atBroker.list().map(({ metadata }) => metadata.namespace))
    const isLacking = ({ spec }: T) => [listed, withdrawn].every((all) => !all.has(memberNamespace(spec.clusterID)))
    const clusters = (all: readonly T[]) => all.map(({ spec }) => spec.clusterID)
    const held = heldOfBroker(self, clusters(sides.here.list()), clusters(sync.drop.filter(isLacking)), accepted.value)
    told.held(held === undefined ? [] : [held])
    return held === undefined ? sync : { ...sync, drop: sync.drop.filter((object) => !isLacking(object)) }
  }

  const inward = controller({
    name: `door-in-${name}`,
    log,
    sources: [...sources, source(sides.allocations, () => [everything])],
    reconcile: (_, stop) => {
      const sync = bringIn(synced, self, sides.atBroker.list(), sides.here.list(), read)
      told.refused(sync.refused.map((r) => `${r.object}: ${r.why}`))
      return write(sides.local, synced, synced.published ? sync : withoutHeld(sync), sides.here, stop)
    },
  })
  const outward = controller({
    name: `door-out-${name}`,
    log,
    sources,
    reconcile: (_, stop) =>
      write(sides.broker, synced, publish(synced, self, sides.here.list(), sides.atBroker.list()), sides.atBroker, stop),
  })
  const unlisten = accepted.onChange(() => inward.add(everything))
  try {
    await Promise.all([inward, ...(synced.published ? [outward] : [])].map((c) => c.run(signal)))
  } finally {
    unlisten()
    unwatch()
  }
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
