// The cables: who hears whom, and which of them traffic takes.
import type { Connection } from '#crds/gateway-endpoint.ts'
import type { Snapshot } from '../snapshot.ts'
import { activeOf, endpointsOf, millis } from './announced.ts'
import { by } from './order.ts'

export type ConnectionRow = {
  readonly cluster: string
  readonly node: string
  readonly remoteCluster: string
  readonly remoteNode: string
  /** Active: traffic goes this way, as both ends are the active gateways of their clusters. */
  readonly role: 'Active' | 'Standby'
  readonly driver: string | undefined
  readonly state: Connection['state']
  readonly rttMs: number | undefined
  /** Where the far gateway's packets come from, `address:port`. */
  readonly address: string | undefined
  /** Which way packets take, and why: `direct`, `reflexive` or `relay CLUSTER/NODE`. */
  readonly path: string | undefined
  readonly pathReason: string | undefined
  readonly since: string | undefined
  /** Whether the key of the two clusters is mixed in; undefined: the gateway is of a version that does not say. */
  readonly pairKey: Connection['pairKey']
  readonly message: string | undefined
}

/** A member tells of its own connections; the broker of everybody's. */
export function connectionsOf(snapshot: Snapshot): readonly ConnectionRow[] {
  const all = endpointsOf(snapshot)
  const self = snapshot.member?.membership.spec.clusterID
  const isActive = (name: string, clusterID: string) => activeOf(all, clusterID)?.metadata.name === name
  return all
    .filter(({ spec }) => self === undefined || spec.clusterID === self)
    .flatMap(({ metadata, spec, status }) =>
      (status?.connections ?? []).map((c) => ({
        cluster: spec.clusterID,
        node: spec.node,
        remoteCluster: c.clusterID,
        remoteNode: c.node,
        role:
          isActive(metadata.name, spec.clusterID) && isActive(c.endpoint, c.clusterID)
            ? ('Active' as const)
            : ('Standby' as const),
        driver: c.cable ?? status?.driver,
        state: c.state,
        rttMs: millis(c),
        address: c.address,
        path: c.path === 'Relay' ? `relay ${c.relay ?? ''}` : c.path?.toLowerCase(),
        pathReason: c.pathMessage,
        since: c.since,
        pairKey: c.pairKey,
        message: c.message,
      })),
    )
    .toSorted(by((row) => [row.cluster, row.node, row.remoteCluster, row.remoteNode]))
}
