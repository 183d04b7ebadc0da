// Kernel settings of the node itself: what they were before the agent changed them, kept in a file on the node so that leaving can put
// them back. Those on devices of ours go with the devices.
import { z } from 'zod'
import type { Host } from '#lib/host/host.ts'
import type { Sysctl } from '#lib/host/sysctl.ts'
import { cableDevices, overlayDevice } from '../data-plane.ts'

/** By key: the value that was found first, and the one that we gave it. Equal when there is nothing to put back. */
export type Former = Readonly<Record<string, { readonly before: string; readonly ours: string }>>

const schema = z.record(z.string(), z.object({ before: z.string(), ours: z.string() }))
const fileIn = (stateDir: string): string => `${stateDir}/sysctls.json`

/**
 * `found`: the values now, before `want` is written. The first value found is the one that counts: after a restart of the machine the
 * agent may run before whatever else sets it. A third value is somebody else's, and from then on so is the setting.
 */
export function remember(former: Former, found: readonly Sysctl[], want: readonly Sysctl[]): Former {
  const seen = want.flatMap(({ key, value: ours }) => {
    const now = found.find((f) => f.key === key)?.value
    if (now === undefined || !canGoBack(key)) return []
    const kept = former[key]
    const before = kept?.before ?? now
    const foreign = kept !== undefined && now !== kept.before && now !== kept.ours
    return [[key, { before: foreign ? ours : before, ours }] as const]
  })
  return { ...former, ...Object.fromEntries(seen) }
}

/** What to write. Not what somebody else has changed since, nor what is there no more, as its device is gone. */
export const putBack = (former: Former, found: readonly Sysctl[]): readonly Sysctl[] =>
  Object.entries(former).flatMap(([key, { before, ours }]) =>
    before !== ours && found.some((f) => f.key === key && f.value === ours) ? [{ key, value: before }] : [],
  )

/**
 * Forwarding stays: a new node can get its agent before its first pod, and a CNI that turns on what is on already leaves no trace.
 * Turning it off would cut off all pods of a node that stays in its cluster.
 */
function canGoBack(key: string): boolean {
  const onOurs = [overlayDevice, ...Object.values(cableDevices)].some((dev) => key.includes(`/${dev}/`))
  return !onOurs && !/\/(ip_forward|forwarding)$/.test(key)
}

/** Empty where there is none, or none that can be read: a node without a record is left as it is. */
export async function readFormer(host: Pick<Host, 'read'>, stateDir: string, signal: AbortSignal): Promise<Former> {
  const text = await host.read(fileIn(stateDir), signal)
  if (text === undefined) return {}
  try {
    return schema.parse(JSON.parse(text))
  } catch {
    return {}
  }
}

export const writeFormer = (host: Pick<Host, 'write'>, stateDir: string, former: Former, signal: AbortSignal): Promise<void> =>
  host.write(fileIn(stateDir), `${JSON.stringify(former, undefined, 2)}\n`, { mode: 0o600, atomic: true }, signal)
