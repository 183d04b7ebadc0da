// The part of an operator that makes imports, as a process of its own: what it holds in memory is then its own too. Its argument is an
// `Importer`, as JSON. A line of output says when it last had nothing left to import; it ends with SIGTERM.
import { once } from 'node:events'
import { allocation } from '#crds/allocation.ts'
import { gatewayEndpoint } from '#crds/gateway-endpoint.ts'
import { systemNamespace } from '#crds/places.ts'
import { kube } from '#lib/kube/client.ts'
import { reflect } from '#lib/kube/reflector.ts'
import { onRuns } from '#lib/kube/runs.ts'
import { parseClusterID } from '#lib/net/cluster-id.ts'
import { cell } from '#lib/std/cell.ts'
import { logger } from '#lib/std/log.ts'
import { explain } from '#lib/std/result.ts'
import { givesWayMs, runMcs } from '#operator/mcs/mcs.ts'
import { now } from './bench.ts'
import type { Importer } from './importer.ts'

/** So long nothing must have come. */
const quietMs = 2_000

const { id, ca, token, member, broker } = JSON.parse(process.argv[2] ?? '') as Importer
const parsed = parseClusterID(id)
if (!parsed.ok) throw new Error(explain(parsed.error))
const log = logger('importer', 'silent')
const stop = new AbortController()
void once(process, 'SIGTERM').then(() => stop.abort())
let last = now()
let quiet: NodeJS.Timeout | undefined
onRuns(({ controller }) => {
  if (controller !== 'mcs-import') return
  last = now()
  quiet ??= setTimeout(() => process.stdout.write(`${last}\n`), quietMs)
  quiet.refresh()
})

await using local = kube({ server: member, ca, token: () => Promise.resolve(token) }, log)
await using remote = kube({ server: broker, ca, token: () => Promise.resolve(token) }, log)
const nobody = () => undefined
await runMcs(
  {
    ...{ local, broker: remote, clusterID: parsed.value, log, importFrom: undefined, trafficDefault: undefined },
    accepted: cell<readonly string[]>([]),
    allocations: reflect(local, allocation, { namespace: systemNamespace }, stop.signal).store,
    gateways: reflect(local, gatewayEndpoint, { namespace: systemNamespace }, stop.signal).store,
    ...{ say: nobody, rejected: nobody, leftOut: nobody, held: nobody, unmade: nobody, throttled: nobody },
  },
  givesWayMs,
  stop.signal,
)
clearTimeout(quiet)
