// What of a rig can be found on the machine: processes, namespaces, mounts, cgroups, links, files. Nothing, when it was taken down.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { hostLinkName } from './layout.ts'
import { dataRoot, isAnothersSlot, readRecord, runDirOf } from './record.ts'
import { cgroupsOf, containersOf, processesOf } from './take-down.ts'

/**
 * Looks each time it is called. What the machine knows under a number of its own, a link or a cgroup, is looked for only if the rig
 * was seen to have it: so it must be called, and made, while the rig is there.
 */
export function tracesOf(run: string): () => readonly string[] {
  const containers = new Set<string>()
  const slots = new Set<number>()
  const look = () => {
    for (const id of containersOf(run)) containers.add(id)
    const record = readRecord(run)
    if (record !== undefined) slots.add(record.slot)
    const dataDir = record?.dataDir ?? join(dataRoot(), run)
    const netns = list('/run/netns').filter((name) => name.startsWith(`tmb-${run}-`))
    return [
      ...processesOf(run, dataDir, netns).map((pid) => `process ${pid}`),
      ...netns.map((name) => `network namespace ${name}`),
      ...mountsWith([`${dataDir}/`, `${runDirOf(run)}/`, `/run/netns/tmb-${run}-`]).map((mount) => `mount ${mount}`),
      ...cgroupsOf([...containers]).map((path) => `cgroup ${path}`),
      ...[...slots].filter((slot) => hasLink(slot, run)).map((slot) => `link ${hostLinkName(slot)}`),
      ...[dataDir, runDirOf(run)].filter(existsSync),
    ]
  }
  look()
  return look
}

const list = (folder: string): readonly string[] => (existsSync(folder) ? readdirSync(folder) : [])

/** Mount points of the machine itself; what a node mounts for itself goes with its processes. */
const mountsWith = (parts: readonly string[]): readonly string[] =>
  readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[4] ?? '')
    .filter((mount) => parts.some((part) => mount.includes(part)))

/** Another rig may have taken the slot since. */
const hasLink = (slot: number, run: string): boolean =>
  existsSync(`/sys/class/net/${hostLinkName(slot)}`) && !isAnothersSlot(slot, run)
