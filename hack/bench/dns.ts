// What the DNS server takes on one core, beside CoreDNS with its `multicluster` option on the same objects, asked by the same client in
// turns. The core next to it has the client, the apiserver and whoever writes there.
import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ServiceImport } from '#crds/service-import.ts'
import { serviceImport } from '#crds/service-import.ts'
import { findProgram, installNow } from '#hack/setup/packages.ts'
import { run as runProgram } from '#hack/setup/run.ts'
import { sayOnStderr } from '#hack/setup/progress.ts'
import { same } from '#lib/kube/differs.ts'
import { namespaces } from '#lib/kube/kinds.ts'
import { reflect } from '#lib/kube/reflector.ts'
import { pause } from '#lib/std/pause.ts'
import { processEnv, nodeFlags } from '#operator/install/manifests/pod.ts'
import type { BareBroker } from '#test/kit/bare-broker.ts'
import { bareBroker } from '#test/kit/bare-broker.ts'
import type { NameServer } from '#test/kit/coredns.ts'
import { addressesOf, coreDNS, freeUdpPort, takeImports } from '#test/kit/coredns.ts'
import { eventually } from '#test/kit/eventually.ts'
import type { Bed, Bench } from './bench.ts'
import { now } from './bench.ts'
import { p50 } from './figure.ts'

const namespace = 'shop'
const services = 1000
/** Both servers on one core, one asked at a time, and everything else on the other. */
const cores = { server: '0', client: '1' } as const
const updatesPerSecond = 100
/** Of what it can take at most. */
const load = 0.7

export const dns: Bench = {
  name: 'dns',
  asks: 'How many questions does the DNS server answer on one core, how fast, and how soon does it know of a change?',
  run: async (bed) => {
    const { signal } = bed
    if (findProgram('dnsperf') === undefined) await installNow(['dnsperf'], 'a few seconds', sayOnStderr, signal)
    bed.say(`starting an apiserver with ${services} ServiceImports`)
    await using broker = await bareBroker('apiserver', signal)
    await takeImports(broker, signal)
    await broker.admin.create(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } }, {}, signal)
    for (let i = 0; i < services; i++) await broker.admin.create(serviceImport, imported(i), {}, signal)
    using files = folder()
    const questions = join(files.path, 'questions')
    writeFileSync(questions, Array.from({ length: 10 * services }, (_, i) => `${nameOf((i * 7919) % services)} A\n`).join(''))

    await using ours = await ourProgram(broker, files.path)
    await using theirs = await coreDNS(broker, nameOf(0), ['taskset', '-c', cores.server])
    await knows(ours, services - 1, addressOf(services - 1))
    const pair = { ours, theirs }
    const ask = asker(bed, questions)
    // The first ones compile and fill caches.
    for (const { port } of [ours, theirs]) await ask.most(port)
    const rates = await inTurns(bed, pair, 'as many as it can', async ({ port }) => [await ask.most(port)])
    bed.report({
      figure: 'questions answered on one core',
      unit: '1/s',
      samples: rates.ours,
      against: { name: 'CoreDNS', samples: rates.theirs },
      goal: '1.5 times as many',
    })
    const middle = { ours: p50(rates.ours), theirs: p50(rates.theirs) }
    const what = `at ${100 * load} % of that, with ${updatesPerSecond} changes a second`
    const times = await inTurns(bed, pair, what, async ({ port }, who) => {
      await using _changes = changing(broker)
      return await ask.at(port, load * middle[who])
    })
    bed.report({
      figure: `answer ${what}`,
      unit: 'ms',
      samples: times.ours,
      against: { name: 'CoreDNS, of its own most', samples: times.theirs },
      goal: 'p99 2',
    })
    const delays = await inTurns(bed, pair, 'changes, until they are answered', (server) => delaysOf(bed, broker, server))
    bed.report({
      figure: 'watch event → in answers',
      unit: 'ms',
      samples: delays.ours,
      against: { name: 'CoreDNS', samples: delays.theirs },
      goal: 'p99 50',
    })
  },
}

const nameOf = (i: number): string => `svc-${i}.${namespace}.svc.clusterset.local`
const addressOf = (i: number, version = 0): string => `10.${100 + version}.${i >> 8}.${i & 255}`
const imported = (i: number): ServiceImport => ({
  apiVersion: serviceImport.apiVersion,
  kind: serviceImport.kind,
  metadata: { name: `svc-${i}`, namespace },
  spec: { type: 'ClusterSetIP', ips: [addressOf(i)], ports: [{ name: 'http', port: 80, protocol: 'TCP' }] },
})

export function folder(): Disposable & { readonly path: string } {
  const path = mkdtempSync(join(tmpdir(), 'tombolo-bench-dns-'))
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) }
}

/** The program as it is in its pod: the account's token is where a kubelet puts it, in a mount namespace of its own. */
export async function ourProgram({ server, ca, token }: BareBroker, dir: string): Promise<NameServer & { readonly pid: number }> {
  writeFileSync(join(dir, 'ca.crt'), ca)
  writeFileSync(join(dir, 'token'), token, { mode: 0o600 })
  const [port, at] = [await freeUdpPort(), new URL(server)]
  const mount = '/run/secrets/kubernetes.io/serviceaccount'
  const script = `mount -t tmpfs tmpfs /run && mkdir -p ${mount} && cp ${dir}/* ${mount} && exec "$@"`
  const command = ['taskset', '-c', cores.server, process.execPath, ...nodeFlags, join(import.meta.dirname, '../../dns/main.ts')]
  const program = spawn('unshare', ['--mount', 'sh', '-c', script, 'sh', ...command], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: {
      PATH: process.env.PATH,
      ...processEnv,
      KUBERNETES_SERVICE_HOST: at.hostname,
      KUBERNETES_SERVICE_PORT: at.port,
      ...{ DNS_LISTEN: '127.0.0.1', DNS_PORT: String(port), DRAIN_SECONDS: '0', METRICS_PORT: '0', LOG_LEVEL: 'error' },
    },
  })
  // Each program before it ends in the next one, so this is its own.
  return { port, pid: program.pid ?? 0, [Symbol.asyncDispose]: () => ended(program) }
}

