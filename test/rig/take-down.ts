// Takes everything of a rig off the machine, from its names alone: so it works as well after a kill -9, and half made rigs go the same way.
// Nothing is found by a program's name. A process is the rig's if it is in one of its network namespaces, or sees a mount below its
// directories, which only the nodes' private mount namespaces and the containers in them do.
import { existsSync, readdirSync, readFileSync, readlinkSync, rmdirSync, rmSync, statSync } from 'node:fs'
import { basename, join } from 'node:path'
import { run as exec } from '#hack/setup/run.ts'
import { pause } from '#lib/std/pause.ts'
import { hostLinkName } from './layout.ts'
import { isAnothersSlot, runDirOf } from './record.ts'

export type Remains = { readonly run: string; readonly dataDir: string; readonly slot: number | undefined }

export async function takeDown({ run, dataDir, slot }: Remains, signal: AbortSignal): Promise<void> {
  const netns = (existsSync('/run/netns') ? readdirSync('/run/netns') : []).filter((name) => name.startsWith(`tmb-${run}-`))
  const containers = containersOf(run)
  await killAll(run, dataDir, netns, signal)
  // It would go with the router's namespace, if it was moved there, and some time after it.
  if (slot !== undefined && !isAnothersSlot(slot, run))
    await exec('ip', ['link', 'del', hostLinkName(slot)], {}, signal).catch(() => undefined)
  await removeSpaces(netns, signal)
  removeCgroups(containers)
  for (const folder of [dataDir, runDirOf(run)]) rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 })
}

/** Somebody else may be at it: what counts is that they are gone. */
async function removeSpaces(names: readonly string[], signal: AbortSignal): Promise<void> {
  if (names.length === 0) return
  const stdin = names.map((name) => `netns del ${name}\n`).join('')
  await exec('ip', ['-force', '-batch', '-'], { stdin }, signal).catch((error: unknown) => {
    if (names.some((name) => existsSync(`/run/netns/${name}`))) throw error
  })
}

async function killAll(run: string, dataDir: string, netns: readonly string[], signal: AbortSignal): Promise<void> {
  // A shim that dies may have just started something: until a look finds nobody.
  for (let tries = 0; ; tries++) {
    const pids = processesOf(run, dataDir, netns)
    if (pids.length === 0) return
    if (tries > 200) throw new Error(`processes of rig ${run} do not end: ${pids.join(', ')}`)
    for (const pid of pids) kill(pid)
    await pause(20, signal)
    signal.throwIfAborted()
  }
}

/** The rig's processes that are alive. */
export function processesOf(run: string, dataDir: string, netns: readonly string[]): readonly number[] {
  const spaces = new Set(netns.flatMap((name) => inodeOf(`/run/netns/${name}`)))
  const marks = [`${dataDir}/`, `${runDirOf(run)}/`]
  return readdirSync('/proc').flatMap((entry) => {
    const pid = Number(entry)
    if (!Number.isInteger(pid) || pid === process.pid) return []
    const ours = () => spaces.has(netnsOf(pid)) || marks.some((mark) => read(pid, 'mountinfo').includes(mark))
    return isRunning(pid) && ours() ? [pid] : []
  })
}

const read = (pid: number, name: string): string => {
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'utf8')
  } catch {
    return ''
  }
}

/** Kernel threads and zombies have no memory map. */
const isRunning = (pid: number): boolean => /^VmSize:/m.test(read(pid, 'status'))

function netnsOf(pid: number): string {
  try {
    return /\d+/.exec(readlinkSync(`/proc/${pid}/ns/net`))?.[0] ?? ''
  } catch {
    return ''
  }
}

const inodeOf = (path: string): readonly string[] => {
  const ino = statSync(path, { throwIfNoEntry: false })?.ino
  return ino === undefined ? [] : [String(ino)]
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It ended by itself in the meantime.
  }
}

/** The ids of all containers that have a task, from containerd's own state directories. */
export const containersOf = (run: string): readonly string[] =>
  folders(runDirOf(run))
    .flatMap((node) => folders(join(node, 'containerd/io.containerd.runtime.v2.task/k8s.io')))
    .map((task) => basename(task))

/** Of all containers of all rigs, in every hierarchy of cgroup v1, and in v2. */
const cgroupRoots = (): readonly string[] =>
  ['/sys/fs/cgroup', ...folders('/sys/fs/cgroup')].map((root) => join(root, 'k8s.io')).filter(existsSync)

/** The cgroups there are of these containers. */
export const cgroupsOf = (containers: readonly string[]): readonly string[] =>
  cgroupRoots().flatMap((root) => containers.map((id) => join(root, id)).filter(existsSync))

/** The directory of a cgroup goes when it is empty, the innermost first. */
function removeCgroups(containers: readonly string[]): void {
  for (const cgroup of cgroupsOf(containers)) removeTree(cgroup)
  // Of no use to anybody when it was the last one's; another rig's containers keep it.
  for (const root of cgroupRoots()) if (folders(root).length === 0) removeTree(root)
}

function removeTree(path: string): void {
  for (const folder of folders(path)) removeTree(folder)
  try {
    rmdirSync(path)
  } catch {
    // Gone already, or in use again by somebody else.
  }
}

const folders = (path: string): readonly string[] =>
  existsSync(path)
    ? readdirSync(path, { withFileTypes: true })
        .filter((entry) => entry.isDirectory())
        .map(({ name }) => join(path, name))
    : []
