// The registry of cable drivers: a new one is a folder beside this file, its name in crds/fields.ts and a line here.
import type { CableName } from '#crds/fields.ts'
import type { MakeDriver } from './driver.ts'
import { ipsec } from './ipsec/driver.ts'
import { wireguard } from './wireguard/driver.ts'

export const drivers = { wireguard, ipsec } satisfies Record<CableName, MakeDriver>
