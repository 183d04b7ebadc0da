// How long clusters take to come in and to go: on a rig of its own, whose clusters join and are revoked while the bench looks.
//
//   join     `tombolo grant create | tombolo join` ─► the first answer, by name, of a pod in another cluster
//   revoke   `tombolo revoke` begins ─► the last request that is still answered, of one every 20 ms
//   many     50 clusters that are nothing but their keys ask the real broker at once ─► each reads Allocations with its own token
//
// Beside the last, the floor: as many namespaces, accounts and tokens, made at once by one administrator who asks nobody.
import { joinGrant } from '#crds/join-grant.ts'
import { allocation } from '#crds/allocation.ts'
import { brokerNamespace, joinerAccount, joinNamespace, memberNamespace } from '#crds/places.ts'
import type { Kube } from '#lib/kube/client.ts'
import { kube } from '#lib/kube/client.ts'
import type { Connection } from '#lib/kube/connection.ts'
import { namespaces, serviceAccounts } from '#lib/kube/kinds.ts'
import { fromKubeconfig } from '#lib/kube/kubeconfig.ts'
import { pathOf } from '#lib/kube/object.ts'
import { logger } from '#lib/std/log.ts'
import { pause } from '#lib/std/pause.ts'
import { explain } from '#lib/std/result.ts'
import { ask } from '#operator/joining/ask.ts'
import { exportWeb, firstAnswer, fleetOf, openClient, openShop } from '#test/kit/fleet.ts'
import type { Joiner } from '#test/kit/joining.ts'
import { askedOf, grantFor, joiner } from '#test/kit/joining.ts'
import { traffic } from '#test/kit/traffic.ts'
import type { Cluster } from '#test/rig/cluster.ts'
import { startRig } from '#test/rig/rig.ts'
import type { Bed, Bench } from './bench.ts'
import { now } from './bench.ts'
import { typeOf } from './kube.ts'

const sizes = { full: { newcomers: 3, atOnce: 50 }, quick: { newcomers: 1, atOnce: 5 } } as const

export const membership: Bench = {
  name: 'membership',
  asks: 'How long does a cluster take to join, to be revoked, and fifty to join at once?',
  run: async (bed) => {
    const { signal, say } = bed
    const newcomers = ['north', 'south', 'c5'].slice(0, sizes[bed.size].newcomers)
    const clusters = ['hub', 'west', ...newcomers].map((id) => ({ id, nodes: 1 }))
    await using rig = await startRig({ clusters, purpose: 'bench' }, { say, signal })
    const fleet = fleetOf(rig, signal)
    const west = rig.cluster('west')
    await Promise.all([
      fleet.deployBroker(),
      openShop(west, signal),
      ...newcomers.map((id) => openClient(rig.cluster(id), signal)),
    ])
    await fleet.join(west)
    await exportWeb(west, signal)
    const joins: number[] = []
    for (const id of newcomers) {
      const began = now()
      await fleet.join(rig.cluster(id))
      await firstAnswer(rig.cluster(id), 60_000, signal)
      joins.push((now() - began) / 1000)
      say(`${id} was answered after ${joins.at(-1)?.toFixed(1)} s`)
    }
    bed.report({ figure: 'grant and join: command to first answer', unit: 's', samples: joins, goal: '≤ 20' })
    const revokes: number[] = []
    for (const id of newcomers)
      revokes.push(await untilSilent(rig.cluster(id), () => fleet.must('revoke', id, '--yes', '--context', 'hub'), west, signal))
    bed.report({ figure: 'revoke: command to last answer', unit: 's', samples: revokes, goal: '≤ 5' })
    await measureMany(bed, rig.cluster('hub'))
  },
}

/** Seconds from the start of `command` to the last answer that a pod of `cluster` got from one of `to`, asked by address. */
async function untilSilent(cluster: Cluster, command: () => Promise<unknown>, to: Cluster, signal: AbortSignal): Promise<number> {
  const podIP = await to.kubectl(['-n', 'shop', 'get', 'pod', '-l', 'app=web', '-o', 'jsonpath={.items[0].status.podIP}'])
  await using calls = await traffic(cluster, {
    pod: 'shop/client',
    url: `http://${podIP}:8080/`,
    everyMs: 20,
    lostMs: 1_000,
  })
  await pause(1_000, signal)
  const began = Date.now()
  await command()
  const answered = () => calls.requests.filter(({ lost }) => lost === undefined).map(({ at, ms }) => at + ms)
  const last = () => Math.max(began, ...answered())
  while (Date.now() - last() < 3_000) await pause(200, signal)
  return (last() - began) / 1000
}

