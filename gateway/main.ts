// The gateway as a program: configuration from the environment, facts from the local apiserver, cables on the node.
import { randomBytes } from 'node:crypto'
import { allocation } from '#crds/allocation.ts'
import type { CableName } from '#crds/fields.ts'
import { gatewayEndpoint } from '#crds/gateway-endpoint.ts'
import { gatewayEndpointName, pairKeysSecretName, rotateKeyAnnotation } from '#crds/places.ts'
import { followNetwork } from '#lib/host/follow.ts'
import { linuxHost } from '#lib/host/linux.ts'
import { kube } from '#lib/kube/client.ts'
import { controller, source } from '#lib/kube/controller.ts'
import { inCluster } from '#lib/kube/in-cluster.ts'
import { nodes, secrets } from '#lib/kube/kinds.ts'
import { reflect } from '#lib/kube/reflector.ts'
import { tunnelAddress } from '#lib/net/keys.ts'
import { daemon } from '#lib/serve/daemon.ts'
import { serve } from '#lib/serve/server.ts'
import { within } from '#lib/std/deadline.ts'
import type { Logger } from '#lib/std/log.ts'
import { aborted, every } from '#lib/std/pause.ts'
import { sum } from '#lib/std/sum.ts'
import { nodesOf } from './agent/observe.ts'
import { drivers } from './cable/drivers.ts'
import { isToRenew, nodeKeyFile, renewNodeKey } from './cable/node-key.ts'
import type { GatewayConfig } from './config.ts'
import { gatewayConfig } from './config.ts'
import { keepCertificate } from './certificate/certificate.ts'
import { certificateDir } from './certificate/kept.ts'
import { cableDevices, cableSize, gatewayTable, mtuOver, pulsePort } from './data-plane.ts'
import { firstTerm, identityOf, leaseName } from './election/role.ts'
import { standWhile } from './election/stand.ts'
import { Gateway } from './gateway.ts'
import { dutyOf } from './hand-over/standing.ts'
import { readMachine } from './machine.ts'
import { gatewayMetrics } from './metrics.ts'
import { decisiveOf } from './observe.ts'
import { Paths } from './path/paths.ts'
import { Ways } from './path/ways.ts'
import type { PeerReading } from './pulse/pulse.ts'
import { startPulse } from './pulse/pulse.ts'
import { topologyOf } from './topology.ts'

/** All that hangs on the node is looked at again this often, for the changes of others that nothing tells (lib/host/follow.ts). */
const fullPassMs = 300_000
/** A gateway that starts waits so long to hear whether another key of its own was asked for. */
const endpointWaitMs = 3_000
/** A gateway that starts waits so long for its keys, so that a restart is none without them. */
const pairKeyWaitMs = 3_000
/** How often handshakes are looked at while a key of a pair is being changed: WireGuard tries as often. */
const keyLookMs = 5_000
const everything = { name: 'node' }
/** Of it, what others wait for when the lead changes hands. */
const lead = { name: 'lead' }

await daemon('gateway', gatewayConfig, process.env, (config, log, signal) =>
  run(config, log.child({ node: config.NODE_NAME }), signal),
)

