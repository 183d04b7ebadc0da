// The joins controller: one worker, one key, and runs that read everything anew (run.ts).
import { clusterIDLabel, joinerAccount, joinNamespace } from '#crds/places.ts'
import type { Kube } from '#lib/kube/client.ts'
import type { Controller } from '#lib/kube/controller.ts'
import { controller, source } from '#lib/kube/controller.ts'
import type { KubeObject } from '#lib/kube/object.ts'
import type { Stores } from '#broker/stores.ts'
import { joinsRuns } from './run.ts'
import { serverNames } from './server-names.ts'

/** The one key. */
const allJoins = [{ name: 'joins' }]
const clock = { now: () => new Date(), monotonicMs: () => performance.now() }

/** The stores only say when to look; with one worker and one key no two runs judge at the same time. */
export function joinsController(kube: Kube, stores: Stores): Controller {
  const { fleets, requests, grants, members, namespaces, roleBindings } = stores
  const run = joinsRuns({ kube, placed: () => placesOf(stores), resolve: serverNames(), clock })
  return controller({
    name: 'joins',
    sources: [
      // Its status a run writes itself: one that fails would else begin the next at once.
      source(fleets, () => allJoins, { sees: ({ spec }) => spec }),
      ...[requests, grants, members, namespaces, roleBindings].map((store) => source<KubeObject>(store, () => allJoins)),
    ],
    workers: 1,
    log: kube.log,
    reconcile: (_key, signal) => run(signal),
  })
}

/** Cluster ids whose account may ask: its right to is made last, and a namespace that goes takes it along. */
const placesOf = ({ roleBindings, namespaces }: Stores): ReadonlySet<string> =>
  new Set(
    roleBindings
      .list()
      .filter(({ subjects }) => subjects?.some((s) => s.name === joinerAccount) === true)
      .flatMap(({ metadata }) => metadata.labels?.[clusterIDLabel] ?? [])
      .filter((id) => {
        const namespace = namespaces.get({ name: joinNamespace(id) })
        return namespace !== undefined && namespace.metadata.deletionTimestamp === undefined
      }),
  )
