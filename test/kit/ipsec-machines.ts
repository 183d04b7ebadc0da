// Machines for cables over IPsec: each with a charon of its own, and a certificate where the gateway keeps it.
import type { Host } from '#lib/host/host.ts'
import type { Section } from '#lib/host/vici/message.ts'
import { vici } from '#lib/host/vici/client.ts'
import type { PublicKey } from '#lib/net/keys.ts'
import { socketFile } from '../../gateway/cable/ipsec/charon.ts'
import { connectionOf, credentialsOf, readName } from '../../gateway/cable/ipsec/connection.ts'
import { certificateDir, readKept } from '../../gateway/certificate/kept.ts'
import { connectionsIn, sessionsIn } from '../../gateway/cable/ipsec/reading.ts'
import type { SessionState } from '../../gateway/cable/ipsec/reading.ts'
import { cableDevices } from '../../gateway/data-plane.ts'
import type { TestMachine } from './cable-contract.ts'
import { eventually } from './eventually.ts'
import { cidrs, keyOf } from './gateway.ts'
import type { Machine } from './netns.ts'
import { processesIn } from './netns.ts'
import type { Issued, TestCA } from './test-ca.ts'
import { testCA } from './test-ca.ts'

const { signal } = new AbortController()

/** As gateway/certificate leaves it. */
export async function putCredentials(
  host: Host,
  dir: string,
  { key, certificate }: Issued,
  roots: readonly string[],
): Promise<void> {
  const put = (name: string, content: string) =>
    host.write(`${certificateDir(dir)}/${name}`, content, { mode: 0o600, atomic: true }, signal)
  await put('key.pem', key.pem())
  await put('certificate.pem', certificate)
  await put('roots.pem', roots.join(''))
}

export async function killCharon(machine: Machine): Promise<void> {
  for (const { pid, command } of processesIn(machine)) if (command.startsWith('charon')) process.kill(pid, 'SIGKILL')
  await eventually(async () => {
    await machine.sh(`! test -e /sys/class/net/${cableDevices.ipsec}`)
  })
}

/** What charon itself says; it must be there. */
export async function askCharon<T>(
  host: Host,
  command: 'conns' | 'sas',
  read: (event: Section) => readonly T[],
): Promise<readonly T[]> {
  using client = vici(host, socketFile)
  const found: T[] = []
  await client.list(`list-${command}`, `list-${command.slice(0, -1)}`, {}, (event) => found.push(...read(event)), signal)
  return found
}

export const sessionsOn = (host: Host): Promise<readonly SessionState[]> => askCharon(host, 'sas', sessionsIn)

export async function ipsecMachine(machine: Machine, ca: TestCA = testCA()): Promise<TestMachine> {
  const { host, dir: stateDir } = machine
  const us = ca.issue('n0.east.gateway.tombolo.dev')
  await putCredentials(host, stateDir, us, [ca.root])
  return {
    host,
    device: cableDevices.ipsec,
    stateDir,
    sharedKeys: () => Promise.resolve(new Map()),
    carried: async () =>
      new Map(
        (await askCharon(host, 'conns', connectionsIn)).flatMap(({ name, children }) => {
          const key = readName(name)?.publicKey
          return key === undefined ? [] : [[key, children.get('net')?.remote ?? []] as const]
        }),
      ) satisfies ReadonlyMap<PublicKey, readonly string[]>,
    destroy: () => killCharon(machine),
    meddle: async () => {
      const credentials = credentialsOf(await readKept(host, stateDir, signal))
      const stranger = {
        publicKey: keyOf('stranger'),
        candidates: [{ address: '192.0.2.99', port: 4500 }],
        cidrs: cidrs('10.1.0.0/16'),
        ipsec: { ...ca.issue('x.gateway.tombolo.dev'), own: cidrs('10.9.0.0/16') },
      } as const
      const connection =
        credentials === undefined ? undefined : connectionOf(stranger, keyOf('us'), credentials, { port: 4500, esp: 'charon' })
      if (connection === undefined) throw new Error('no connection for the stranger')
      using client = vici(host, socketFile)
      await client.command('load-conn', { [connection.name]: connection.message }, signal)
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  }
}
