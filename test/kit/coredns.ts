// CoreDNS with its `multicluster` option on an apiserver of this machine, beside our own server on the same objects: the peer that our
// answers and our speed are compared with.
import { spawn } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as packet from 'dns-packet'
import { stringify } from 'yaml'
import { mcsServiceNameLabel } from '#crds/places.ts'
import { serviceImport } from '#crds/service-import.ts'
import { follow } from '#dns/follow.ts'
import { responder } from '#dns/respond.ts'
import { listen } from '#dns/server.ts'
import { growingZone } from '#dns/zone.ts'
import { programPath } from '#hack/setup/programs.ts'
import { customResourceDefinitions, endpointSlices, namespaces, services } from '#lib/kube/kinds.ts'
import { reflect } from '#lib/kube/reflector.ts'
import type { BareBroker } from './bare-broker.ts'
import { eventually } from './eventually.ts'
import { zoneName } from './names.ts'

export interface NameServer extends AsyncDisposable {
  readonly port: number
}

/** Establishes ServiceImports on a bare apiserver, which has the broker's kinds alone. */
export async function takeImports({ admin }: BareBroker, signal: AbortSignal): Promise<void> {
  await admin.apply(customResourceDefinitions, serviceImport.crd() as never, { fieldManager: 'test' }, signal)
  await eventually(async () => {
    await admin.list(serviceImport, {}, signal)
  })
}

/** Ours, wired as in dns/main.ts; resolves when it has heard everything. */
export async function ourServer({ admin }: BareBroker): Promise<NameServer> {
  const stop = new AbortController()
  const [imports, slices, spaces, derived] = [
    reflect(admin, serviceImport, {}, stop.signal),
    reflect(admin, endpointSlices, { labels: mcsServiceNameLabel }, stop.signal),
    reflect(admin, namespaces, {}, stop.signal),
    reflect(admin, services, { labels: mcsServiceNameLabel }, stop.signal),
  ]
  const settings = { zone: zoneName, ttl: 5 }
  const zone = growingZone({ ...settings, addresses: ['127.0.0.1'], serial: 1 })
  const sources = { imports: imports.store, slices: slices.store, namespaces: spaces.store, derived: derived.store }
  await follow(zone, settings, sources, admin.log, stop.signal)
  const server = await listen({
    addresses: ['127.0.0.1'],
    port: 0,
    respond: responder(zone),
    onReply: () => undefined,
    log: admin.log,
  })
  return {
    port: server.port,
    [Symbol.asyncDispose]: async () => {
      stop.abort()
      await Promise.all([imports.done, slices.done, spaces.done, server[Symbol.asyncDispose]()])
    },
  }
}

/** An apiserver of this machine, or the file that says how another is reached. */
type Followed = BareBroker | { readonly kubeconfig: string }

/** Resolves when it answers from what it has heard. `proof` is a name that has an address; `by` is a command that runs it. */
export async function coreDNS(of: Followed, proof: string, by: readonly string[] = []): Promise<NameServer> {
  const dir = mkdtempSync(join(tmpdir(), 'tombolo-coredns-'))
  const write = (file: string, text: string) => writeFileSync(join(dir, file), text, { mode: 0o600 })
  const port = await freeUdpPort()
  if (!('kubeconfig' in of)) {
    write('ca.crt', of.ca)
    write('kubeconfig', kubeconfigOf(of, join(dir, 'ca.crt')))
  }
  write(
    'Corefile',
    `.:${port} {
  bind 127.0.0.1
  errors
  kubernetes cluster.local clusterset.local {
    kubeconfig ${'kubeconfig' in of ? of.kubeconfig : join(dir, 'kubeconfig')}
    multicluster clusterset.local
  }
}
`,
  )
  const log = openSync(join(dir, 'log'), 'a')
  const [command, ...args] = [...by, programPath('coredns'), '-conf', join(dir, 'Corefile')]
  const program = spawn(command, args, { stdio: ['ignore', log, log], cwd: dir })
  const end = async () => {
    if (program.exitCode === null && program.signalCode === null) {
      const gone = once(program, 'exit')
      program.kill('SIGKILL')
      await gone
    }
    rmSync(dir, { recursive: true, force: true })
  }
  try {
    await eventually(
      async () => {
        const { answers } = await askUdp(port, proof, 'A')
        if ((answers ?? []).length === 0) throw new Error(`${proof} has no address yet`)
      },
      60_000,
      100,
    )
    return { port, [Symbol.asyncDispose]: end }
  } catch (error) {
    const said = readFileSync(join(dir, 'log'), 'utf8').slice(-2000)
    await end()
    throw new Error(`CoreDNS did not come up: ${said}`, { cause: error })
  }
}

