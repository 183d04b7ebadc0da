// The processes of a cluster's containers, found by their cgroup: other rigs run the same programs on the same machine.
import { readdirSync, readFileSync } from 'node:fs'
import type { Kube } from '#lib/kube/client.ts'
import { pods } from '#lib/kube/kinds.ts'
import type { Where } from '#lib/kube/object.ts'
import { keyText } from '#lib/kube/object.ts'

export type Process = {
  readonly pid: number
  /** `namespace/name` of the pod. */
  readonly pod: string
  readonly container: string
  /** Whether it is what the container was started with, or a child of that. */
  readonly role: 'main' | 'child'
  /** comm, proc(5): at most 15 characters. */
  readonly program: string
}

export async function processesOf(kube: Kube, where: Where, signal: AbortSignal): Promise<readonly Process[]> {
  const { items } = await kube.list(pods, where, signal)
  const containers = items.flatMap((pod) =>
    (pod.status?.containerStatuses ?? []).map(({ name, containerID }) => ({
      pod: keyText({ namespace: pod.metadata.namespace ?? '', name: pod.metadata.name }),
      container: name,
      id: containerID?.replace(/^.*:\/\//, '') ?? 'none',
    })),
  )
  return readdirSync('/proc').flatMap((entry) => {
    const pid = Number(entry)
    if (!Number.isInteger(pid)) return []
    const cgroup = read(pid, 'cgroup')
    const found = containers.find(({ id }) => cgroup.includes(id))
    if (found === undefined) return []
    const { pod, container } = found
    // The last number is the process id as the container sees it.
    const role = /^NSpid:.*\t1$/m.test(read(pid, 'status')) ? 'main' : 'child'
    return [{ pid, pod, container, role, program: read(pid, 'comm').trim() }]
  })
}

/** A gateway runs `wg` and `ip`, which end by themselves between being found and being told. */
export function signalIfThere(pid: number, what: NodeJS.Signals): void {
  try {
    process.kill(pid, what)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error
  }
}

export type Memory = { readonly privateBytes: number; readonly residentBytes: number }

/** Undefined: the process has ended. */
export function memoryOf(pid: number): Memory | undefined {
  const rollup = read(pid, 'smaps_rollup')
  if (rollup === '') return undefined
  const sum = (name: RegExp) => [...rollup.matchAll(name)].reduce((total, [, kB]) => total + Number(kB) * 1024, 0)
  return { privateBytes: sum(/^Private_\w+:\s+(\d+) kB/gm), residentBytes: sum(/^Rss:\s+(\d+) kB/gm) }
}

/** CPU time in seconds of a process and of those of its children that have ended; 0 when it has itself. */
export function cpuSeconds(pid: number): number {
  const stat = read(pid, 'stat')
  // The second field is the program's name in parentheses and may contain anything; utime is field 14.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return fields.slice(11, 15).reduce((total, ticks) => total + Number(ticks), 0) / ticksPerSecond
}

/** What the kernel tells user space on every architecture that we run on. */
const ticksPerSecond = 100

function read(pid: number, name: string): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'utf8')
  } catch {
    return ''
  }
}
