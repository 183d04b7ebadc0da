// A real apiserver with its etcd and, where asked for, the controller manager, on this machine's loopback: enough to ask what an
// apiserver admits, and up in seconds, without a rig and without root.
import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import type { KeyObject } from 'node:crypto'
import { generateKeyPairSync, randomBytes, sign } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { kindOf } from '#cli/cluster/kinds.ts'
import { brokerCRDs, brokerManifests } from '#broker/install/manifests.ts'
import { buildPrograms, programPath } from '#hack/setup/programs.ts'
import type { Kube } from '#lib/kube/client.ts'
import { kube } from '#lib/kube/client.ts'
import { customResourceDefinitions, deployments } from '#lib/kube/kinds.ts'
import { logger } from '#lib/std/log.ts'
import { eventually } from './eventually.ts'
import { apiserverAt } from './joining.ts'

export interface BareApiserver extends AsyncDisposable {
  readonly admin: Kube
  /** For who speaks to it in another way: where it is, and the token of its administrator. */
  readonly server: string
  readonly ca: string
  readonly token: string
  /** A token that it gave, as if it had given it so much earlier. */
  aged(token: string, seconds: number): string
  /** What it does not know at its start it learns half a minute later: our kinds are to be there before. */
  runControllers(): void
}

export interface BareBroker extends BareApiserver {
  headersOf(user: string): Readonly<Record<string, string>>
  /** A client of somebody else: by impersonation, as the apiserver then sees exactly that user. */
  as(user: string): Kube
  /** A client with a token. */
  with(token: string): Kube
}

export type Parts = 'apiserver' | 'apiserver and controllers'

/** With everything that `tombolo deploy-broker` applies but the Deployment. `flags`: more of the apiserver's. */
export async function bareBroker(parts: Parts, signal: AbortSignal, flags: readonly string[] = []): Promise<BareBroker> {
  const bare = await bareApiserver(signal, flags)
  const { server, ca, token } = bare
  const log = logger('test', 'silent')
  const clients: Kube[] = []
  const client = (bearer: string, headers: Readonly<Record<string, string>> = {}) => {
    const made = kube({ server, ca, token: () => Promise.resolve(bearer), headers }, log)
    clients.push(made)
    return made
  }
  const stopAll = async () => {
    await Promise.all(clients.map((one) => one[Symbol.asyncDispose]()))
    await bare[Symbol.asyncDispose]()
  }
  try {
    await install(bare.admin, signal)
    if (parts === 'apiserver and controllers') bare.runControllers()
  } catch (error) {
    await stopAll()
    throw error
  }
  return {
    ...bare,
    headersOf: (user) => ({ authorization: `Bearer ${token}`, ...impersonating(user) }),
    as: (user) => client(token, impersonating(user)),
    with: (bearer) => client(bearer),
    [Symbol.asyncDispose]: stopAll,
  }
}

