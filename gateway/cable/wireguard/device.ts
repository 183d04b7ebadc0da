// A WireGuard device of one of two kinds: the kernel's, or a TUN device of a wireguard-go process. Same verbs for both.
import { randomUUID } from 'node:crypto'
import type { Host } from '#lib/host/host.ts'
import type { DeviceState, PeerChange } from '#lib/host/wg.ts'
import {
  parseDump,
  parseUapi,
  uapiEnd,
  uapiGet,
  uapiSetDevice,
  uapiSetPeers,
  wgSetDevice,
  wgSetPeers,
  wgSetPresharedKey,
} from '#lib/host/wg.ts'
import type { PresharedKey, PrivateKey, PublicKey } from '#lib/net/keys.ts'

/** A key and the file that holds it: one speaks the key, the other names the file. */
export type KeptKey = { readonly key: PrivateKey; readonly file: string }

export interface WireGuardDevice {
  readonly about: string
  get(signal: AbortSignal): Promise<DeviceState>
  setIdentity(kept: KeptKey, listenPort: number, signal: AbortSignal): Promise<void>
  setPeers(changes: readonly PeerChange[], signal: AbortSignal): Promise<void>
}

export const socketOf = (name: string): string => `/var/run/wireguard/${name}.sock`

/** Through wireguard-go's socket. */
export function uapiDevice(host: Pick<Host, 'ask'>, name: string): WireGuardDevice {
  const ask = async (request: string, signal: AbortSignal) => parseUapi(await host.ask(socketOf(name), request, uapiEnd, signal))
  return {
    about: 'wireguard (wireguard-go)',
    get: (signal) => ask(uapiGet, signal),
    setIdentity: async ({ key }, listenPort, signal) => {
      await ask(uapiSetDevice(key, listenPort), signal)
    },
    setPeers: async (changes, signal) => {
      await ask(uapiSetPeers(changes), signal)
    },
  }
}

/** Through `wg`, which speaks netlink. */
export function kernelDevice(host: Pick<Host, 'remove' | 'run' | 'write'>, name: string): WireGuardDevice {
  const wg = (args: readonly string[], signal: AbortSignal) => host.run('wg', args, {}, signal)
  return {
    about: 'wireguard (kernel)',
    get: async (signal) => parseDump(await wg(['show', name, 'dump'], signal)),
    setIdentity: async ({ file }, listenPort, signal) => {
      await wg(wgSetDevice(name, file, listenPort), signal)
    },
    setPeers: async (changes, signal) => {
      const puts = changes.flatMap((change) => (change.do === 'put' ? [change.peer] : []))
      const have = new Map(parseDump(await wg(['show', name, 'dump'], signal)).peers.map((p) => [p.publicKey, p.presharedKey]))
      // The key before the rest: a new peer must not make its first handshake without it.
      for (const { publicKey, presharedKey } of new Map(puts.map((p) => [p.publicKey, p])).values())
        if (!sameKey(presharedKey, have.get(publicKey))) await setPresharedKey(publicKey, presharedKey, signal)
      await wg(wgSetPeers(name, changes), signal)
    },
  }

  /** Through a file in memory that nobody else can read, and that is gone when `wg` has read it. */
  async function setPresharedKey(peer: PublicKey, key: PresharedKey | undefined, signal: AbortSignal): Promise<void> {
    const file = `/dev/shm/tombolo-${randomUUID()}`
    try {
      await host.write(file, key === undefined ? '' : `${key.base64()}\n`, { mode: 0o600 }, signal)
      await wg(wgSetPresharedKey(name, peer, file), signal)
    } finally {
      await host.remove(file, signal)
    }
  }
}

export const sameKey = (a: PresharedKey | undefined, b: PresharedKey | undefined): boolean =>
  a === undefined || b === undefined ? a === b : a.equals(b)
