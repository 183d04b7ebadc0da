// What a gateway counts. Values are read when Prometheus asks, so that nothing runs for them in between.
import { Gauge, Registry } from 'prom-client'
import type { PublicKey } from '#lib/net/keys.ts'
import type { CableState } from './cable/driver.ts'
import type { Claim } from './engine.ts'
import type { RelayReading } from './path/relay.ts'
import type { PeerReading } from './pulse/pulse.ts'

export type GatewayReading = {
  readonly claim: Claim
  readonly pulses: readonly PeerReading[]
  /** Of the other gateways of this cluster. */
  readonly siblings: readonly PeerReading[]
  readonly refused: number
  /** Peers whose packets go through a relay. */
  readonly relayed: ReadonlySet<PublicKey>
  /** undefined: this gateway is none. */
  readonly relay: RelayReading | undefined
}

export function gatewayMetrics(read: () => GatewayReading, readCables: () => Promise<readonly CableState[]>): Registry {
  const registry = new Registry()
  const peer = ['remote_cluster', 'remote_node'] as const
  const labels = (p: PeerReading) => ({ remote_cluster: p.clusterID, remote_node: p.node })
  const gauge = <L extends string>(
    name: string,
    help: string,
    labelNames: readonly L[],
    set: (gauge: Gauge<L>) => void | Promise<void>,
  ) =>
    new Gauge<L>({
      name: `tombolo_gateway_${name}`,
      help,
      labelNames,
      registers: [registry],
      async collect() {
        this.reset()
        await set(this)
      },
    })

  gauge('active', '1 on the gateway that carries the cluster’s traffic.', [], (g) => {
    g.set(read().claim.role === 'Active' ? 1 : 0)
  })
  gauge('term', 'How often the lead among this cluster’s gateways changed hands.', [], (g) => {
    g.set(read().claim.term)
  })
  gauge('refused', 'Objects of other clusters that were not taken.', [], (g) => {
    g.set(read().refused)
  })
  gauge('connected', '1 while packets pass both ways.', peer, (g) => {
    for (const p of read().pulses) g.set(labels(p), p.link.state === 'Connected' ? 1 : 0)
  })
  gauge(
    'sibling_connected',
    '1 while another gateway of this cluster is heard and hears us: else fail-over waits for the Lease.',
    ['node'],
    (g) => {
      for (const p of read().siblings) g.set({ node: p.node }, p.link.state === 'Connected' ? 1 : 0)
    },
  )
  gauge('relayed', '1 while packets go through a relay, as none pass straight.', peer, (g) => {
    for (const p of read().pulses) g.set(labels(p), read().relayed.has(p.publicKey) ? 1 : 0)
  })
  const relay = (name: string, help: string, of: (reading: RelayReading) => number) =>
    gauge(`relay_${name}`, help, [], (g) => {
      const { relay: reading } = read()
      if (reading !== undefined) g.set(of(reading))
    })
  relay('connections', 'Gateways of other clusters that are connected to this one as their relay.', (r) => r.connections)
  relay('forwarded', 'Datagrams that were passed between gateways of two other clusters.', (r) => r.forwarded)
  relay('dropped', 'Datagrams that were not: over the rate, or nobody took them in time.', (r) => r.dropped)
  gauge('rtt_seconds', 'Smoothed round trip through the cable.', peer, (g) => {
    for (const p of read().pulses) if (p.link.state === 'Connected') g.set(labels(p), p.link.rttMs / 1000)
  })
  gauge('mtu_bytes', 'Largest packet that passes through the cable whole.', peer, (g) => {
    for (const p of read().pulses) if (p.size !== undefined) g.set(labels(p), p.size)
  })
  gauge('loss_ratio', 'Share of the peer’s last pulses that did not come.', peer, (g) => {
    for (const p of read().pulses) g.set(labels(p), p.loss)
  })
  const bytes = (direction: 'received' | 'sent', of: (cable: CableState) => number) =>
    gauge(
      `${direction}_bytes`,
      `Bytes ${direction} over the cable since its device was made; of IPsec since its keys were last changed.`,
      [...peer, 'cable'],
      async (g) => {
        const cables = await readCables()
        for (const p of read().pulses) {
          for (const cable of cables.filter((c) => c.publicKey === p.publicKey))
            g.set({ ...labels(p), cable: cable.cable }, of(cable))
        }
      },
    )
  bytes('received', (c) => c.rxBytes)
  bytes('sent', (c) => c.txBytes)
  return registry
}
