// What a process takes, under the names that Prometheus' own client libraries give it, read when it is asked for. prom-client's default
// metrics wake an idle process a hundred times a second to see how late it is; the share of time in which it was busy says as much.
import { performance } from 'node:perf_hooks'
import { memoryUsage, resourceUsage } from 'node:process'
import type { Registry } from 'prom-client'
import { gauge, total } from './readings.ts'

export function measureProcess(registry: Registry): void {
  total(registry, 'process_cpu_seconds_total', 'CPU time of user and system.', () => {
    const { userCPUTime, systemCPUTime } = resourceUsage()
    return (userCPUTime + systemCPUTime) / 1e6
  })
  total(registry, 'nodejs_eventloop_active_seconds_total', 'Time in which the event loop was not waiting.', () => {
    return performance.eventLoopUtilization().active / 1e3
  })
  gauge(registry, 'process_resident_memory_bytes', 'Memory that is resident.', () => memoryUsage.rss())
  gauge(registry, 'process_start_time_seconds', 'When it started, since the epoch.', () => performance.timeOrigin / 1e3)
}
