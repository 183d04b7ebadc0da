// What each component is to run, and what it runs.
import type { Snapshot } from '../snapshot.ts'
import { by } from './order.ts'

export type VersionRow = {
  readonly component: string
  readonly namespace: string
  /** The image it is to run. */
  readonly configured: string | undefined
  /** The images that its pods run. */
  readonly running: readonly string[]
  readonly pods: number
  /** Of the nodes that it runs on. */
  readonly arch: readonly string[]
}

export function versionsOf({ member, broker, platform }: Snapshot): readonly VersionRow[] {
  return [member, broker]
    .flatMap((view) =>
      (view?.workloads ?? []).map((workload) => {
        const pods = view?.pods.filter((p) => p.component === workload.component && !p.going) ?? []
        const nodes = new Set(pods.map((p) => p.node))
        return {
          component: workload.component,
          namespace: workload.namespace,
          configured: workload.image,
          running: [...new Set(pods.flatMap((p) => p.image ?? []))].toSorted(),
          pods: pods.length,
          arch: [...new Set(platform.nodes.flatMap((n) => (nodes.has(n.name) && n.arch !== '' ? n.arch : [])))].toSorted(),
        }
      }),
    )
    .toSorted(by((row) => [row.namespace, row.component]))
}
