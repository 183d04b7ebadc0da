// A fault that is planted on a real cluster, and what is to be said of it while it is there.
import type { KubeObject } from '#lib/kube/object.ts'
import type { Cluster } from '#test/rig/cluster.ts'

/** Plants it, and gives what takes it back. */
export type Plant = () => Promise<Heal>
export type Heal = () => Promise<unknown>

/** What a check has to find: as something that does not work, unless it is a warning. */
export type Symptom = {
  readonly check: string
  readonly level?: 'warn' | 'fail'
  readonly says: RegExp
  readonly remedy: RegExp
}
/** What one run of `tombolo diagnose all` in a cluster has to find. */
export type Diagnosis = { readonly in: 'east' | 'west'; readonly finds: readonly Symptom[] }

/** On the way from a pod in west to a service in east: `why` names the station. */
export type Fault = {
  readonly name: string
  readonly plant: Plant
  readonly from?: string
  readonly to?: string
  readonly at: string
  readonly says: RegExp
  /** What `why` gives to type. */
  readonly types?: RegExp
  readonly diagnosis?: Diagnosis | readonly Diagnosis[]
  /** Whether it takes the data plane a moment to mend: the next fault waits for that. */
  readonly thenAsk?: true
}

/** A fault that is there already. */
export const nothing: Plant = () => Promise.resolve(() => Promise.resolve())

export const undo =
  (cluster: Cluster, ...args: readonly string[]): Heal =>
  () =>
    cluster.kubectl(args)

/** Deletes an object, and gives what makes it anew as whoever applied it did: it is theirs again. */
export async function takeAway(cluster: Cluster, ...which: readonly string[]): Promise<Heal> {
  const { metadata, ...content } = JSON.parse(
    await cluster.kubectl(['get', ...which, '-o', 'json', '--show-managed-fields']),
  ) as KubeObject
  const {
    name,
    namespace,
    labels,
    annotations,
    managedFields = [],
  } = metadata as KubeObject['metadata'] & {
    readonly managedFields?: readonly { readonly manager: string; readonly operation: string }[]
  }
  const owner = managedFields.find(({ operation }) => operation === 'Apply')?.manager ?? 'kubectl'
  await cluster.kubectl(['delete', ...which])
  return () =>
    cluster.kubectl(
      ['apply', '--server-side', '--field-manager', owner, '-f', '-'],
      JSON.stringify({ ...content, metadata: { name, namespace, labels, annotations } }),
    )
}
