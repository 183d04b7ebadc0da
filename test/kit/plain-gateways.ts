// Clusters of one gateway each, without Kubernetes: the gateway's and agent's own programs, each cluster with an apiserver of its own (apiserver.ts),
// and an operator that does nothing but bring each what the others publish. Seconds to start; cluster N is at 172.29.N.1 behind `wan`,
// where faults are made, and has pods in 10.(100+N).0.0/16, of which 10.(100+N).0.10 is there.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { createServer } from 'node:net'
import { connect } from 'node:net'
import { once } from 'node:events'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { Allocation } from '#crds/allocation.ts'
import { allocation } from '#crds/allocation.ts'
import type { CableName } from '#crds/fields.ts'
import type { Connection, GatewayEndpoint } from '#crds/gateway-endpoint.ts'
import { gatewayEndpoint } from '#crds/gateway-endpoint.ts'
import { clusterIDLabel, gatewayNodeLabel, managedBy } from '#crds/places.ts'
import type { Daemon } from '#lib/host/host.ts'
import type { Kube } from '#lib/kube/client.ts'
import { kube } from '#lib/kube/client.ts'
import type { Node } from '#lib/kube/kinds.ts'
import { nodes } from '#lib/kube/kinds.ts'
import { reflect } from '#lib/kube/reflector.ts'
import type { Store } from '#lib/kube/store.ts'
import { logger } from '#lib/std/log.ts'
import type { ApiServer } from './apiserver.ts'
import { apiserver } from './apiserver.ts'
import { eventually } from './eventually.ts'
import type { Machine, Machines } from './netns.ts'
import { processesIn } from './netns.ts'

export interface PlainGateway {
  readonly id: string
  readonly number: number
  readonly machine: Machine
  readonly address: string
  readonly pod: Machine
  readonly podAddress: string
  readonly api: ApiServer
  /** What its programs logged. */
  readonly log: readonly LogLine[]
  /** As it has published itself; undefined before that. */
  published(): GatewayEndpoint | undefined
  /** To the gateway of another cluster. */
  connectionTo(other: PlainGateway): Connection | undefined
  /** `env`: besides what its DaemonSet gives it. */
  start(program: Program, env?: Readonly<Record<string, string>>): void
  /** Ends it as a kubelet does, or at once; resolves when it is gone. */
  stop(program: Program, how?: 'SIGTERM' | 'SIGKILL'): Promise<void>
}

export interface PlainFleet extends AsyncDisposable {
  /** The router between all of them. */
  readonly wan: Machine
  readonly gateways: readonly PlainGateway[]
  /** A cluster that is not started yet. `like`: a copy of that one, with its id and its keys. */
  add(change?: { readonly mtu?: number; readonly like?: PlainGateway; readonly pod?: 'none' }): Promise<PlainGateway>
  /** From now on none hears of another before `introduce`. */
  keepApart(): void
  introduce(): void
  /** What others hear of it is this instead of what it publishes. */
  forge(gateway: PlainGateway, change: (said: GatewayEndpoint) => GatewayEndpoint): void
}

export type LogLine = Readonly<Record<string, unknown>>
type Program = 'gateway' | 'agent'

const entries = {
  gateway: fileURLToPath(import.meta.resolve('../../gateway/main.ts')),
  agent: fileURLToPath(import.meta.resolve('../../gateway/agent-main.ts')),
} as const
const namespace = 'tombolo-system'
const account = '/run/secrets/kubernetes.io/serviceaccount'
const base = 6400
const most = 60
const exec = promisify(execFile)

