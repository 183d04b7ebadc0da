// The registry of cable drivers: a new one is a folder beside this file, its name in driver.ts and a line here.
import type { CableName, MakeDriver } from './driver.ts'
import { wireguard } from './wireguard/driver.ts'

export const drivers = { wireguard } satisfies Record<CableName, MakeDriver>
