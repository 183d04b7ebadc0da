// What is written down about a rig, so that another process can use it, and a later one can sweep it: one file in its run directory.
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { cachePath } from '#hack/setup/cache.ts'
import type { Layout } from './layout.ts'
import type { Identity } from './piece.ts'
import { identify, isAlive } from './piece.ts'
import type { RigSpec } from './spec.ts'

export interface Record {
  readonly run: string
  readonly slot: number
  readonly spec: RigSpec
  readonly dataDir: string
  /** The process whose rig it is. Null: it was kept, and lives until somebody takes it down. */
  readonly owner: Identity | null
  /** ISO 8601. */
  readonly began: string
}

/** Run directories of all rigs of this machine. Gone after a reboot, as are the rigs. */
export const runRoot = '/run/tombolo-rigs'
export const runDirOf = (run: string): string => join(runRoot, run)
export const dataRoot = (): string => cachePath('rigs')

const file = (run: string) => join(runDirOf(run), 'rig.json')

export function writeRecord(record: Record): void {
  mkdirSync(runDirOf(record.run), { recursive: true })
  const partial = `${file(record.run)}.partial`
  writeFileSync(partial, `${JSON.stringify(record, null, 2)}\n`)
  renameSync(partial, file(record.run))
}

/** Undefined: there is no such rig, or it is being made or taken down at this moment. */
export function readRecord(run: string): Record | undefined {
  try {
    return JSON.parse(readFileSync(file(run), 'utf8')) as Record
  } catch {
    return undefined
  }
}

export const allRuns = (): readonly string[] => (existsSync(runRoot) ? readdirSync(runRoot) : [])

export const ownedByUs = (): Identity | null => identify(process.pid) ?? null

/** Whether somebody still wants it: its owner lives, or it was kept. */
export const isWanted = (record: Record): boolean => record.owner === null || isAlive(record.owner)

/** Whether another rig than `run` says that it has the slot, or is about to ask for it: who died asking may have none. */
export const isAnothersSlot = (slot: number, run: string): boolean =>
  allRuns().some((other) => other !== run && readRecord(other)?.slot === slot)

export const recordOf = (layout: Layout, spec: RigSpec, owner: Identity | null): Record => ({
  run: layout.run,
  slot: layout.slot,
  spec,
  dataDir: layout.dataDir,
  owner,
  began: new Date().toISOString(),
})