/** As Kubernetes is without us. */
export async function bareApiserver(signal: AbortSignal, flags: readonly string[] = []): Promise<BareApiserver> {
  await buildPrograms(() => undefined, signal)
  const dir = mkdtempSync(join(tmpdir(), 'tombolo-bare-'))
  const programs: ChildProcess[] = []
  const run = (name: 'etcd' | 'kube-apiserver' | 'kube-controller-manager', args: readonly string[]) => {
    const log = openSync(join(dir, `${name}.log`), 'a')
    programs.push(spawn(programPath(name), args, { stdio: ['ignore', log, log], cwd: dir }))
  }
  const [etcdPort, peerPort, port] = await freePorts(3)
  const [etcd, peer] = [`http://127.0.0.1:${etcdPort}`, `http://127.0.0.1:${peerPort}`]
  const token = randomBytes(16).toString('hex')
  const account = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const write = (file: string, text: string | Buffer) => writeFileSync(join(dir, file), text, { mode: 0o600 })
  write('tokens', `${token},admin,admin,"system:masters"\n`)
  write('sa.key', account.privateKey.export({ type: 'sec1', format: 'pem' }))
  write('sa.pub', account.publicKey.export({ type: 'spki', format: 'pem' }))
  run('etcd', [
    ...['--data-dir', join(dir, 'etcd'), '--log-level', 'error', '--unsafe-no-fsync'],
    ...['--listen-client-urls', etcd, '--advertise-client-urls', etcd],
    ...['--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer, '--initial-cluster', `default=${peer}`],
  ])
  run('kube-apiserver', [
    ...['--etcd-servers', etcd, '--bind-address', '127.0.0.1', '--secure-port', String(port), '--cert-dir', join(dir, 'cert')],
    ...['--token-auth-file', join(dir, 'tokens'), '--authorization-mode', 'RBAC', '--service-cluster-ip-range', '10.96.0.0/16'],
    ...['--service-account-issuer', 'https://kubernetes.default.svc', '--service-account-key-file', join(dir, 'sa.pub')],
    ...['--service-account-signing-key-file', join(dir, 'sa.key'), '--endpoint-reconciler-type', 'none'],
    ...flags,
  ])
  try {
    const cert = join(dir, 'cert', 'apiserver.crt')
    const ca = await certificate(cert)
    const server = `https://127.0.0.1:${port}`
    const admin = kube({ server, ca, token: () => Promise.resolve(token) }, logger('test', 'silent'))
    await eventually(async () => {
      await admin.request({ method: 'GET', path: '/readyz', answer: 'text' }, signal)
    }, 60_000)
    return {
      admin,
      server,
      ca,
      token,
      aged: (given, seconds) => aged(given, seconds, account.privateKey),
      runControllers: () => {
        write('kubeconfig', kubeconfigOf(server, cert, token))
        run('kube-controller-manager', [
          ...['--kubeconfig', join(dir, 'kubeconfig'), '--leader-elect=false', '--secure-port', '0'],
          ...['--service-account-private-key-file', join(dir, 'sa.key'), '--use-service-account-credentials'],
        ])
      },
      [Symbol.asyncDispose]: async () => {
        await admin[Symbol.asyncDispose]()
        await stop(programs, dir)
      },
    }
  } catch (error) {
    const said = readFileSync(join(dir, 'kube-apiserver.log'), 'utf8').slice(-2000)
    await stop(programs, dir)
    throw new Error(`the apiserver did not come up: ${said}`, { cause: error })
  }
}

function aged(token: string, seconds: number, key: KeyObject): string {
  const [head = '', payload = ''] = token.split('.')
  const claims = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8')) as Readonly<Record<'iat' | 'nbf' | 'exp', number>>
  const earlier = { ...claims, iat: claims.iat - seconds, nbf: claims.nbf - seconds, exp: claims.exp - seconds }
  const signed = `${head}.${Buffer.from(JSON.stringify(earlier)).toString('base64url')}`
  return `${signed}.${sign('sha256', Buffer.from(signed), { key, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`
}

/** An apiserver on loopback tells nobody where it is. */
async function install(admin: Kube, signal: AbortSignal): Promise<void> {
  const options = { fieldManager: 'tombolo-test' }
  for (const crd of brokerCRDs()) await admin.apply(customResourceDefinitions, crd, options, signal)
  await eventually(async () => {
    const { items } = await admin.list(customResourceDefinitions, {}, signal)
    const isReady = (name: string) =>
      items
        .find(({ metadata }) => metadata.name === name)
        ?.status?.conditions?.some(({ type, status }) => type === 'Established' && status === 'True')
    for (const { metadata } of brokerCRDs())
      if (isReady(metadata.name) !== true) throw new Error(`${metadata.name} is not established`)
  })
  const objects = brokerManifests({ image: 'none', clusterset: 'test' }).filter(({ kind }) => kind !== deployments.kind)
  for (const object of [...objects, apiserverAt('192.0.2.1')])
    await eventually(async () => {
      await admin.apply(kindOf(object), object, options, signal)
    })
}

const kubeconfigOf = (server: string, ca: string, token: string): string =>
  stringify({
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'bare',
    clusters: [{ name: 'bare', cluster: { server, 'certificate-authority': ca } }],
    users: [{ name: 'admin', user: { token } }],
    contexts: [{ name: 'bare', context: { cluster: 'bare', user: 'admin' } }],
  })

const impersonating = (user: string): Record<string, string> => ({ 'Impersonate-User': user })

async function stop(programs: readonly ChildProcess[], dir: string): Promise<void> {
  for (const program of programs.toReversed()) {
    if (program.exitCode !== null || program.signalCode !== null) continue
    const gone = once(program, 'exit')
    program.kill('SIGKILL')
    await gone
  }
  rmSync(dir, { recursive: true, force: true })
}

/** What the apiserver made for itself. */
async function certificate(path: string): Promise<string> {
  let text = ''
  await eventually(() => {
    text = readFileSync(path, 'utf8')
    if (!text.endsWith('-----END CERTIFICATE-----\n')) throw new Error(`${path} is not whole yet`)
  }, 60_000)
  return text
}

async function freePorts(count: number): Promise<readonly number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'))
  await Promise.all(servers.map((server) => once(server, 'listening')))
  const ports = servers.map((server) => (server.address() as AddressInfo).port)
  await Promise.all(servers.map((server) => once(server.close(), 'close')))
  return ports
}
