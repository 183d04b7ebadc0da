// From clusters to the proof: broker in the first, all joined, the shop in the first and a client in each other.
import type { Cluster } from '#test/rig/cluster.ts'
import type { Rig } from '#test/rig/rig.ts'
import { exportWeb, firstAnswer, fleetOf, openClient, openShop, webURL } from '#test/kit/fleet.ts'
import type { Say } from '../setup/progress.ts'

/** `cable`: as for `tombolo join`. `say` gets one line for each thing that is done. */
export async function buildFleet(rig: Rig, cable: string, say: Say, signal: AbortSignal): Promise<void> {
  const fleet = fleetOf(rig, signal)
  const [first, ...others] = rig.clusters
  if (first === undefined) return
  const told = async (line: string, work: Promise<unknown>) => {
    await work
    say(line)
  }
  const shop = Promise.all([openShop(first, signal), ...others.map((cluster) => openClient(cluster, signal))])
  const joined = async () => {
    await told(`broker in ${first.id}`, fleet.deployBroker())
    await Promise.all(rig.clusters.map((cluster) => told(`${cluster.id} joined`, fleet.join(cluster, '--cable', cable))))
  }
  // The shop's pods start while the clusters are joined; they know nothing of it.
  await Promise.all([told(`shop/web in ${first.id}, a client in ${others.map(({ id }) => id).join(', ')}`, shop), joined()])
  await told(`shop/web exported from ${first.id}`, exportWeb(first, signal))
}

/** What was just made has so long to answer, and what is up already. */
export const patience = { new: 30_000, up: 5_000 } as const

/** Shows that it works, as lines for a person. Throws when it does not within `ms`. */
export async function prove(rig: Rig, ms: number, signal: AbortSignal): Promise<readonly string[]> {
  const fleet = fleetOf(rig, signal)
  const [first, ...others] = rig.clusters
  if (first === undefined) return []
  const answers = await Promise.all(others.map((cluster) => proveFrom(first, cluster, ms, signal)))
  const show = async (what: string) => (await fleet.must('show', what, '--context', first.id)).out.trimEnd()
  return [await show('clusters'), '', await show('connections'), '', ...answers.flat()]
}

/** A pod of `from` was answered by a pod of `to`, which saw the caller's own address. */
async function proveFrom(to: Cluster, from: Cluster, ms: number, signal: AbortSignal): Promise<readonly string[]> {
  const answer = await firstAnswer(from, ms, signal)
  const client = await from.kubectl(['-n', 'shop', 'get', 'pod', 'client', '-o', 'jsonpath={.status.podIP}'], '', signal)
  const pods = (await to.kubectl(['-n', 'shop', 'get', 'pods', '-o', 'name'], '', signal)).trim().split('\n')
  if (!pods.includes(`pod/${answer.pod}`)) throw new Error(`${webURL} was answered by ${answer.pod}, which is no pod of ${to.id}`)
  if (answer.client !== client)
    throw new Error(`the pod in ${to.id} saw ${answer.client} instead of the client's own address, ${client}`)
  return [
    `$ kubectl --context ${from.id} -n shop exec client -- curl -s ${webURL}`,
    JSON.stringify(answer),
    `A pod in ${from.id} was answered by pod ${answer.pod} in ${to.id}, which saw the caller's own address, ${client}.`,
  ]
}
