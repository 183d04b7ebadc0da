// The registry of cable drivers: a new one is a folder beside this file, its name in driver.ts and a line here.
import type { Host } from '#lib/host/host.ts'
import type { Logger } from '#lib/std/log.ts'
import type { CableDriver, CableName } from './driver.ts'
import { wireguard } from './wireguard/driver.ts'

export type DriverOptions = {
  readonly host: Host
  readonly device: string
  /** Where keys are kept; survives the pod. */
  readonly stateDir: string
  readonly port: number
  readonly mtu: number
  /** Called when the device went away by itself: routes over it are gone, `set` will make it anew. */
  readonly onLost: () => void
  readonly log: Logger
}

/** Reads or makes the node's identity; touches no device before the first `set`. */
export type MakeDriver = (options: DriverOptions, signal: AbortSignal) => Promise<CableDriver>

export const drivers = { wireguard } satisfies Record<CableName, MakeDriver>
