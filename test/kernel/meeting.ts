// Two gateways that meet over a TAP device: one on this machine, with cables in user space where its kernel has none, and one inside the
// kernel of set-up. Each is told beforehand who the other one is, so they need no other way to talk.
import type { CableName } from '#crds/fields.ts'
import { hostBlock } from '#lib/net/cidr.ts'
import type { PublicKey } from '#lib/net/keys.ts'
import { PrivateKey, tunnelAddress } from '#lib/net/keys.ts'
import { CertKey } from '#lib/pki/cert-key.ts'
import { logger } from '#lib/std/log.ts'
import type { Result } from '#lib/std/result.ts'
import { putCredentials } from '#test/kit/ipsec-machines.ts'
import type { Machine } from '#test/kit/netns.ts'
import { testCA } from '#test/kit/test-ca.ts'
import type { Cable, CableDriver } from '../../gateway/cable/driver.ts'
import { drivers } from '../../gateway/cable/drivers.ts'
import { cableDevices, cableSize } from '../../gateway/data-plane.ts'

/** Everything in texts, as it goes through a file that the other side reads. */
type Side = {
  readonly address: string
  /** The device that leads to the other side. */
  readonly dev: string
  readonly privateKey: string
  readonly dnsName: string
  readonly certificate: string
  readonly certificateKey: string
  /** What it sends from, by the kind of cable that carries it. */
  readonly pods: Readonly<Record<CableName, string>>
}
export type Meeting = { readonly inside: Side; readonly outside: Side; readonly root: string }

/** Where the meeting is described, for who is inside. */
export const meetingVariable = 'TOMBOLO_MEETING'

const port = { wireguard: 51820, ipsec: 4500 } as const

export function arrange(): Meeting {
  const ca = testCA()
  const side = (name: string, address: string, dev: string, pods: Side['pods']): Side => {
    const { key, dnsName, certificate } = ca.issue(`n1.${name}.gateway.tombolo.dev`)
    return { address, dev, privateKey: PrivateKey.generate().base64(), dnsName, certificate, certificateKey: key.pem(), pods }
  }
  return {
    inside: side('inside', '192.0.2.2', 'vec0', { wireguard: '10.12.0.1', ipsec: '10.22.0.1' }),
    outside: side('outside', '192.0.2.1', 'tap0', { wireguard: '10.11.0.1', ipsec: '10.21.0.1' }),
    root: ca.root,
  }
}

/** The drivers of one side, with their cables to the other. The device to it must be there. */
export async function attend(
  machine: Machine,
  self: Side,
  other: Side,
  root: string,
  signal: AbortSignal,
): Promise<ReadonlyMap<CableName, CableDriver>> {
  const { host, dir: stateDir } = machine
  await machine.sh(`ip addr add ${self.address}/24 dev ${self.dev}; ip link set ${self.dev} up`)
  await putIdentity(machine, self, root, signal)
  const made = new Map<CableName, CableDriver>()
  for (const cable of ['wireguard', 'ipsec'] as const) {
    const options = { host, device: cableDevices[cable], stateDir, port: port[cable], underlays: [self.dev] }
    const log = logger('test', 'silent')
    const driver = await drivers[cable]({ ...options, mtu: cableSize[cable].mtu, onLost: () => undefined, log }, signal)
    await machine.sh(`ip addr add ${self.pods[cable]}/32 dev lo`)
    await driver.set([cableTo(self, other, cable)], signal)
    await machine.sh(`ip route replace ${other.pods[cable]}/32 dev ${cableDevices[cable]} src ${self.pods[cable]}`)
    made.set(cable, driver)
  }
  await machine.sh(`ip route replace ${tunnelAddress(publicKeyOf(other))}/128 dev ${cableDevices.ipsec}`)
  return made
}

function cableTo(self: Side, other: Side, cable: CableName): Cable {
  const { dnsName, certificate } = other
  return {
    publicKey: publicKeyOf(other),
    candidates: [{ address: other.address, port: port[cable] }],
    cidrs: [hostBlock(other.pods[cable])],
    ipsec: { dnsName, certificate, own: [hostBlock(self.pods[cable])] },
  }
}

/** As a gateway has it that was here before. */
async function putIdentity({ host, dir }: Machine, self: Side, root: string, signal: AbortSignal): Promise<void> {
  await host.write(`${dir}/wireguard.key`, `${self.privateKey}\n`, { mode: 0o600, atomic: true }, signal)
  const { dnsName, certificate, certificateKey } = self
  await putCredentials(host, dir, { dnsName, certificate, key: read(CertKey.parse(certificateKey)) }, [root])
}

export const publicKeyOf = ({ privateKey }: Side): PublicKey => read(PrivateKey.parse(privateKey)).publicKey

function read<T>(parsed: Result<T>): T {
  if (!parsed.ok) throw new Error(`the meeting was described wrongly: ${parsed.error.want} was wanted`)
  return parsed.value
}