async function ended(program: ChildProcess): Promise<void> {
  if (program.exitCode !== null || program.signalCode !== null) return
  const gone = once(program, 'exit')
  program.kill('SIGKILL')
  await gone
}

const knows = ({ port }: NameServer, i: number, address: string): Promise<void> =>
  eventually(async () => {
    if (!(await addressesOf(port, nameOf(i))).includes(address)) throw new Error(`${nameOf(i)} is not ${address} yet`)
  }, 60_000)

type Pair<T> = { readonly ours: T; readonly theirs: T }

/** Ours, theirs, ours, theirs, so that both have the same of the machine's moods. */
async function inTurns(
  bed: Bed,
  servers: Pair<NameServer>,
  what: string,
  measure: (server: NameServer, who: keyof Pair<unknown>) => Promise<readonly number[]>,
): Promise<Pair<readonly number[]>> {
  const samples = { ours: [] as number[], theirs: [] as number[] }
  const turns = bed.size === 'quick' ? 1 : 5
  for (let turn = 1; turn <= turns; turn++) {
    bed.say(`${what}, ${turn} of ${turns}`)
    for (const who of ['ours', 'theirs'] as const) samples[who].push(...(await measure(servers[who], who)))
  }
  return samples
}

/** dnsperf: twenty clients with a hundred questions under way. */
function asker(bed: Bed, questions: string) {
  const seconds = bed.size === 'quick' ? 1 : 5
  const perf = (port: number, ...more: readonly string[]) =>
    runProgram(
      'taskset',
      [
        '-c',
        cores.client,
        'dnsperf',
        '-s',
        '127.0.0.1',
        '-p',
        String(port),
        '-d',
        questions,
        '-c',
        '20',
        '-l',
        String(seconds),
        ...more,
      ],
      {},
      bed.signal,
    )
  return {
    /** Answers a second. Throws when some were lost, as that would be another question. */
    most: async (port: number): Promise<number> => {
      const said = await perf(port)
      const found = /Queries per second:\s+([\d.]+)/.exec(said)?.[1]
      if (found === undefined || !/Response codes:\s+NOERROR \d+ \(100\.00%\)/.test(said)) throw new Error(said)
      return Number(found)
    },
    /** How long each answer took, ms. */
    at: async (port: number, perSecond: number): Promise<readonly number[]> => {
      const said = await perf(port, '-v', '-Q', String(Math.round(perSecond)))
      return [...said.matchAll(/^> NOERROR \S+ A ([\d.]+)$/gm)].map(([, s]) => Number(s) * 1000)
    },
  }
}

/** Services get other addresses, one after the other, until it is disposed of. */
function changing({ admin }: BareBroker, onWrite: (i: number, address: string) => void = () => undefined): AsyncDisposable {
  const stop = new AbortController()
  const done = (async () => {
    for (let n = 1; !stop.signal.aborted; n++) {
      const due = now() + 1000 / updatesPerSecond
      const [i, address] = [n % services, addressOf(n % services, 1 + (n % 100))]
      onWrite(i, address)
      await admin.patch(
        serviceImport,
        { namespace, name: `svc-${i}` },
        { spec: { ips: [address] } },
        {},
        new AbortController().signal,
      )
      await pause(Math.max(0, due - now()), stop.signal)
    }
  })()
  return {
    [Symbol.asyncDispose]: async () => {
      stop.abort()
      await done
    },
  }
}

/** From a change being heard by a watch of ours until the server answers with it; one change at a time, of all that are made. */
async function delaysOf(bed: Bed, broker: BareBroker, { port }: NameServer): Promise<readonly number[]> {
  const stop = new AbortController()
  const { store, done } = reflect(broker.admin, serviceImport, {}, stop.signal)
  await store.whenSynced(bed.signal)
  const delays: number[] = []
  {
    await using _changes = changing(broker)
    const wanted = bed.size === 'quick' ? 10 : 100
    while (delays.length < wanted) {
      const heard = await nextOf(store)
      const { name } = heard.object.metadata
      const isAnswered = async () =>
        same(await addressesOf(port, `${name}.${namespace}.svc.clusterset.local`), heard.object.spec.ips)
      // Until the next change of the same service takes its place.
      const isCurrent = () => store.get({ namespace, name }) === heard.object
      let answered = false
      while (!answered && isCurrent()) answered = await isAnswered()
      if (answered) delays.push(now() - heard.at)
    }
  }
  stop.abort()
  await done
  return delays
}

type Heard = { readonly object: ServiceImport; readonly at: number }
const nextOf = (store: ReturnType<typeof reflect<ServiceImport>>['store']): Promise<Heard> =>
  new Promise((resolve) => {
    const end = store.onChange((object) => {
      end()
      if (object !== undefined) resolve({ object, at: now() })
    })
  })
