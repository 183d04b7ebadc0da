// Three clusters without programs, for tests of the commands by which clusters join and leave: two that may be members, and the broker's,
// whose controllers are the real ones, in this process.
import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { grantsController } from '#broker/grants/reconcile.ts'
import { joinsController } from '#broker/joins/reconcile.ts'
import { membersController } from '#broker/members/reconcile.ts'
import { brokerStores } from '#broker/stores.ts'
import { joinGrant } from '#crds/join-grant.ts'
import { membership } from '#crds/membership.ts'
import { formatGrant } from '#lib/identity/grant.ts'
import { kube } from '#lib/kube/client.ts'
import { configMaps } from '#lib/kube/kinds.ts'
import type { ClusterID } from '#lib/net/cluster-id.ts'
import { logger } from '#lib/std/log.ts'
import type { ApiServer } from './apiserver.ts'
import { apiserver } from './apiserver.ts'
import type { Ran } from './cli.ts'
import { eventually } from './eventually.ts'
import { inProcess, withImage } from './in-process.ts'
import { bareCluster, controlPlane, installedBroker } from './installed.ts'
import { grantFor, joiner } from './joining.ts'
import type { Kubeconfig } from './kubeconfig.ts'
import { kubeconfig } from './kubeconfig.ts'
import type { Secure } from './secure.ts'
import { secure } from './secure.ts'

export const inSystem = (name: string) => ({ namespace: 'tombolo-system', name })
export const inBroker = (name: string) => ({ namespace: 'tombolo-broker', name })
export const ownMembership = inSystem('membership')

/** Which the broker's apiserver gives out. */
export const tokens = ['token-of-member', 'token-of-joiner']

type Servers = Readonly<Record<'east' | 'west' | 'hub', ApiServer>>
type Id = keyof Servers

export interface JoiningFleet {
  readonly servers: Servers
  /** The broker's, as members reach it. */
  readonly front: Secure
  readonly kubeconfig: string
  /** Aborts after each test. */
  readonly signal: AbortSignal
  /** `tombolo ARGS…`; fails where a secret or a stack trace is printed. */
  readonly run: (args: readonly string[], stdin?: string) => Promise<Ran>
  /** A grant as `grant create` makes it, but for a broker that only this machine reaches. */
  readonly granted: (id: Id, spec?: Parameters<typeof grantFor>[1]) => Promise<string>
  readonly joinWith: (grant: string, id: Id, pods: string, ...more: readonly string[]) => Promise<Ran>
  readonly join: (id: Id, pods: string, ...more: readonly string[]) => Promise<Ran>
  /** Meanwhile an operator says that all is well. */
  readonly withOperator: <T>(server: ApiServer, work: () => Promise<T>) => Promise<T>
  readonly stopController: () => Promise<void>
  readonly startController: () => void
  /** Is waited for at the end of the test. */
  readonly alongside: (work: Promise<unknown>) => void
}

