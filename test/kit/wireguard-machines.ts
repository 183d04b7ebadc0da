// A machine for the contract of cable drivers, as WireGuard has it: made of text or real, with the kernel's device or wireguard-go's.
import type { TestMachine } from './cable-contract.ts'
import { kernelDevice, uapiDevice } from '../../gateway/cable/wireguard/device.ts'
import type { Host } from '#lib/host/host.ts'
import { tunnelNetwork } from '#lib/net/keys.ts'
import type { CIDR } from '#lib/net/cidr.ts'
import { contains } from '#lib/net/cidr.ts'
import { keyOf } from './gateway.ts'

const device = 'tmb-wg'

/** `kill` ends the process behind the device; undefined where the device is the kernel's own. */
export function wireguardMachine(
  machine: { readonly host: Host; readonly stateDir: string; readonly kill: (() => Promise<void>) | undefined },
  down: () => Promise<void>,
): TestMachine {
  const { host, kill } = machine
  const { signal } = new AbortController()
  const door = kill === undefined ? kernelDevice(host, device) : uapiDevice(host, device)
  return {
    host,
    device,
    stateDir: machine.stateDir,
    carried: async () =>
      new Map(
        (await door.get(signal)).peers.map((p) => [
          p.publicKey,
          p.allowedIPs.filter((ip) => !contains(tunnelNetwork, ip as CIDR)).toSorted(),
        ]),
      ),
    sharedKeys: async () =>
      new Map(
        (await door.get(signal)).peers.flatMap((p) =>
          p.presharedKey === undefined ? [] : [[p.publicKey, p.presharedKey.base64()]],
        ),
      ),
    destroy: kill ?? (() => host.run('ip', ['link', 'del', device], {}, signal).then(() => undefined)),
    meddle: () =>
      door.setPeers(
        [
          {
            do: 'put',
            peer: { publicKey: keyOf('stranger'), allowedIPs: ['10.1.0.0/16'], keepaliveSeconds: 5 },
            replaceAllowed: true,
          },
        ],
        signal,
      ),
    [Symbol.asyncDispose]: down,
  }
}