/** One question over UDP to this machine. Rejects without an answer in 2 s. */
export async function askUdp(port: number, name: string, type: packet.RecordType): Promise<packet.DecodedPacket> {
  const socket = createSocket('udp4')
  try {
    const opt = {
      type: 'OPT',
      name: '.',
      udpPayloadSize: 1232,
      extendedRcode: 0,
      ednsVersion: 0,
      flags: 0,
      flag_do: false,
      options: [],
    }
    const additionals = [opt] as packet.Answer[]
    socket.send(packet.encode({ type: 'query', id: 1, questions: [{ name, type, class: 'IN' }], additionals }), port, '127.0.0.1')
    const [answer] = (await once(socket, 'message', { signal: AbortSignal.timeout(2000) })) as [Buffer]
    return packet.decode(answer)
  } finally {
    socket.close()
  }
}

/** The answer in one line, in no order of its own: `RCODE aa | answers | authority's types | + additional`, without the zone's name. */
export async function said(server: NameServer, question: string): Promise<string> {
  const [name = '', type = ''] = question.split(' ')
  const full = name === '@' ? 'clusterset.local' : `${name}.clusterset.local`
  const got = await askUdp(server.port, full, type as packet.RecordType)
  const { rcode } = got as unknown as { rcode: string }
  const records = (all: readonly packet.Answer[] | undefined, mark = '') =>
    (all ?? [])
      .filter((record) => record.type !== 'OPT')
      .map((record) => `${mark}${textOf(record)}`)
      .sort()
  const authority = (got.authorities ?? []).map((record) => record.type)
  const parts = [`${rcode}${got.flag_aa ? ' aa' : ''}`, ...records(got.answers), ...authority, ...records(got.additionals, '+ ')]
  return parts.join(' | ').replaceAll('.clusterset.local', '').replaceAll('clusterset.local', '@')
}

function textOf(record: packet.Answer): string {
  if (record.type === 'SOA') return `${record.name} SOA ${record.data.mname} ${record.data.rname} ${record.data.minimum ?? 0}`
  if (record.type === 'OPT') return ''
  const { name, type, data } = record
  const ttl = 'ttl' in record ? record.ttl : 0
  if (type === 'SRV') return `${name} ${ttl} SRV ${data.priority ?? 0} ${data.weight ?? 0} ${data.port} ${data.target}`
  if (type === 'TXT')
    return `${name} ${ttl} TXT ${[data]
      .flat()
      .map((part) => part.toString())
      .join('')}`
  return `${name} ${ttl} ${type} ${typeof data === 'string' ? data : JSON.stringify(data)}`
}

/** The IPv4 addresses that the server at this port has for a name. */
export const addressesOf = async (port: number, name: string): Promise<readonly string[]> =>
  ((await askUdp(port, name, 'A')).answers ?? []).flatMap((record) => (record.type === 'A' ? [record.data] : []))

export async function freeUdpPort(): Promise<number> {
  const socket = createSocket('udp4')
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  const { port } = socket.address()
  await new Promise((resolve) => socket.close(() => resolve(undefined)))
  return port
}

const kubeconfigOf = (broker: BareBroker, ca: string): string =>
  stringify({
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'bare',
    clusters: [{ name: 'bare', cluster: { server: broker.server, 'certificate-authority': ca } }],
    users: [{ name: 'admin', user: { token: (broker.headersOf('admin').authorization ?? '').replace('Bearer ', '') } }],
    contexts: [{ name: 'bare', context: { cluster: 'bare', user: 'admin' } }],
  })
