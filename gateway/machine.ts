// Facts about the node that only the node knows: which device carries its address, and which addresses it has.
import type { Host } from '#lib/host/host.ts'
import { parseAddresses, parseLinks } from '#lib/host/ip.ts'
import { readSysctl } from '#lib/host/sysctl.ts'
import { Misplaced } from '#lib/std/misplaced.ts'

export type Machine = {
  /** The device that holds the node's address. */
  readonly underlay: { readonly dev: string; readonly mtu: number }
  /** All addresses of the node, without prefix lengths. */
  readonly addresses: readonly string[]
  readonly kernelHasIPsec: boolean
}

/** Throws `Misplaced` if no device of the node holds `nodeAddress`: then it is not this node's. */
export async function readMachine(host: Pick<Host, 'read' | 'run'>, nodeAddress: string, signal: AbortSignal): Promise<Machine> {
  const addresses = parseAddresses(await host.run('ip', ['-j', 'addr', 'show'], {}, signal))
  const dev = addresses.find((a) => a.address.split('/')[0] === nodeAddress)?.dev
  if (dev === undefined)
    throw new Misplaced(`no device here has the node's address ${nodeAddress}: it is started in the network of that node`)
  const [link] = parseLinks(await host.run('ip', ['-j', '-d', 'link', 'show', 'dev', dev], {}, signal))
  return {
    underlay: { dev, mtu: link?.mtu ?? 1500 },
    addresses: [...new Set(addresses.map((a) => a.address.split('/')[0] ?? ''))],
    // A setting of XFRM, which is no module.
    kernelHasIPsec: (await readSysctl(host, 'net/core/xfrm_acq_expires', signal)) !== undefined,
  }
}