export async function plainFleet(rig: Machines, cables: readonly CableName[] = ['wireguard']): Promise<PlainFleet> {
  const wan = await rig.add('wan')
  await wan.sh('sysctl -qw net.ipv4.ip_forward=1; ip addr add 172.29.255.1/32 dev lo')
  await exec('mkdir', ['-p', wan.dir])
  const subject = ['-subj', '/CN=apiserver', '-addext', 'subjectAltName=IP:172.29.255.1']
  const files = ['-keyout', join(wan.dir, 'key.pem'), '-out', join(wan.dir, 'ca.crt')]
  await exec('openssl', [
    ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'],
    ...subject,
    ...files,
  ])
  const door = wan.host.start(process.execPath, ['-e', relay, wan.dir], {})
  const stop = new AbortController()
  const started: (Cluster & { readonly down: () => Promise<void> })[] = []
  let apart = false
  const forged = new Map<Cluster, (said: GatewayEndpoint) => GatewayEndpoint>()

  /** `of` is heard of by all, and all by `of`. */
  function spread(of: Cluster): void {
    const tell = (from: Cluster, to: Cluster) => {
      const said = from.said()
      if (from !== to && from.id !== to.id && said !== undefined && !apart)
        bring(to.api, (forged.get(from) ?? ((same) => same))(said))
    }
    of.endpoints.onChange(() => {
      for (const to of started) tell(of, to)
    })
    for (const other of started) tell(other, of)
  }

  return {
    wan,
    gateways: started,
    keepApart: () => {
      apart = true
    },
    introduce: () => {
      apart = false
      for (const from of started) {
        const said = from.said()
        if (said !== undefined) for (const to of started) if (to.id !== from.id) bring(to.api, said)
      }
    },
    forge: (gateway, change) => {
      const from = started.find((one) => one === gateway) ?? assert.fail()
      forged.set(from, change)
      const said = from.said()
      if (said !== undefined) for (const to of started) if (to.id !== from.id) bring(to.api, change(said))
    },
    add: async ({ mtu = 1500, like, pod = 'one' } = {}) => {
      const number = started.length + 1
      assert.ok(number <= most)
      const one = await makeCluster(rig, wan, { number, mtu, like, hasPod: pod === 'one' }, cables, stop.signal)
      for (const other of started.filter(({ id }) => id !== one.id)) {
        one.api.put(allocation, allocationOf(other))
        other.api.put(allocation, allocationOf(one))
      }
      one.api.put(allocation, allocationOf(one))
      started.push(one)
      spread(one)
      return one
    },
    [Symbol.asyncDispose]: async () => {
      // One that cannot be taken down keeps no other up, and no server open.
      await Promise.allSettled(started.map(({ down }) => down()))
      stop.abort()
      await door[Symbol.asyncDispose]()
    },
  }
}

type Cluster = PlainGateway & { readonly endpoints: Store<GatewayEndpoint>; readonly said: () => GatewayEndpoint | undefined }
type Shape = {
  readonly number: number
  readonly mtu: number
  readonly like: PlainGateway | undefined
  readonly hasPod: boolean
}

async function makeCluster(
  rig: Machines,
  wan: Machine,
  { number, mtu, like, hasPod }: Shape,
  cables: readonly CableName[],
  signal: AbortSignal,
): Promise<Cluster & { readonly down: () => Promise<void> }> {
  const id = like?.id ?? `c${number}`
  const machine = await rig.add(`gw${number}`)
  const pod = hasPod ? await rig.add(`pod${number}`) : machine
  const [address, router, pods] = [`172.29.${number}.1`, `172.29.${number}.254`, `10.${100 + (like?.number ?? number)}.0`]
  await rig.join(wan, `to${number}`, machine, 'eth0')
  await wan.sh(`ip link set to${number} mtu ${mtu}; ip addr add ${router}/24 dev to${number}`)
  await machine.sh(`
    sysctl -qw net.ipv4.ip_forward=1
    ip link set eth0 mtu ${mtu}; ip addr add ${address}/24 dev eth0; ip route add default via ${router}
    mount -t sysfs sysfs /sys
    mkdir -p ${account}; echo token > ${account}/token; cp ${wan.dir}/ca.crt ${account}/ca.crt
  `)
  if (hasPod) {
    await rig.join(machine, 'veth0', pod, 'eth0')
    await machine.sh(`ip addr add ${pods}.1/24 dev veth0`)
    await pod.sh(`ip addr add ${pods}.10/24 dev eth0; ip route add default via ${pods}.1`)
  }
  if (like !== undefined) await machine.sh(`cp -a ${like.machine.dir} ${machine.dir}`)
  const api = await apiserver()
  const gate = await listen(join(wan.dir, `${base + number}.sock`), Number(new URL(api.connection.server).port))
  const client: Kube = kube(api.connection, logger('test', 'silent'))
  const endpoints = reflect(client, gatewayEndpoint, { namespace }, signal).store
  await endpoints.whenSynced(signal)
  api.put(nodes, nodeOf(`n${like?.number ?? number}`, address, `${pods}.0/24`))

  const running = new Map<Program, Daemon>()
  const log: LogLine[] = []
  const said = () =>
    endpoints.list().find(({ spec, metadata }) => spec.clusterID === id && metadata.labels?.[copied] === undefined)
  const stop = async (program: Program, how: 'SIGTERM' | 'SIGKILL' = 'SIGTERM') => {
    const daemon = running.get(program)
    if (daemon === undefined) return
    running.delete(program)
    if (how === 'SIGKILL') for (const { pid, args } of processesIn(machine)) if (args.includes(entries[program])) killIfThere(pid)
    await daemon[Symbol.asyncDispose]()
  }
  return {
    id,
    number,
    machine,
    address,
    pod,
    podAddress: `${pods}.10`,
    api,
    log,
    endpoints,
    said,
    published: said,
    connectionTo: (other) => said()?.status?.connections?.find(({ clusterID }) => clusterID === other.id),
    start: (program, env = {}) => {
      assert.ok(!running.has(program))
      running.set(
        program,
        machine.host.start(process.execPath, [entries[program]], {
          env: {
            NODE_NAME: `n${like?.number ?? number}`,
            NODE_IP: address,
            CLUSTER_ID: id,
            CABLES: cables.join(','),
            STATE_DIR: machine.dir,
            METRICS_PORT: '0',
            LEASE_SECONDS: '3',
            KUBERNETES_SERVICE_HOST: '172.29.255.1',
            KUBERNETES_SERVICE_PORT: String(base + number),
            ...env,
          },
          onLine: (line) => log.push(JSON.parse(line) as LogLine),
        }),
      )
    },
    stop,
    down: async () => {
      gate.close()
      for (const program of running.keys()) await stop(program, 'SIGKILL')
      await client[Symbol.asyncDispose]()
      await api[Symbol.asyncDispose]()
    },
  }
}

