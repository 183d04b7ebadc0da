// What of ours is meant to run in a cluster, and the pods that do.
import { z } from 'zod'
import { componentLabel } from '#crds/places.ts'
import { daemonSets, deployments, pods } from '#lib/kube/kinds.ts'
import type { KubeObject } from '#lib/kube/object.ts'
import type { Door } from './door.ts'

export type WorkloadFact = {
  readonly kind: 'Deployment' | 'DaemonSet'
  readonly namespace: string
  readonly name: string
  /** `operator`, `gateway`, `agent`, `dns`, `broker-controller`. */
  readonly component: string
  readonly image: string | undefined
  readonly wanted: number
  readonly available: number
  /** Of the newest template. */
  readonly updated: number
  /** Whether its controller has looked at its newest spec. */
  readonly seen: boolean
}

export type PodFact = {
  readonly namespace: string
  readonly name: string
  readonly component: string
  readonly node: string | undefined
  readonly phase: string
  readonly ready: boolean
  /** Being deleted. */
  readonly going: boolean
  readonly restarts: number
  /** As its spec says. */
  readonly image: string | undefined
  /** What the node made of that name: tells two builds of one tag apart. */
  readonly imageID: string | undefined
  /** Why it does not run, in the kubelet’s or the scheduler’s words. */
  readonly trouble: string | undefined
}

export type Running = { readonly workloads: readonly WorkloadFact[]; readonly pods: readonly PodFact[] }

/** Everything that carries our labels in a namespace of ours. */
export async function readRunning(door: Door, namespace: string): Promise<Running> {
  const where = { namespace, labels: componentLabel }
  const [deployed, everywhere, found] = await Promise.all([
    door.any(deployments, where, parseWorkload),
    door.any(daemonSets, where, parseWorkload),
    door.any(pods, where, parsePod),
  ])
  return { workloads: [...deployed, ...everywhere], pods: found }
}

const count = z.int().nullish()
const workloadField = z.looseObject({
  metadata: z.looseObject({ generation: count }),
  spec: z.looseObject({
    replicas: count,
    template: z.looseObject({ spec: z.looseObject({ containers: z.array(z.looseObject({ image: z.string().nullish() })) }) }),
  }),
  status: z
    .looseObject({
      observedGeneration: count,
      availableReplicas: count,
      updatedReplicas: count,
      desiredNumberScheduled: count,
      numberAvailable: count,
      updatedNumberScheduled: count,
    })
    .nullish(),
})

export function parseWorkload(object: KubeObject): WorkloadFact | undefined {
  const parsed = workloadField.safeParse(object)
  const { namespace, name, labels } = object.metadata
  const component = labels?.[componentLabel]
  if (!parsed.success || namespace === undefined || component === undefined) return undefined
  const { metadata, spec, status } = parsed.data
  const common = {
    namespace,
    name,
    component,
    image: spec.template.spec.containers[0]?.image ?? undefined,
    seen: (status?.observedGeneration ?? 0) >= (metadata.generation ?? 0),
  }
  return object.kind === 'DaemonSet'
    ? {
        ...common,
        kind: 'DaemonSet',
        wanted: status?.desiredNumberScheduled ?? 0,
        available: status?.numberAvailable ?? 0,
        updated: status?.updatedNumberScheduled ?? 0,
      }
    : {
        ...common,
        kind: 'Deployment',
        wanted: spec.replicas ?? 1,
        available: status?.availableReplicas ?? 0,
        updated: status?.updatedReplicas ?? 0,
      }
}

const conditionList = z
  .array(z.looseObject({ type: z.string(), status: z.string(), reason: z.string().nullish(), message: z.string().nullish() }))
  .nullish()
const stateField = z.looseObject({ reason: z.string().nullish(), message: z.string().nullish() }).nullish()
const podField = z.looseObject({
  spec: z.looseObject({
    nodeName: z.string().nullish(),
    containers: z.array(z.looseObject({ image: z.string().nullish() })).nullish(),
  }),
  status: z.looseObject({
    phase: z.string().nullish(),
    conditions: conditionList,
    containerStatuses: z
      .array(
        z.looseObject({
          restartCount: count,
          imageID: z.string().nullish(),
          state: z.looseObject({ waiting: stateField, terminated: stateField }).nullish(),
          lastState: z.looseObject({ terminated: stateField }).nullish(),
        }),
      )
      .nullish(),
  }),
})

export function parsePod(object: KubeObject): PodFact | undefined {
  const parsed = podField.safeParse(object)
  const { namespace, name, labels, deletionTimestamp } = object.metadata
  if (!parsed.success || namespace === undefined) return undefined
  const { spec, status } = parsed.data
  const containers = status.containerStatuses ?? []
  const unscheduled = status.conditions?.find((c) => c.type === 'PodScheduled' && c.status === 'False')
  const stuck: Said = containers.map((c) => c.state?.waiting ?? c.state?.terminated).find((state) => state != null)
  const died: Said = containers.map((c) => c.lastState?.terminated).find((state) => state != null)
  const trouble = said(unscheduled) ?? (stuck == null ? undefined : [said(stuck), said(died)].filter(Boolean).join('; '))
  return {
    namespace,
    name,
    component: labels?.[componentLabel] ?? '',
    node: spec.nodeName ?? undefined,
    phase: status.phase ?? 'Unknown',
    ready: status.conditions?.some((c) => c.type === 'Ready' && c.status === 'True') ?? false,
    going: deletionTimestamp !== undefined,
    restarts: containers.reduce((sum, c) => sum + (c.restartCount ?? 0), 0),
    image: spec.containers?.[0]?.image ?? undefined,
    imageID: containers[0]?.imageID ?? undefined,
    trouble: trouble === '' ? undefined : trouble,
  }
}

type Said = { readonly reason?: string | null | undefined; readonly message?: string | null | undefined } | null | undefined

const said = (state: Said): string | undefined =>
  state == null ? undefined : [state.reason, state.message].filter((text) => (text ?? '') !== '').join(': ') || undefined
