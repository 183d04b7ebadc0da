// The broker controller's entry: reads its configuration, serves its state, and works while it holds the Lease.
import { randomUUID } from 'node:crypto'
import { Registry } from 'prom-client'
import type { Kube } from '#lib/kube/client.ts'
import { kube } from '#lib/kube/client.ts'
import { source } from '#lib/kube/controller.ts'
import { inCluster } from '#lib/kube/in-cluster.ts'
import { whileLeading } from '#lib/kube/lease.ts'
import { daemon } from '#lib/serve/daemon.ts'
import { serve } from '#lib/serve/server.ts'
import type { Logger } from '#lib/std/log.ts'
import type { BrokerConfig } from './config.ts'
import { brokerConfig } from './config.ts'
import { grantsController } from './grants/reconcile.ts'
import { joinsController } from './joins/reconcile.ts'
import { membersController } from './members/reconcile.ts'
import { pkiController, wholeCA } from './pki/reconcile.ts'
import { brokerStores } from './stores.ts'

await daemon('broker', brokerConfig, process.env, run)

async function run(config: BrokerConfig, log: Logger, signal: AbortSignal): Promise<void> {
  const registry = new Registry()
  await using api = kube(await inCluster(process.env), log, 'tombolo-broker')
  let heard = false
  await serve({ port: config.METRICS_PORT, registry, ready: () => (heard ? [] : ['the apiserver has not answered yet']) }, signal)
  await whileLeading(
    {
      kube: api,
      namespace: config.NAMESPACE,
      name: 'tombolo-broker-controller',
      // New with each start: a process that comes back must win the lead like any other.
      identity: `${config.POD_NAME}-${randomUUID().slice(0, 8)}`,
      leaseSeconds: 10,
      renewSeconds: 3,
      onChange: () => {
        heard = true
      },
    },
    (leading) => work(api, leading),
    signal,
  )
}

async function work(api: Kube, signal: AbortSignal): Promise<void> {
  const stores = brokerStores(api, signal)
  const ca = pkiController(api, [
    source(stores.fleets, () => wholeCA, { sees: ({ spec }) => spec }),
    source(stores.members, () => wholeCA),
    source(stores.certificates, () => wholeCA),
  ])
  const controllers = [...[joinsController, grantsController, membersController].map((make) => make(api, stores)), ca]
  await Promise.all(controllers.map((controller) => controller.run(signal)))
}
