// What a reconciler decided, as data: it can be compared, printed (print-plan.ts) and applied. Applying is written once, here.
import { createHash } from 'node:crypto'
import { remembered } from '#lib/std/remembered.ts'
import type { Kube } from './client.ts'
import type { Next } from './controller.ts'
import { differs, same } from './differs.ts'
import { isConflict, isNotFound } from './errors.ts'
import type { Key, Kind, KubeObject, Meta } from './object.ts'
import { keyOf } from './object.ts'

/** `have` is the object as observed, undefined when there is none: a step that would change nothing writes nothing. */
export type Step =
  /** Server-side apply under our field manager; creates or changes. `object` names only the fields that are ours. */
  | { readonly do: 'apply'; readonly kind: Kind; readonly object: KubeObject; readonly have?: KubeObject | undefined }
  /** The whole status: the field manager is its only writer. Of `have` only: if that went meanwhile, or another has its name, that is well. */
  | {
      readonly do: 'status'
      readonly kind: Kind
      readonly key: Key
      readonly status: object
      readonly have?: KubeObject | undefined
    }
  /** With `uid` only that incarnation. */
  | { readonly do: 'delete'; readonly kind: Kind; readonly key: Key; readonly uid?: string }

/** Of this incarnation only: what has been made under the same name since is another object. */
export const deleteStep = (kind: Kind, { metadata }: Pick<KubeObject, 'metadata'>): Step => ({
  do: 'delete',
  kind,
  key: keyOf({ metadata }),
  ...(metadata.uid === undefined ? {} : { uid: metadata.uid }),
})

/** What it takes to apply a plan. */
export type Applier = Pick<Kube, 'get' | 'apply' | 'delete' | 'log'>

export type Plan = { readonly steps: readonly Step[]; readonly next: Next }

/**
 * Does the steps in order and returns `plan.next`. A failed step does not stop the others, so one bad object holds nobody up, but
 * after a failure no status is written: it would say what is not so. Throws the failure, or an AggregateError of several.
 */
export async function applyPlan(kube: Applier, plan: Plan, fieldManager: string, signal: AbortSignal): Promise<Next> {
  const failures: unknown[] = []
  for (const step of plan.steps) {
    if (step.do === 'status' && failures.length > 0) continue
    try {
      if (changes(step, fieldManager)) await applyStep(kube, step, fieldManager, signal)
    } catch (error) {
      signal.throwIfAborted()
      failures.push(error)
    }
  }
  if (failures.length === 1) throw failures[0]
  if (failures.length > 1)
    throw new AggregateError(
      failures,
      `${failures.length} of ${plan.steps.length} steps failed: ${failures.map(String).join('; ')}`,
    )
  return plan.next
}

/** Would the step write? */
export function changes(step: Step, fieldManager: string): boolean {
  switch (step.do) {
    case 'apply':
      return step.have === undefined || differs(marked(step.object, fieldManager), step.have)
    case 'status':
      return step.have === undefined || !same(step.status, step.have.status ?? {})
    case 'delete':
      return true
  }
}

async function applyStep(kube: Applier, step: Step, fieldManager: string, signal: AbortSignal): Promise<void> {
  kube.log.debug(
    { do: step.do, kind: step.kind.kind, key: step.do === 'apply' ? step.object.metadata.name : step.key },
    'writing',
  )
  switch (step.do) {
    case 'apply':
      await kube.apply(step.kind, marked(step.object, fieldManager), { fieldManager }, signal)
      return
    case 'status':
      await applyStatus(kube, step, fieldManager, signal)
      return
    case 'delete':
      await kube.delete(step.kind, step.key, step.uid === undefined ? {} : { uid: step.uid }, signal)
      return
  }
}

/** So often at most may another writer be faster. */
const mostTries = 5

/**
 * An apiserver passes over the uid in a status of a custom resource, so it is told the version. Where that is another now, either somebody
 * wrote to the object or it is another under the same name, which the status is not about.
 */
async function applyStatus(
  kube: Pick<Kube, 'get' | 'apply'>,
  { kind, key, status, have }: Step & { readonly do: 'status' },
  fieldManager: string,
  signal: AbortSignal,
): Promise<void> {
  const { apiVersion, kind: name } = kind
  let seen = have
  for (let tries = 1; ; tries++) {
    const version = seen?.metadata.resourceVersion
    const metadata = { ...key, ...(version === undefined ? {} : { resourceVersion: version }) }
    try {
      await kube.apply(kind, { apiVersion, kind: name, metadata, status }, { fieldManager, subresource: 'status' }, signal)
      return
    } catch (error) {
      if (isNotFound(error)) return
      if (have === undefined || !isConflict(error) || tries === mostTries) throw error
    }
    seen = await kube.get(kind, key, signal)
    if (seen?.metadata.uid !== have.metadata.uid) return
  }
}

/**
 * The object with a digest of itself in an annotation. Comparing field by field shows what is missing or wrong, but not a field
 * that we set once and no longer name: the copy we compare with does not say whose a field is. The digest shows that
 * something of ours changed, and the apply then lets the API server take the field away. Remembered, as a step is looked at several times
 * between its plan and its write.
 */
export const marked = remembered((object: KubeObject, fieldManager: string): KubeObject => {
  const digest = createHash('sha256').update(canonical(object)).digest('hex').slice(0, 16)
  const metadata: Meta = {
    ...object.metadata,
    annotations: { ...object.metadata.annotations, [`applied.tombolo.dev/${fieldManager}`]: digest },
  }
  return { ...object, metadata }
})

/** JSON with the entries of every map in order, so that equal objects have equal text. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_, field: unknown) =>
    typeof field === 'object' && field !== null && !Array.isArray(field)
      ? Object.fromEntries(Object.entries(field).sort(([a], [b]) => (a < b ? -1 : 1)))
      : field,
  )
}