async function measureMany(bed: Bed, hub: Cluster): Promise<void> {
  const { signal, say } = bed
  const chosen = await fromKubeconfig({ path: hub.kubeconfig })
  if (!chosen.ok) throw new Error(explain(chosen.error))
  const { connection } = chosen.value
  const log = logger('bench', 'silent')
  await using admin = kube(connection, log, 'tombolo-bench')
  const count = sizes[bed.size].atOnce
  const each = Array.from({ length: count }, (_, i) => i)
  const clusters = each.map((i) => joiner(`many-${i}`))
  say(`grants for ${count} clusters`)
  const tokens = await Promise.all(clusters.map((one) => granted(admin, one, signal)))
  say(`${count} clusters ask at once`)
  const began = now()
  const joined = await Promise.all(
    clusters.map(async (one, i) => {
      await using asking = kube(asWhoHas(tokens[i] ?? '', connection), log)
      const token = await admitted(asking, one, i, signal)
      await using member = kube(asWhoHas(token, connection), log)
      await member.list(allocation, { namespace: memberNamespace(one.id) }, signal)
      return (now() - began) / 1000
    }),
  )
  const all = Math.max(...joined)
  say(`all of them have read their addresses after ${all.toFixed(1)} s; the first after ${Math.min(...joined).toFixed(1)} s`)
  const floorBegan = now()
  await Promise.all(each.map((i) => account(admin, i, signal)))
  const floor = (now() - floorBegan) / 1000
  bed.report({
    figure: `${count} clusters join at once: all have credentials that work`,
    unit: 's',
    samples: [all],
    against: { name: 'bare accounts and tokens', samples: [floor] },
    goal: '≤ 60',
    detail: joined,
  })
}

/** Resolves with the token of whoever may ask. */
async function granted(admin: Kube, one: Joiner, signal: AbortSignal): Promise<string> {
  const expiresAt = new Date(Date.now() + 900_000).toISOString()
  await admin.create(joinGrant, grantFor(one, { expiresAt }), {}, signal)
  while ((await admin.get(joinGrant, { namespace: brokerNamespace, name: one.id }, signal))?.status?.state !== 'Open')
    await pause(200, signal)
  return tokenOf(admin, joinNamespace(one.id), joinerAccount, signal)
}

/** Asks as `tombolo join` does, every half second. */
async function admitted(broker: Kube, { id, identity, code }: Joiner, i: number, signal: AbortSignal): Promise<string> {
  const { requestedAt: _, ...asked } = askedOf(id, { pods: [`172.16.${i}.0/24`], services: [`172.17.${i}.0/24`] })
  for (;;) {
    const turn = await ask(broker, { asked, identity, code }, 'bench', new Date(), signal)
    if (turn.kind === 'admitted') return turn.credentials.token
    if (turn.kind === 'refused') throw new Error(`${id} was refused: ${turn.message}`)
    await pause(500, signal)
  }
}

async function account(admin: Kube, i: number, signal: AbortSignal): Promise<void> {
  const name = `bare-${i}`
  await admin.create(namespaces, { ...typeOf(namespaces), metadata: { name } }, {}, signal)
  await admin.create(serviceAccounts, { ...typeOf(serviceAccounts), metadata: { namespace: name, name } }, {}, signal)
  await tokenOf(admin, name, name, signal)
}

async function tokenOf(admin: Kube, namespace: string, name: string, signal: AbortSignal): Promise<string> {
  const path = pathOf(serviceAccounts, { namespace, name }, 'token')
  const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: { expirationSeconds: 3600 } }
  const answer = (await admin.request({ method: 'POST', path, body }, signal)) as { readonly status: { readonly token: string } }
  return answer.status.token
}

const asWhoHas = (token: string, { server, ca }: Connection): Connection => ({
  server,
  ...(ca === undefined ? {} : { ca }),
  token: () => Promise.resolve(token),
})
