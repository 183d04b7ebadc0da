// How far what the operator installed is, in numbers.
import type { DaemonSet, Deployment } from '#lib/kube/kinds.ts'
import { componentLabel } from '#crds/places.ts'
import type { Workload } from './status.ts'

/** A workload whose controller has not looked at its newest spec yet counts as not ready at all. */
export function workloadsOf(daemonSets: readonly DaemonSet[], deployments: readonly Deployment[]): readonly Workload[] {
  const component = (o: DaemonSet | Deployment): string => o.metadata.labels?.[componentLabel] ?? o.metadata.name
  const seen = (o: DaemonSet | Deployment): boolean => o.status?.observedGeneration === o.metadata.generation
  return [
    ...daemonSets.map((d) => ({
      name: component(d),
      wanted: d.status?.desiredNumberScheduled ?? 0,
      ready: seen(d) ? Math.min(d.status?.numberReady ?? 0, d.status?.updatedNumberScheduled ?? 0) : 0,
    })),
    ...deployments
      .filter((d) => component(d) !== 'operator')
      .map((d) => ({
        name: component(d),
        wanted: d.spec?.replicas ?? 1,
        ready: seen(d) ? (d.status?.availableReplicas ?? 0) : 0,
      })),
  ]
}
