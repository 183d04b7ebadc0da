// The share of CPU that a process gets when there is not enough for all: on a machine of two cores that decides what throughput is.
// A container's processes share what their cgroup gets, while one started by hand would get as much by itself.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** Puts process `pid` where process `like` is, as far as CPU time goes: cgroup v1's `cpu` hierarchy, or v2's only one. */
export function shareCpuWith(pid: number, like: number): void {
  const rows = readFileSync(`/proc/${like}/cgroup`, 'utf8')
    .trim()
    .split('\n')
    .map((row) => /^(\d+):([^:]*):(.*)$/.exec(row) ?? [])
  const [, , controllers = '', path] =
    rows.find(([, , names = '']) => names.split(',').includes('cpu')) ?? rows.find(([, id]) => id === '0') ?? []
  if (path === undefined) throw new Error(`process ${like} is in no cgroup for CPU time`)
  const procs = join('/sys/fs/cgroup', controllers, path, 'cgroup.procs')
  if (!existsSync(procs)) throw new Error(`${procs} is not there: cgroups are mounted elsewhere`)
  writeFileSync(procs, String(pid))
}
