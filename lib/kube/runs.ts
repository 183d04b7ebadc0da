// Runs of reconcilers, told to whoever counts them. Over a diagnostics channel, so that no controller is handed a counter and
// nothing is made where nobody listens.
import { channel } from 'node:diagnostics_channel'

/** One run of a reconciler. */
export interface Run {
  readonly controller: string
  readonly outcome: 'settled' | 'again' | 'blocked' | 'failed'
  readonly seconds: number
  /** Keys that waited for a worker when it ended. */
  readonly waiting: number
}

const told = channel('tombolo.reconcile')

export function tellRun(run: Run): void {
  if (told.hasSubscribers) told.publish(run)
}

/** Runs of all controllers of this process, from now on. The result ends that. */
export function onRuns(hear: (run: Run) => void): () => void {
  const listen = (run: unknown) => hear(run as Run)
  told.subscribe(listen)
  return () => {
    told.unsubscribe(listen)
  }
}
