// The DNS server as a program: configuration from the environment, facts from the apiserver, names out of its sockets.
import { mcsServiceNameLabel } from '#crds/places.ts'
import { serviceImport } from '#crds/service-import.ts'
import { kube } from '#lib/kube/client.ts'
import { inCluster } from '#lib/kube/in-cluster.ts'
import { endpointSlices, namespaces, services } from '#lib/kube/kinds.ts'
import { reflect } from '#lib/kube/reflector.ts'
import { daemon } from '#lib/serve/daemon.ts'
import { serve } from '#lib/serve/server.ts'
import type { Logger } from '#lib/std/log.ts'
import { aborted, pause } from '#lib/std/pause.ts'
import type { DnsConfig } from './config.ts'
import { dnsConfig } from './config.ts'
import { follow } from './follow.ts'
import { dnsMetrics } from './metrics.ts'
import { responder } from './respond.ts'
import { listen } from './server.ts'
import { nameOf } from './wire/name.ts'
import { growingZone } from './zone.ts'

await daemon('dns', dnsConfig, process.env, run)

async function run(config: DnsConfig, log: Logger, asked: AbortSignal): Promise<void> {
  const stop = new AbortController()
  const { signal } = stop

  await using api = kube(await inCluster(process.env), log, 'tombolo-dns')
  const imports = reflect(api, serviceImport, {}, signal)
  const slices = reflect(api, { ...endpointSlices, rows: ['endpoints'] }, { labels: mcsServiceNameLabel }, signal)
  const spaces = reflect(api, namespaces, {}, signal)
  const derived = reflect(api, services, { labels: mcsServiceNameLabel }, signal)
  const sources = { imports: imports.store, slices: slices.store, namespaces: spaces.store }

  const settings = { zone: nameOf(config.DNS_ZONE), ttl: config.DNS_TTL }
  const zone = growingZone({
    ...settings,
    addresses: config.DNS_ADDRESSES ?? [config.TOMBOLO_DNS_SERVICE_HOST ?? []].flat(),
    serial: Math.floor(Date.now() / 1000),
  })
  const following = follow(zone, settings, { ...sources, derived: derived.store }, log, signal)

  const metrics = dnsMetrics()
  await serve(
    {
      port: config.METRICS_PORT,
      registry: metrics.registry,
      ready: () => [
        ...Object.values(sources)
          .filter((store) => !store.synced)
          .map((store) => `${store.kind.plural} were not listed yet`),
        ...(asked.aborted ? ['stopping'] : []),
      ],
    },
    signal,
  )
  await using server = await listen({
    addresses: config.DNS_LISTEN,
    port: config.DNS_PORT,
    shared: config.DNS_SHARE_PORT,
    respond: responder(zone),
    onReply: (...reply) => metrics.observe(...reply),
    log,
  })
  log.info({ zone: config.DNS_ZONE, addresses: server.addresses, port: server.port }, 'listening')

  await aborted(asked)
  log.info({ seconds: config.DRAIN_SECONDS }, 'stopping: still answering while the nodes take this pod out of the Service')
  await pause(config.DRAIN_SECONDS * 1000, signal)
  stop.abort()
  await Promise.all([following, imports.done, slices.done, spaces.done, derived.done])
}
