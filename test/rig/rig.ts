// Whole Kubernetes clusters on this machine. `await using rig = await startRig(twoClusters())`, and everything is gone at the end of the block.
import { randomInt } from 'node:crypto'
import { copyFileSync, cpSync, existsSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { cachePath } from '#hack/setup/cache.ts'
import type { Say } from '#hack/setup/progress.ts'
import { sayOnStderr } from '#hack/setup/progress.ts'
import { setUp } from '#hack/setup/set-up.ts'
import { explain } from '#lib/std/result.ts'
import type { Cluster } from './cluster.ts'
import { clusterOf } from './cluster.ts'
import { loss, partition } from './faults.ts'
import { kubeconfig } from './files.ts'
import { sweepDead } from './find.ts'
import type { Layout } from './layout.ts'
import { hostLinkName, layoutOf, slots } from './layout.ts'
import { claimSlot, makeNetwork } from './network.ts'
import { loginOf, users } from './pki.ts'
import type { Record as RigRecord } from './record.ts'
import { dataRoot, ownedByUs, recordOf, runDirOf, writeRecord } from './record.ts'
import type { RigSpec } from './spec.ts'
import { checkSpec } from './spec.ts'
import { startCluster } from './start.ts'
import { takeDown } from './take-down.ts'

export interface Rig extends AsyncDisposable {
  /** In every name of this rig: several can run side by side. */
  readonly run: string
  readonly directory: string
  /** One file with a context for each cluster, named like it. */
  readonly kubeconfig: string
  readonly clusters: readonly Cluster[]
  /** Throws when there is none. */
  cluster(id: string): Cluster
  /** Cuts the underlay between two clusters until it is disposed. */
  partition(a: string, b: string): Promise<AsyncDisposable>
  /** Loses packets between a node and other clusters until it is disposed; a number from 0 to 100. */
  loss(node: string, percent: number): Promise<AsyncDisposable>
  /** Copies the logs of all pieces and pods into `folder`. */
  saveLogs(folder: string): void
  /** It lives on when this process ends, until somebody takes it down. */
  keep(): void
  /** Takes everything off the machine. */
  down(): Promise<void>
  /** Saves the logs where they outlive it, takes it down, and says where they are. */
  fail(): Promise<string>
}

export type StartOptions = { readonly say?: Say; readonly signal?: AbortSignal }

/** Sets the machine up as far as needed, sweeps what dead rigs left, and starts clusters whose nodes are Ready and whose DNS answers. */
export async function startRig(
  spec: RigSpec,
  { say = sayOnStderr, signal = new AbortController().signal }: StartOptions = {},
): Promise<Rig> {
  const checked = checkSpec(spec)
  if (!checked.ok) throw new Error(explain(checked.error))
  const assets = await setUp(signal, say)
  await sweepDead(signal)
  const layout = await claim(spec, signal)
  const rig = rigOf(layout, spec)
  try {
    const images = await (spec.images === 'base' ? assets.images.base(signal) : assets.images.tombolo(signal))
    const limited = AbortSignal.any([signal, AbortSignal.timeout(startMs)])
    await makeNetwork(layout, limited)
    await Promise.all(layout.clusters.map((cluster) => startCluster(cluster, images, limited)))
    writeFileSync(rig.kubeconfig, kubeconfig(layout.clusters.map((cluster) => loginOf(cluster, users.admin))), { mode: 0o600 })
    return rig
  } catch (error) {
    throw new Error(`the rig did not start; its logs are in ${await rig.fail()}`, { cause: error })
  }
}

/** Two clusters take ten seconds; a busy machine or many clusters take their time. */
const startMs = 180_000

/** Handles of a rig that is there. */
export const attachTo = (record: RigRecord): Rig =>
  rigOf(
    layoutOf(record.spec, { run: record.run, slot: record.slot, runDir: runDirOf(record.run), dataDir: record.dataDir }),
    record.spec,
  )

/** A free slot is one whose device we could make: the kernel decides between two that want it. */
async function claim(spec: RigSpec, signal: AbortSignal): Promise<Layout> {
  const run = Array.from({ length: 5 }, () => 'abcdefghijkmnpqrstuvwxyz23456789'[randomInt(32)]).join('')
  const places = { run, runDir: runDirOf(run), dataDir: join(dataRoot(), run) }
  for (let slot = 0; slot < slots; slot++) {
    const layout = layoutOf(spec, { ...places, slot })
    // Written first: whatever is made after it can be found and swept.
    writeRecord(recordOf(layout, spec, ownedByUs()))
    mkdirSync(layout.dataDir, { recursive: true })
    if (await claimSlot(hostLinkName(slot), signal)) return layout
  }
  rmSync(places.runDir, { recursive: true })
  rmSync(places.dataDir, { recursive: true })
  throw new Error(`${slots} rigs run already: take one down (npm run playground -- down)`)
}

function rigOf(layout: Layout, spec: RigSpec): Rig {
  const clusters = layout.clusters.map(clusterOf)
  const find = <T extends { readonly id: string }>(all: readonly T[], id: string): T => {
    const found = all.find((cluster) => cluster.id === id)
    if (found === undefined) throw new Error(`there is no cluster ${id}: there are ${all.map((c) => c.id).join(', ')}`)
    return found
  }
  const down = () => takeDown({ run: layout.run, dataDir: layout.dataDir, slot: layout.slot }, AbortSignal.timeout(60_000))
  let kept = false
  return {
    run: layout.run,
    directory: layout.dataDir,
    kubeconfig: join(layout.dataDir, 'kubeconfig'),
    clusters,
    cluster: (id) => find(clusters, id),
    partition: (a, b) => partition(layout, find(layout.clusters, a), find(layout.clusters, b)),
    loss: (name, percent) => {
      const node = layout.clusters.flatMap((c) => c.nodes).find((n) => n.name === name)
      if (node === undefined) throw new Error(`there is no node ${name}`)
      return loss(layout, node, percent)
    },
    saveLogs: (folder) => saveLogs(layout, folder),
    keep: () => {
      kept = true
      writeRecord(recordOf(layout, spec, null))
    },
    down,
    fail: async () => {
      const logs = cachePath('logs', layout.run)
      saveLogs(layout, logs)
      forgetOldLogs()
      await down()
      return logs
    },
    [Symbol.asyncDispose]: () => (kept ? Promise.resolve() : down()),
  }
}

function saveLogs(layout: Layout, folder: string): void {
  const copy = (from: string, to: string) => {
    if (!existsSync(from)) return
    mkdirSync(dirname(to), { recursive: true })
    copyFileSync(from, to)
  }
  for (const cluster of layout.clusters)
    for (const { name, dir } of [{ name: cluster.id, dir: cluster.dir }, ...cluster.nodes]) {
      for (const file of existsSync(dir) ? readdirSync(dir) : [])
        if (file.endsWith('.log')) copy(join(dir, file), join(folder, name, file))
      if (existsSync(join(dir, 'pods'))) cpSync(join(dir, 'pods'), join(folder, name, 'pods'), { recursive: true })
    }
}

const keptLogs = 10

function forgetOldLogs(): void {
  const all = readdirSync(cachePath('logs')).map((name) => cachePath('logs', name))
  const newestFirst = all.toSorted((a, b) => statSync(b).mtimeMs - statSync(a).mtimeMs)
  for (const old of newestFirst.slice(keptLogs)) rmSync(old, { recursive: true, force: true })
}