async function run(config: GatewayConfig, log: Logger, asked: AbortSignal): Promise<void> {
  // What carries packets outlives the wish to end: another gateway takes over first.
  const stop = new AbortController()
  const { signal } = stop
  const { NAMESPACE: namespace, CLUSTER_ID: clusterID, NODE_NAME: node } = config
  const bootID = randomBytes(8).toString('hex')
  const host = linuxHost({ procSys: config.PROC_SYS })
  await using api = kube(await inCluster(process.env), log, 'tombolo-gateway')
  const { underlay, kernelHasIPsec } = await readMachine(host, config.NODE_IP, signal)

  const allocations = reflect(api, allocation, { namespace }, signal)
  const endpoints = reflect(api, gatewayEndpoint, { namespace }, signal)
  const machines = reflect(api, nodes, {}, signal)
  const pairKeys = reflect(api, secrets, { namespace, fields: `metadata.name=${pairKeysSecretName}` }, signal)

  const keyFile = nodeKeyFile(config.STATE_DIR)
  const asksForKey = () =>
    endpoints.store.get({ namespace, name: gatewayEndpointName(clusterID, node) })?.metadata.annotations?.[rotateKeyAnnotation]
  await within(endpointWaitMs, signal, (limit) => endpoints.store.whenSynced(limit))
  /** The last request for another key that needs no more looking at: it is answered, or cannot be before a person has made room. */
  let considered = asksForKey()
  try {
    if (await renewNodeKey(host, keyFile, considered, signal)) log.info({}, 'made another WireGuard key, as was asked')
  } catch (err) {
    if (signal.aborted) throw err
    log.error(
      { err },
      'no other WireGuard key could be written, as was asked: begins with the one it has, and tries at the next start',
    )
  }

  await using started = new AsyncDisposableStack()
  const makeDriver = async (cable: CableName) => {
    const { port, most } = {
      wireguard: { port: config.WG_PORT, most: config.WG_MTU },
      ipsec: { port: config.IKE_PORT, most: cableSize.ipsec.mtu },
    }[cable]
    const options = {
      host,
      device: cableDevices[cable],
      stateDir: config.STATE_DIR,
      port,
      underlays: [underlay.dev],
      mtu: mtuOver(underlay.mtu, cableSize[cable].overhead, most),
      onLost: () => work.add(everything),
      onChange: () => work.add(everything),
      log: log.child({ cable }),
    }
    return started.use(await drivers[cable](options, signal))
  }
  const first = await makeDriver(config.CABLES[0])
  const cables = [first]
  for (const cable of config.CABLES.slice(1)) cables.push(await makeDriver(cable))
  const { publicKey } = first
  const overWireGuard = cables.find(({ name }) => name === 'wireguard')
  const paths: Paths | undefined =
    overWireGuard === undefined
      ? undefined
      : new Paths({
          driver: overWireGuard,
          port: config.WG_PORT,
          publicKey,
          pulse: (): readonly PeerReading[] => gateway.read().pulses,
          nudge: (key) => gateway.nudge(key),
          onChange: () => work.add(everything),
          log,
        })
  await using ways = new Ways(clusterID, paths, log)
  await using gateway = new Gateway({
    self: {
      clusterID,
      node,
      bootID,
      nodeAddress: config.NODE_IP,
      namespace,
      publicKey,
      port: config.WG_PORT,
      cables: config.CABLES,
      ipsecPort: config.IKE_PORT,
    },
    kube: api,
    host,
    drivers: cables,
    kernelHasIPsec,
    ways,
    stateDir: config.STATE_DIR,
    allocations: allocations.store,
    endpoints: endpoints.store,
    nodes: machines.store,
    secrets: pairKeys.store,
    startPulse: () =>
      startPulse(
        {
          address: tunnelAddress(publicKey),
          port: pulsePort,
          clusterID,
          node,
          bootID,
          onChange: () => {
            gateway.look()
            work.add(lead)
            work.add(everything)
          },
          sentBytes: async () => {
            const counts = await Promise.all(
              cables.map(({ device }) => host.read(`/sys/class/net/${device}/statistics/tx_bytes`, signal)),
            )
            return counts.includes(undefined) ? undefined : sum(counts.map(Number))
          },
          onBeat: () => gateway.look(),
          log,
        },
        signal,
      ),
    onTurn: () => work.add(lead),
    log,
  })
  const work = controller({
    name: 'gateway',
    sources: [
      source(allocations.store, () => [everything]),
      source(endpoints.store, () => [lead, everything], { sees: decisiveOf(clusterID) }),
      // A kubelet writes its Node often, and hardly ever another address.
      source(machines.store, () => [everything], {
        sees: (one) => [nodesOf([one], config.NODE_IP), dutyOf(one), topologyOf([one])],
      }),
    ],
    reconcile: ({ name }, during) => (name === lead.name ? gateway.follow(during) : gateway.reconcile(during)),
    workers: 2,
    log,
  })

  // A gateway is known by its key: with another it begins anew, after it has handed over like any that ends.
  const renewal = new AbortController()
  endpoints.store.onChange((endpoint) => {
    const isOwn = endpoint?.metadata.name === gatewayEndpointName(clusterID, node)
    if (isOwn && !renewal.signal.aborted) void endForKey()
  })
  const endForKey = async () => {
    const request = asksForKey()
    if (request === undefined || request === considered) return
    try {
      const isNew = await isToRenew(host, keyFile, request, signal)
      considered = request
      if (!isNew || renewal.signal.aborted) return
      log.info({}, 'another WireGuard key was asked for: ends, to begin with it')
      renewal.abort()
    } catch (err) {
      if (!signal.aborted)
        log.warn({ err }, 'whether another WireGuard key was asked for could not be read; looked at again with the next change')
    }
  }
  await endForKey()

  // No source of the controller: a gateway that may not read keys, or not yet, works without them.
  pairKeys.store.onChange(() => work.add(everything))
  await within(pairKeyWaitMs, signal, (limit) => pairKeys.store.whenSynced(limit))
  if (!pairKeys.store.synced) log.warn({}, 'the keys of pairs of clusters were not heard of yet; starting without')

  const registry = gatewayMetrics(
    () => gateway.read(),
    () => gateway.cables(signal),
  )
  await serve({ port: config.METRICS_PORT, registry, ready: () => gateway.unready() }, signal)
  paths?.start()
  log.info({ publicKey, address: tunnelAddress(publicKey) }, 'started')

  const election = new AbortController()
  const electing = standWhile(
    gateway.fit,
    {
      kube: api,
      namespace,
      name: leaseName,
      identity: identityOf(node, bootID),
      leaseSeconds: config.LEASE_SECONDS,
      renewSeconds: config.LEASE_SECONDS / 3,
      gone: gateway.candidacy.gone,
      stands: () => gateway.candidacy.stands(),
      firstTerm: () => firstTerm(endpoints.store.list().filter(({ spec }) => spec.clusterID === clusterID)),
      onChange: (now) => {
        gateway.hear(now)
        if (signal.aborted) return
        work.add(lead)
        work.add(everything)
      },
    },
    election.signal,
  )
  const end = async () => {
    await aborted(AbortSignal.any([asked, renewal.signal]))
    try {
      await gateway.handOver(signal)
    } finally {
      election.abort()
      await electing
      stop.abort()
    }
  }
  await Promise.all([
    work.run(signal),
    end(),
    every(fullPassMs, () => work.add(everything), signal),
    every(keyLookMs, () => gateway.changesKeys() && work.add(lead), signal),
    followNetwork(
      { host, followed: { links: cables.map(({ device }) => device), tables: [gatewayTable] }, log },
      { ours: () => work.add(everything) },
      signal,
    ),
    allocations.done,
    endpoints.done,
    machines.done,
    pairKeys.done,
    keepCertificate(
      api,
      { clusterID, node, namespace, host, dir: certificateDir(config.STATE_DIR), log, onChange: () => work.add(everything) },
      endpoints.store,
      signal,
    ),
  ])
  log.info({}, 'stopped')
}
