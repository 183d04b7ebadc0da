// Events (events.k8s.io/v1): what `kubectl describe` shows under an object. Said for people, best effort, never a source of truth.
// The same thing said again within ten minutes is one event with a growing count, and the count is written at 2, 4, 8, …:
// a controller that complains in a loop must not fill etcd.
import { createHash } from 'node:crypto'
import type { Kube } from './client.ts'
import type { Event } from './kinds.ts'
import { events } from './kinds.ts'
import type { KubeObject } from './object.ts'
import { microTime } from './time.ts'

export interface Said {
  readonly regarding: KubeObject
  readonly type: 'Normal' | 'Warning'
  /** CamelCase, the same word as the condition's reason. */
  readonly reason: string
  /** What was being done, CamelCase verb. */
  readonly action: string
  /** For people, at most 1 kB. */
  readonly note: string
}

export interface RecorderOptions {
  readonly kube: Pick<Kube, 'create' | 'patch' | 'log'>
  /** Such as `tombolo-operator`. */
  readonly component: string
  /** Which of several: the pod's name. */
  readonly instance: string
}

const WINDOW_MS = 10 * 60_000
const REMEMBERED = 1000

interface Series {
  readonly name: string
  readonly namespace: string
  readonly began: number
  count: number
}

/** The result writes one event, or counts it. It never throws: what cannot be written is logged. */
export function recorder(options: RecorderOptions, signal: AbortSignal): (said: Said) => Promise<void> {
  const { kube } = options
  const recent = new Map<string, Series>() // oldest first

  function seriesOf(said: Said): Series {
    const id = identity(said, options)
    const known = recent.get(id)
    if (known !== undefined && Date.now() - known.began < WINDOW_MS) return known
    const { name, namespace = 'default' } = said.regarding.metadata
    const began = Date.now()
    const suffix = createHash('sha256').update(`${id}${began}`).digest('hex').slice(0, 16)
    const fresh = { name: `${name.slice(0, 230)}.${suffix}`, namespace, began, count: 0 }
    recent.delete(id)
    recent.set(id, fresh)
    const oldest = recent.keys().next().value
    if (recent.size > REMEMBERED && oldest !== undefined) recent.delete(oldest)
    return fresh
  }

  return async (said) => {
    const series = seriesOf(said)
    series.count++
    try {
      if (series.count === 1) await kube.create(events, eventOf(said, series, options), {}, signal)
      else if (isPowerOfTwo(series.count)) await kube.patch(events, series, countOf(series), {}, signal)
    } catch (error) {
      if (!signal.aborted) kube.log.warn({ err: error, reason: said.reason, note: said.note }, 'event not written')
    }
  }
}

const isPowerOfTwo = (count: number): boolean => (count & (count - 1)) === 0

const identity = ({ regarding, type, reason, action, note }: Said, { component }: RecorderOptions): string =>
  JSON.stringify([regarding.metadata.uid, type, reason, action, note, component])

const countOf = ({ count }: Series) => ({ series: { count, lastObservedTime: microTime(new Date()) } })

function eventOf(said: Said, { name, namespace }: Series, { component, instance }: RecorderOptions): Event {
  const { apiVersion, kind, metadata } = said.regarding
  return {
    apiVersion: events.apiVersion,
    kind: events.kind,
    metadata: { name, namespace },
    eventTime: microTime(new Date()),
    reportingController: component,
    reportingInstance: instance,
    type: said.type,
    reason: said.reason,
    action: said.action,
    note: said.note.slice(0, 1024),
    regarding: {
      apiVersion,
      kind,
      name: metadata.name,
      ...(metadata.namespace === undefined ? {} : { namespace: metadata.namespace }),
      ...(metadata.uid === undefined ? {} : { uid: metadata.uid }),
    },
  }
}
