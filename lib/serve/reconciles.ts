// What every controller counts.
import { Gauge, Histogram, type Registry } from 'prom-client'
import { onRuns } from '#lib/kube/runs.ts'

/** Counts runs of this process's reconcilers until `signal` aborts. */
export function countReconciles(registry: Registry, signal: AbortSignal): void {
  const registers = [registry]
  const seconds = new Histogram({
    name: 'tombolo_reconcile_seconds',
    help: 'Time of one run of a reconciler.',
    labelNames: ['controller', 'outcome'],
    registers,
  })
  const waiting = new Gauge({
    name: 'tombolo_reconcile_waiting',
    help: 'Keys that waited for a worker when the last run ended.',
    labelNames: ['controller'],
    registers,
  })
  const stop = onRuns((run) => {
    seconds.observe({ controller: run.controller, outcome: run.outcome }, run.seconds)
    waiting.set({ controller: run.controller }, run.waiting)
  })
  signal.addEventListener('abort', stop, { once: true })
}
