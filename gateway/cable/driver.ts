// What every kind of cable has in common. A cable is the encrypted link to one gateway of another cluster.
import type { CableName } from '#crds/fields.ts'
import type { Host } from '#lib/host/host.ts'
import type { CIDR } from '#lib/net/cidr.ts'
import type { PresharedKey, PublicKey } from '#lib/net/keys.ts'
import type { Logger } from '#lib/std/log.ts'

/** Where a gateway may be reached. `reflexive`: as others hear it, from behind a NAT that may let in only whom it has sent to. */
export type Candidate = { readonly address: string; readonly port: number; readonly reflexive?: true }

/** `192.0.2.1:51820`, `[2001:db8::1]:51820` */
export const addressText = ({ address, port }: Candidate): string =>
  address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`

/** What only IPsec asks for. */
export type IPsecTerms = {
  /** The one name of the far gateway's certificate. */
  readonly dnsName: string
  /** PEM; judged before it came here (lib/pki/trust.ts), and the only one that is taken from the gateway. */
  readonly certificate: string
  /** What of this side may speak through the cable, besides our tunnel address. The same for all cables. */
  readonly own: readonly CIDR[]
}

export type Cable = {
  /** The far gateway. Its tunnel address follows from the key (lib/net/keys.ts). */
  readonly publicKey: PublicKey
  /** Best first. A driver may go on using an address from which authenticated packets came instead. */
  readonly candidates: readonly [Candidate, ...Candidate[]]
  /** What may be sent to it and accepted from it, besides its tunnel address. No two cables share an address. */
  readonly cidrs: readonly CIDR[]
  /** Mixed into every handshake, where both ends have it. Setting it ends no session: the next handshake is the first with it. Not for IPsec. */
  readonly presharedKey?: PresharedKey
  /** Without them there is no cable over IPsec. */
  readonly ipsec?: IPsecTerms
}

export type CableState = {
  readonly cable: CableName
  readonly publicKey: PublicKey
  /** Where packets go now, as `addressText` has it. */
  readonly address?: string
  /** ms since the epoch; undefined: there was no handshake yet. */
  readonly handshakeAt?: number
  readonly rxBytes: number
  readonly txBytes: number
}

export interface CableDriver extends AsyncDisposable {
  readonly name: CableName
  /** What carries the cables, for people: `wireguard (kernel)`. Known after the first `set`. */
  readonly about: string
  /** The network device that packets for other clusters are routed to. */
  readonly device: string
  /** The most that the device takes. */
  readonly mtu: number
  /** Who this gateway is to others. */
  readonly publicKey: PublicKey

  /**
   * Makes the node's cables equal `want`, removing ours that are not in it. Repeatable, also after a crash and after another program
   * changed the device; a call with what is already there changes nothing. New and changed cables come before old ones go.
   */
  set(want: readonly Cable[], signal: AbortSignal): Promise<void>

  /**
   * Sends to this address from now on, until authenticated packets come from another one. A cable that is not there is left so. Only of
   * kinds that can be led through a relay.
   */
  steer?(publicKey: PublicKey, to: Candidate, signal: AbortSignal): Promise<void>

  /** What the kernel or daemon reports now; never what we remember. Throws while there is no device. */
  read(signal: AbortSignal): Promise<readonly CableState[]>
}

export type DriverOptions = {
  readonly host: Host
  readonly device: string
  /** Where keys are kept; survives the pod. */
  readonly stateDir: string
  readonly port: number
  /** By which other gateways are reached: addresses on other devices are no business of theirs. */
  readonly underlays: readonly string[]
  readonly mtu: number
  /** Called when the device went away by itself: routes over it are gone, `set` will make it anew. */
  readonly onLost: () => void
  /** Called when a cable came up or went down, by kinds that know before packets do. */
  readonly onChange?: () => void
  readonly log: Logger
}

/** Reads or makes the node's identity; touches no device before the first `set`. */
export type MakeDriver = (options: DriverOptions, signal: AbortSignal) => Promise<CableDriver>
