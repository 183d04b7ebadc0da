// Work to do, by key. A key waits at most once however often it is added, and never runs twice at once:
// what is added while it runs waits until that run is done, then runs once more.
// Work belongs to a flow: whoever causes it. Flows are served in turns, so that whoever causes much waits behind its own, and of two for
// which a key waits the one whose turn comes first has it run.
import { ring, type Ring } from '#lib/std/ring.ts'
import { delays } from './delays.ts'

export interface Queue extends Disposable {
  /** Now; it overtakes a delay of the same key. */
  add(key: string, flow?: string): void
  /**
   * In `ms`, or earlier if it was to come earlier already; while it runs, counted from when that run is done. Unless said otherwise for the
   * flow for which it runs.
   */
  addAfter(key: string, ms: number, flow?: string): void
  /** The key that has waited longest in the flow whose turn it is, held until `done(key)`. Undefined once `signal` aborts. */
  take(signal: AbortSignal): Promise<string | undefined>
  done(key: string): void
  /** How many wait to be taken now. */
  readonly size: number
  /** Of those, the ones of a flow. */
  sizeOf(flow: string): number
  /** For which a key runs that was taken. */
  flowOf(key: string): string | undefined
}

/** A place in the line of a flow, compared by identity. It is given up when the key is taken for another flow, and passed over then. */
type Place = { readonly key: string }
type Flow = { readonly name: string; readonly line: Ring<Place> }
type Later = { readonly ms: number; readonly flow: string }
type Run = {
  readonly flow: string
  /** For which it is to run once more. */
  readonly again: Set<string>
  /** If not at once. */
  later: Later | undefined
}

/** Of what nobody in particular causes. */
const common = ''

export function queue(): Queue {
  /** Those with a place in their line. */
  const flows = new Map<string, Flow>()
  const turns = ring<Flow>() // the same flows, in the order in which they are served
  /** The keys that wait to be taken: the place of each, by flow. */
  const ready = new Map<string, Map<string, Place>>()
  const running = new Map<string, Run>()
  /** The flows of keys that come later. */
  const delayed = new Map<string, string>()
  const takers = ring<() => void>()
  const later = delays((key) => add(key, delayed.get(key)))

  function add(key: string, flow = common): void {
    later.drop(key)
    delayed.delete(key)
    const run = running.get(key)
    if (run === undefined) enter(key, flow)
    else run.again.add(flow)
  }

  function put(key: string, { ms, flow }: Later): void {
    delayed.set(key, flow)
    later.put(key, ms)
  }

  function enter(key: string, name: string): void {
    const places = ready.get(key)
    if (places?.has(name) === true) return
    const place: Place = { key }
    lineOf(name).push(place)
    if (places !== undefined) places.set(name, place)
    else {
      ready.set(key, new Map([[name, place]]))
      takers.shift()?.()
    }
  }

  function lineOf(name: string): Ring<Place> {
    const known = flows.get(name)
    if (known !== undefined) return known.line
    const flow: Flow = { name, line: ring() }
    flows.set(name, flow)
    turns.push(flow)
    return flow.line
  }

  function next(): { readonly key: string; readonly flow: string } | undefined {
    for (let flow = turns.shift(); flow !== undefined; flow = turns.shift()) {
      const key = firstOf(flow)
      if (flow.line.size > 0) turns.push(flow)
      else flows.delete(flow.name)
      if (key !== undefined) return { key, flow: flow.name }
    }
    return undefined
  }

  function firstOf({ name, line }: Flow): string | undefined {
    for (let place = line.shift(); place !== undefined; place = line.shift())
      if (ready.get(place.key)?.get(name) === place) return place.key
    return undefined
  }

  /** Resolves when something may be ready. A taker that gave up stays in the ring: it passes its turn on. */
  function somethingNew(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        signal.removeEventListener('abort', resolveNow)
        if (signal.aborted) takers.shift()?.()
        resolve()
      }
      const resolveNow = () => resolve()
      takers.push(wake)
      signal.addEventListener('abort', resolveNow, { once: true })
    })
  }

  return {
    add,
    addAfter: (key, ms, asked) => {
      const run = running.get(key)
      const flow = asked ?? run?.flow ?? common
      if (ready.has(key) || (run?.again.size ?? 0) > 0) return
      if (ms <= 0) add(key, flow)
      else if (run === undefined) put(key, { ms, flow })
      else if (run.later === undefined || ms < run.later.ms) run.later = { ms, flow }
    },
    take: async (signal) => {
      while (!signal.aborted) {
        const taken = next()
        if (taken !== undefined) {
          ready.delete(taken.key)
          running.set(taken.key, { flow: taken.flow, again: new Set(), later: undefined })
          return taken.key
        }
        await somethingNew(signal)
      }
      return undefined
    },
    done: (key) => {
      const run = running.get(key)
      running.delete(key)
      for (const flow of run?.again ?? []) enter(key, flow)
      if (run?.later !== undefined && run.again.size === 0) put(key, run.later)
    },
    get size() {
      return ready.size
    },
    sizeOf: (flow) => flows.get(flow)?.line.size ?? 0,
    flowOf: (key) => running.get(key)?.flow,
    [Symbol.dispose]: () => later[Symbol.dispose](),
  }
}
