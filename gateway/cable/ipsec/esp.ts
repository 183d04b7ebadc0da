// Who does ESP, the encryption of packets: the kernel where it has it, else charon in user space. For the rest of the gateway both are
// one device, `ipsec0`, that takes what routes lead there and drops what no selector covers.
//
//   kernel   an XFRM interface of ours; charon puts states and policies with its number into the kernel
//   charon   a TUN device that charon makes (kernel-libipsec), and that ends with it
import { randomBytes } from 'node:crypto'
import type { Host } from '#lib/host/host.ts'
import { CommandFailed } from '#lib/host/host.ts'
import type { Link } from '#lib/host/ip.ts'
import { dropLink, parseLinks } from '#lib/host/ip.ts'
import { addXfrmLink, addXfrmState, dropXfrmPolicy, dropXfrmState, parseXfrmPolicies, parseXfrmStates } from '#lib/host/xfrm.ts'
import { espNumber } from '../../data-plane.ts'

export type Esp = 'kernel' | 'charon'

export const aboutEsp = { kernel: 'ipsec (kernel)', charon: 'ipsec (kernel-libipsec)' } as const satisfies Record<Esp, string>

/** Of a device that is there; undefined: it is another program's. */
export const espOf = ({ kind, xfrmNumber }: Link): Esp | undefined =>
  kind === 'tun' ? 'charon' : xfrmNumber === espNumber ? 'kernel' : undefined

/**
 * Whether the kernel can do all that a cable asks of it: the device, and ESP in UDP over both families. The device is there afterwards if
 * so, and is not if not.
 */
export async function makeKernelEsp(host: Pick<Host, 'run'>, device: string, signal: AbortSignal): Promise<boolean> {
  if (!(await tried(batch(host, [addXfrmLink(device, espNumber)], signal)))) return false
  const key = randomBytes(36).toString('hex')
  const probed = await tried(
    batch(host, [...probes.map((state) => addXfrmState(state, key, espNumber)), ...probes.map(dropXfrmState)], signal),
  )
  if (!probed) await removeKernelEsp(host, device, signal)
  return probed
}

/** Between addresses that nobody has (RFC 7600 §4.8, RFC 6666). */
const probes = [
  { from: '192.0.0.8', to: '192.0.0.8', spi: '0x1000' },
  { from: '100::1', to: '100::1', spi: '0x1000' },
] as const

/** States and policies with our number: of a charon that was killed, all of them are still in the kernel. */
export async function sweepKernelEsp(host: Pick<Host, 'run'>, signal: AbortSignal): Promise<readonly string[]> {
  const show = (...words: readonly string[]) => host.run('ip', ['xfrm', ...words], {}, signal).catch(noXfrm)
  const [states, policies] = await Promise.all([show('state', 'list', 'nokeys'), show('policy', 'list')])
  const lines = [
    ...parseXfrmPolicies(policies, espNumber).map((policy) => dropXfrmPolicy(policy, espNumber)),
    ...parseXfrmStates(states, espNumber).map(dropXfrmState),
  ]
  if (lines.length > 0) await batch(host, lines, signal)
  return lines
}

/** Of all states of ours that are in the kernel, as charon writes them: without `0x`. */
export async function kernelSpis(host: Pick<Host, 'run'>, signal: AbortSignal): Promise<ReadonlySet<string>> {
  const text = await host.run('ip', ['xfrm', 'state', 'list', 'nokeys'], {}, signal)
  return new Set(parseXfrmStates(text, espNumber).map(({ spi }) => spi.replace(/^0x/, '')))
}

/** All of it, and the device if it is the kernel's and ours. What was taken away, in words of `ip`. */
export async function removeKernelEsp(host: Pick<Host, 'run'>, device: string, signal: AbortSignal): Promise<readonly string[]> {
  const links = parseLinks(await host.run('ip', ['-j', '-d', 'link', 'show'], {}, signal))
  const lines = links.some((link) => link.name === device && espOf(link) === 'kernel') ? [dropLink(device)] : []
  if (lines.length > 0) await batch(host, lines, signal)
  return [...lines, ...(await sweepKernelEsp(host, signal))]
}

const batch = (host: Pick<Host, 'run'>, lines: readonly string[], signal: AbortSignal) =>
  host.run('ip', ['-batch', '-'], { stdin: `${lines.join('\n')}\n` }, signal)

const tried = (work: Promise<unknown>): Promise<boolean> =>
  work.then(
    () => true,
    (error: unknown) => {
      if (error instanceof CommandFailed) return false
      throw error
    },
  )

/** A kernel without XFRM has nothing of it either. */
function noXfrm(error: unknown): string {
  if (error instanceof CommandFailed) return ''
  throw error
}
