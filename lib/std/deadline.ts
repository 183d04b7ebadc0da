// A time limit around one piece of work. AbortSignal.timeout and AbortSignal.any would keep a timer and a link alive
// after the work is done; a daemon starts thousands of these against one signal that lives as long as it does.

/** Says that the work was cut because its time was up, not because its owner stopped. */
export class DeadlineError extends Error {
  override readonly name = 'DeadlineError'
  constructor(ms: number, cause?: unknown) {
    super(`not done within ${ms} ms`, { cause })
  }
}

/** Runs `work` with a signal that aborts when `signal` does or when `ms` are over; in the second case throws DeadlineError. */
export async function within<T>(ms: number, signal: AbortSignal, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  using limit = deadline(ms, signal)
  try {
    return await work(limit.signal)
  } catch (error) {
    throw limit.expired() ? new DeadlineError(ms, error) : error
  }
}

export interface Deadline extends Disposable {
  readonly signal: AbortSignal
  /** True once the time was up, false when the owner aborted first. */
  expired(): boolean
}

/** The same for work that is not one promise, such as a stream. Dispose it when the work is done. */
export function deadline(ms: number, signal: AbortSignal): Deadline {
  const controller = new AbortController()
  let late = false
  const stop = () => controller.abort(signal.reason)
  const timer = setTimeout(() => {
    late = true
    controller.abort(new DeadlineError(ms))
  }, ms)
  if (signal.aborted) stop()
  else signal.addEventListener('abort', stop, { once: true })
  return {
    signal: controller.signal,
    expired: () => late && !signal.aborted,
    [Symbol.dispose]: () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', stop)
    },
  }
}
