// The operator's entry: reads its configuration, serves its state, and works while it holds the Lease.
import { randomUUID } from 'node:crypto'
import { Gauge, Registry } from 'prom-client'
import { kube } from '#lib/kube/client.ts'
import { inCluster } from '#lib/kube/in-cluster.ts'
import { whileLeading } from '#lib/kube/lease.ts'
import { daemon } from '#lib/serve/daemon.ts'
import { serve } from '#lib/serve/server.ts'
import type { Logger } from '#lib/std/log.ts'
import type { OperatorConfig } from './config.ts'
import { operatorConfig } from './config.ts'
import type { HeldRemoval } from './door/removal.ts'
import { operate } from './operate.ts'

await daemon('operator', operatorConfig, process.env, run)

async function run(config: OperatorConfig, log: Logger, signal: AbortSignal): Promise<void> {
  const registry = new Registry()
  const leads = new Gauge({
    name: 'tombolo_operator_leading',
    help: '1 on the replica that does the work; the other stands by.',
    registers: [registry],
  })
  const held = new Gauge({
    name: 'tombolo_operator_held_objects',
    help: 'Objects of a cluster that a list of the broker lacks and that stay here: condition RemovalsBelieved of the Membership.',
    labelNames: ['source'],
    registers: [registry],
  })
  const tellHeld = (removals: readonly HeldRemoval[]) => {
    held.reset()
    for (const { source, lost } of removals) held.set({ source }, lost)
  }
  await using local = kube(await inCluster(process.env), log, 'tombolo-operator')
  let heard = false
  await serve({ port: config.METRICS_PORT, registry, ready: () => (heard ? [] : ['the apiserver has not answered yet']) }, signal)
  // New with each start: a process that comes back must win the lead like any other.
  const identity = `${config.POD_NAME}-${randomUUID().slice(0, 8)}`
  await whileLeading(
    {
      kube: local,
      namespace: config.NAMESPACE,
      name: 'tombolo-operator',
      identity,
      leaseSeconds: 10,
      renewSeconds: 3,
      onChange: ({ role }) => {
        heard = true
        leads.set(role === 'leader' ? 1 : 0)
      },
    },
    (leading) => operate(local, identity, tellHeld, log, leading),
    signal,
  )
}
