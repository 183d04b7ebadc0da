// The agent as a program: configuration from the environment, facts from the local apiserver, routes on the node. What it made stays
// when it ends, so that a restart disturbs no packet; with CLEANUP it takes everything of ours off the node instead.
import { Registry } from 'prom-client'
import { allocation } from '#crds/allocation.ts'
import { gatewayEndpoint } from '#crds/gateway-endpoint.ts'
import { describeChange } from '#lib/host/network.ts'
import { followNetwork } from '#lib/host/follow.ts'
import { linuxHost } from '#lib/host/linux.ts'
import { kube } from '#lib/kube/client.ts'
import { controller, source } from '#lib/kube/controller.ts'
import { inCluster } from '#lib/kube/in-cluster.ts'
import { nodes } from '#lib/kube/kinds.ts'
import { reflect } from '#lib/kube/reflector.ts'
import { daemon } from '#lib/serve/daemon.ts'
import { gauge } from '#lib/serve/readings.ts'
import { serve } from '#lib/serve/server.ts'
import type { Logger } from '#lib/std/log.ts'
import { every, pause } from '#lib/std/pause.ts'
import { Agent } from './agent/agent.ts'
import { cleanUp } from './agent/apply.ts'
import type { AgentConfig } from './agent/config.ts'
import { agentConfig } from './agent/config.ts'
import { nodesOf } from './agent/observe.ts'
import { agentTable, overlayDevice } from './data-plane.ts'
import { decisiveOf } from './observe.ts'

/** All that hangs on the node is looked at again this often, for the changes of others that nothing tells (lib/host/follow.ts). */
const fullPassMs = 300_000
const followed = { links: [overlayDevice], tables: [agentTable] }
/** An agent that ends late may have made something once more. */
const cleanAgainMs = 30_000
const cleanRetryMs = 2_000
const everything = { name: 'node' }

await daemon('agent', agentConfig, process.env, (config, log, signal) => {
  const work = config.CLEANUP === 'true' ? clean : run
  return work(config, log.child({ node: config.NODE_NAME }), signal)
})

async function run(config: AgentConfig, log: Logger, signal: AbortSignal): Promise<void> {
  const namespace = config.NAMESPACE
  await using api = kube(await inCluster(process.env), log, 'tombolo-agent')
  const kept = {
    nodes: reflect(api, nodes, {}, signal),
    allocations: reflect(api, allocation, { namespace }, signal),
    endpoints: reflect(api, gatewayEndpoint, { namespace }, signal),
  }
  const host = linuxHost({ procSys: config.PROC_SYS })
  const agent = new Agent({
    node: config.NODE_NAME,
    nodeAddress: config.NODE_IP,
    clusterID: config.CLUSTER_ID,
    cables: config.CABLES,
    host,
    stateDir: config.STATE_DIR,
    nodes: kept.nodes.store,
    allocations: kept.allocations.store,
    endpoints: kept.endpoints.store,
    log,
  })
  const work = controller({
    name: 'agent',
    sources: [
      // A kubelet writes its Node every few minutes or seconds, and hardly ever what routes depend on.
      source(kept.nodes.store, () => [everything], { sees: (node) => nodesOf([node], config.NODE_IP) }),
      source(kept.allocations.store, () => [everything]),
      source(kept.endpoints.store, () => [everything], { sees: decisiveOf(config.CLUSTER_ID) }),
    ],
    reconcile: (_, during) => agent.reconcile(during),
    log,
  })
  const lookAtMachine = async () => {
    if (await agent.isOutdated(signal)) work.add(everything)
  }
  const registry = new Registry()
  gauge(
    registry,
    'tombolo_agent_routes',
    'Routes to pods of other clusters on this node, and back.',
    () => agent.read()?.routes ?? 0,
  )
  gauge(registry, 'tombolo_agent_refused', 'Objects of other clusters that were not taken.', () => agent.read()?.refused ?? 0)
  const ready = () => (agent.read() === undefined ? ['the node was not set up yet'] : [])
  await serve({ port: config.METRICS_PORT, registry, ready }, signal)
  log.info({}, 'started')
  await Promise.all([
    work.run(signal),
    every(fullPassMs, () => work.add(everything), signal),
    followNetwork({ host, followed, log }, { ours: () => work.add(everything), others: () => void lookAtMachine() }, signal),
    ...Object.values(kept).map((reflection) => reflection.done),
  ])
  log.info({}, 'stopped; routes stay')
}

async function clean(config: AgentConfig, log: Logger, signal: AbortSignal): Promise<void> {
  let left = ['the node was not cleaned yet']
  await serve({ port: config.METRICS_PORT, registry: new Registry(), ready: () => left }, signal)
  const host = linuxHost({ procSys: config.PROC_SYS })
  while (!signal.aborted) {
    try {
      const changes = await cleanUp(host, config.STATE_DIR, signal)
      if (left.length > 0) log.info({ changes: changes.map(describeChange) }, 'nothing of ours is left on the node')
      left = []
      await pause(cleanAgainMs, signal)
    } catch (error) {
      left = [`not everything could be removed: ${String(error)}`]
      log.warn({ err: error }, 'cleaning up failed; trying again')
      await pause(cleanRetryMs, signal)
    }
  }
}