function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It ended by itself in the meantime.
  }
}

/** That an endpoint was brought from elsewhere. */
const copied = 'test.tombolo.dev/copied'

function bring(to: ApiServer, said: GatewayEndpoint): void {
  const { name } = said.metadata
  to.put(gatewayEndpoint, {
    ...said,
    metadata: { namespace, name, labels: { ...managedBy, [clusterIDLabel]: said.spec.clusterID, [copied]: 'true' } },
  })
}

function allocationOf({ id }: PlainGateway): Allocation {
  const number = Number(id.slice(1))
  const spec = { clusterID: id, podCIDRs: [`10.${100 + number}.0.0/16`], serviceCIDRs: [`10.${160 + number}.0.0/16`] }
  const { apiVersion, kind } = allocation
  const parsed = allocation.parse({ apiVersion, kind, metadata: { namespace, name: id }, spec })
  assert.ok(parsed.ok)
  return parsed.value
}

const nodeOf = (name: string, address: string, podCIDR: string): Node => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name, labels: { [gatewayNodeLabel]: 'true' } },
  spec: { podCIDR, podCIDRs: [podCIDR] },
  status: { addresses: [{ type: 'InternalIP', address }] },
})

/** Sockets of files are no business of a network namespace. */
async function listen(path: string, port: number) {
  const server = createServer((from) => {
    const to = connect(port, '127.0.0.1')
    from.pipe(to).pipe(from)
    from.on('error', () => to.destroy())
    to.on('error', () => from.destroy())
  })
  server.listen(path)
  await once(server, 'listening')
  return server
}

/** A program that answers for the apiservers inside `wan`: TLS before, the socket of a file behind. */
const relay = `
  const { readFileSync } = require('node:fs')
  const [dir] = process.argv.slice(1)
  const tls = { key: readFileSync(dir + '/key.pem'), cert: readFileSync(dir + '/ca.crt') }
  for (let port = ${base}; port <= ${base + most}; port++)
    require('node:tls').createServer(tls, (from) => {
      const to = require('node:net').connect(dir + '/' + port + '.sock')
      from.pipe(to).pipe(from)
      from.on('error', () => to.destroy())
      to.on('error', () => from.destroy())
    }).listen(port, '172.29.255.1')
`

/** All of them are connected with all others, by their own word. */
export const meshed = (gateways: readonly PlainGateway[], ms = 30_000): Promise<void> =>
  eventually(
    () => {
      for (const from of gateways)
        for (const to of gateways)
          if (from !== to) assert.equal(from.connectionTo(to)?.state, 'Connected', `${from.id} to ${to.id}`)
    },
    ms,
    50,
  )
