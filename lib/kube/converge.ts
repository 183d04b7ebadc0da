// Planning and applying until nothing is left to write. A plan often needs what an earlier write brought back: an owner's uid, an
// address that the apiserver chose. What a write answers counts at once, so the way to the goal is as long as its longest chain of
// needs, not as long as the watch takes each time. And it ends only when the watch has caught up with its own writes, so that the
// next run for the key does not decide on a state from before them.
import type { Next } from './controller.ts'
import { StatusError } from './errors.ts'
import type { Kind, KubeObject } from './object.ts'
import { keyOf, keyText } from './object.ts'
import type { Applier, Plan, Step } from './plan.ts'
import { applyPlan, changes, marked } from './plan.ts'
import type { Store } from './store.ts'

export interface Convergence {
  readonly kube: Applier
  readonly fieldManager: string
  /** Where what is written comes back. */
  readonly stores: readonly Store[]
  /** The objects in question, of any kind, as observed. */
  readonly have: readonly KubeObject[]
  /** The steps that can be taken now, independent of each other: they are taken side by side. */
  readonly plan: (have: readonly KubeObject[]) => Plan
}

/** A plan that still wants to write after so many rounds is at war with another writer: the watch will bring the key back. */
const mostRounds = 8
/** How long to wait for the watch. It is behind by milliseconds; a watch that broke brings everything back by itself. */
const catchUpMs = 2000

/**
 * Throws as applyPlan does; the rounds done until then stay done. What the apiserver will never take stops the puts that come after it,
 * but not the deletes: one object that cannot be written must not keep what is stale in place.
 */
export async function converge(what: Convergence, signal: AbortSignal): Promise<Next> {
  let { have } = what
  let plan = what.plan(have)
  if (!plan.steps.some((step) => changes(step, what.fieldManager))) return plan.next
  using ear = listen(what.stores)
  const failures: unknown[] = []
  for (let round = 0; round < mostRounds; round++) {
    const steps = plan.steps.filter((step) => changes(step, what.fieldManager) && (failures.length === 0 || step.do === 'delete'))
    if (steps.length === 0) break
    const outcomes = await sideBySide(what, steps, ear, signal)
    failures.push(...outcomes.flatMap(({ failure }) => (failure === undefined ? [] : [failure.error])))
    if (!failures.every(isFinal)) break
    have = after(have, outcomes)
    plan = what.plan(have)
  }
  if (failures.length === 1) throw failures[0]
  if (failures.length > 1)
    throw new AggregateError(failures, `${failures.length} writes failed: ${failures.map(String).join('; ')}`)
  await ear.caughtUp(catchUpMs, signal)
  return plan.next
}

type Outcome = { readonly step: Step; readonly object?: KubeObject; readonly failure?: { readonly error: unknown } }

/** The object is at fault, not the moment. */
const isFinal = (error: unknown): boolean => error instanceof StatusError && [400, 413, 422].includes(error.code)

/** A write that failed counts as done in what the next plan sees: it decides on what would be so, and only its deletes are done. */
function sideBySide(what: Convergence, steps: readonly Step[], ear: Ear, signal: AbortSignal): Promise<readonly Outcome[]> {
  return Promise.all(
    steps.map(async (step): Promise<Outcome> => {
      let object: KubeObject | undefined
      const kube: Applier = {
        log: what.kube.log,
        get: (kind, key, stop) => what.kube.get(kind, key, stop),
        apply: async (kind, wanted, options, stop) => {
          const applied = await what.kube.apply(kind, wanted, options, stop)
          object = applied
          return applied
        },
        delete: (kind, key, options, stop) => what.kube.delete(kind, key, options, stop),
      }
      try {
        await applyPlan(kube, { steps: [step], next: { kind: 'settled' } }, what.fieldManager, signal)
      } catch (error) {
        return { ...asIf(step, what.fieldManager), failure: { error } }
      }
      ear.expect(step, object)
      return object === undefined ? { step } : { step, object }
    }),
  )
}

function asIf(step: Step, fieldManager: string): Outcome {
  if (step.do !== 'apply') return { step }
  const { have } = step
  const object = marked(step.object, fieldManager)
  const spec = { ...(have?.spec ?? {}), ...(object.spec ?? {}) }
  return { step, object: { ...have, ...object, metadata: { ...have?.metadata, ...object.metadata }, spec } }
}

const identity = (kind: Pick<Kind, 'kind'>, object: Pick<KubeObject, 'metadata'>): string =>
  `${kind.kind} ${keyText(keyOf(object))}`
const target = (step: Step): string =>
  step.do === 'apply' ? identity(step.kind, step.object) : `${step.kind.kind} ${keyText(step.key)}`

function after(have: readonly KubeObject[], outcomes: readonly Outcome[]): readonly KubeObject[] {
  const objects = new Map(have.map((object) => [identity(object, object), object]))
  for (const { step, object } of outcomes) {
    if (object !== undefined) objects.set(target(step), object)
    else if (step.do === 'delete') objects.delete(target(step))
  }
  return [...objects.values()]
}

interface Ear extends Disposable {
  expect(step: Step, written: KubeObject | undefined): void
  /** Resolves when the stores have heard of everything expected, when `ms` have passed, or when `signal` aborts. */
  caughtUp(ms: number, signal: AbortSignal): Promise<void>
}

/** Listens from before the first write, since the watch may be faster than the answer. */
function listen(stores: readonly Store[]): Ear {
  const heard = new Set<string>()
  const expected: { readonly store: Store; readonly step: Step; readonly written: KubeObject | undefined }[] = []
  let wake: (() => void) | undefined
  const stops = stores.map((store) =>
    store.onChange((object, old) => {
      if (object !== undefined) heard.add(version(object))
      else if (old !== undefined) heard.add(old.metadata.uid ?? '')
      wake?.()
    }),
  )

  function isHeard({ store, step, written }: (typeof expected)[number]): boolean {
    const now = step.do === 'apply' ? store.get(keyOf(step.object)) : store.get(step.key)
    if (step.do === 'delete')
      return now === undefined || now.metadata.deletionTimestamp !== undefined || now.metadata.uid !== step.uid
    if (written === undefined) return true
    return (
      heard.has(version(written)) ||
      heard.has(written.metadata.uid ?? '') ||
      (now !== undefined && version(now) === version(written))
    )
  }

  return {
    expect: (step, written) => {
      const store = stores.find(({ kind }) => kind.kind === step.kind.kind)
      if (store !== undefined) expected.push({ store, step, written })
    },
    caughtUp: (ms, signal) =>
      new Promise((resolve) => {
        const look = () => {
          if (!signal.aborted && !expected.every(isHeard)) return
          finish()
        }
        const finish = () => {
          clearTimeout(timer)
          signal.removeEventListener('abort', finish)
          wake = undefined
          resolve()
        }
        const timer = setTimeout(finish, ms)
        signal.addEventListener('abort', finish, { once: true })
        wake = look
        look()
      }),
    [Symbol.dispose]: () => {
      for (const stop of stops) stop()
    },
  }
}

const version = ({ metadata: { uid, resourceVersion } }: KubeObject): string => `${uid ?? ''}@${resourceVersion ?? ''}`
