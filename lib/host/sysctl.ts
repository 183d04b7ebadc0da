// Kernel settings under /proc/sys.
import type { Host } from './host.ts'

/** `key` with slashes, because device names may hold dots: `net/ipv4/conf/eth0.7/rp_filter`. */
export type Sysctl = { readonly key: string; readonly value: string }

/** undefined where the kernel has no such setting, e.g. because the device is gone. */
export async function readSysctl(host: Pick<Host, 'read'>, key: string, signal: AbortSignal): Promise<string | undefined> {
  return (await host.read(`/proc/sys/${key}`, signal))?.trim()
}

export const writeSysctl = (host: Pick<Host, 'write'>, { key, value }: Sysctl, signal: AbortSignal): Promise<void> =>
  host.write(`/proc/sys/${key}`, value, {}, signal)