/** To be called inside of `suite`; anew for each test. */
export function joiningFleet(): JoiningFleet {
  withImage()
  let stop: AbortController
  let servers: Servers
  let front: Secure
  let config: Kubeconfig
  let running: Promise<unknown>
  let controller: AsyncDisposable
  setup(async () => {
    stop = new AbortController()
    servers = { east: await apiserver(), west: await apiserver(), hub: await apiserver() }
    const { east, west, hub } = servers
    front = await secure(hub.connection)
    config = await kubeconfig({ east: east.connection.server, west: west.connection.server, hub: hub.connection.server })
    for (const [id, server] of Object.entries(servers)) bareCluster(server, id, `${id}-1`)
    installedBroker(hub)
    hub.put(configMaps, {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'kube-root-ca.crt', namespace: 'kube-public' },
      data: { 'ca.crt': front.ca },
    })
    controller = start(hub)
    running = Promise.all([controlPlane(east, stop.signal), controlPlane(west, stop.signal)])
  })
  teardown(async () => {
    stop.abort()
    await running
    await controller[Symbol.asyncDispose]()
    await config[Symbol.asyncDispose]()
    await front[Symbol.asyncDispose]()
    for (const server of Object.values(servers)) await server[Symbol.asyncDispose]()
  })

  const run = async (args: readonly string[], stdin = ''): Promise<Ran> => {
    const ran = await inProcess([...args, '--kubeconfig', config.path], { signal: stop.signal, stdin })
    for (const secret of ['not-to-be-shown', ...tokens, ...tokens.map((t) => Buffer.from(t).toString('base64'))])
      assert.ok(!`${ran.out}${ran.err}`.includes(secret), 'a secret was printed')
    assert.doesNotMatch(`${ran.out}${ran.err}`, /^\s+at .*:\d+/m, 'a stack trace was printed')
    return ran
  }
  const granted = async (id: Id, spec: Parameters<typeof grantFor>[1] = {}): Promise<string> => {
    const { hub } = servers
    const one = joiner(id)
    if (hub.read(joinGrant, inBroker(id)) !== undefined) hub.remove(joinGrant, inBroker(id))
    const { expiresAt = new Date(Date.now() + 900_000).toISOString() } = spec
    hub.put(joinGrant, grantFor(one, { ...spec, expiresAt }))
    await eventually(() => assert.equal(hub.read(joinGrant, inBroker(id))?.status?.state, 'Open'))
    return formatGrant({
      clusterID: id as ClusterID,
      server: front.server,
      ca: front.ca,
      token: 'token-of-joiner',
      code: one.code,
      expiresAt: new Date(expiresAt),
    })
  }
  const joinWith = (grant: string, id: Id, pods: string, ...more: readonly string[]) =>
    run(
      [
        ...['join', ...(grant === '' ? [] : ['--grant', '-']), '--context', id, '--gateway-node', `${id}-1`],
        ...['--pod-cidr', pods, '--service-cidr', id === 'east' ? '10.101.0.0/16' : '10.102.0.0/16'],
        ...more,
      ],
      grant,
    )
  const join = async (id: Id, pods: string, ...more: readonly string[]) => joinWith(await granted(id), id, pods, ...more)
  async function withOperator<T>(server: ApiServer, work: () => Promise<T>): Promise<T> {
    const done = new AbortController()
    const operator = operatorIsReady(server, done.signal)
    try {
      return await work()
    } finally {
      done.abort()
      await operator
    }
  }

  return {
    get servers() {
      return servers
    },
    get front() {
      return front
    },
    get kubeconfig() {
      return config.path
    },
    get signal() {
      return stop.signal
    },
    ...{ run, granted, joinWith, join, withOperator },
    stopController: async () => {
      await controller[Symbol.asyncDispose]()
    },
    startController: () => {
      controller = start(servers.hub)
    },
    alongside: (work) => {
      running = Promise.all([running, work])
    },
  }
}

/** The broker's controller, until it is disposed of. */
function start(hub: ApiServer): AsyncDisposable {
  const ended = new AbortController()
  const api = kube(hub.connection, logger('broker', 'silent'))
  const stores = brokerStores(api, ended.signal)
  const controllers = [grantsController, joinsController, membersController].map((make) => make(api, stores))
  const ran = Promise.all(controllers.map((one) => one.run(ended.signal)))
  return {
    [Symbol.asyncDispose]: async () => {
      ended.abort()
      await ran
      await api[Symbol.asyncDispose]()
    },
  }
}

/** What an operator says when all is well. */
async function operatorIsReady(server: ApiServer, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const own = server.read(membership, ownMembership)
    const ready = {
      type: 'Ready',
      status: 'True' as const,
      reason: 'Ready',
      message: '',
      lastTransitionTime: '2026-01-02T00:00:00Z',
    }
    if (own !== undefined && own.status === undefined) server.put(membership, { ...own, status: { conditions: [ready] } })
    await sleep(10)
  }
}
