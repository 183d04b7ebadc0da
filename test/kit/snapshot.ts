// Snapshots of clusters in which all is well, and small changes to them, so that a row of a test is one line.
import type { Platform } from '#fleet/facts/platform.ts'
import type { Snapshot } from '#fleet/snapshot.ts'

const emptyPlatform: Platform = {
  version: undefined,
  clock: undefined,
  nodes: [],
  daemonSets: [],
  cilium: undefined,
  kubeProxy: undefined,
  dns: { servers: [], coreDNS: 'absent', forwardsTo: undefined, wanted: 0, available: 0 },
}

/** Of a cluster about which nothing is known. */
export const emptySnapshot: Snapshot = {
  member: undefined,
  broker: undefined,
  platform: emptyPlatform,
  ignored: [],
  unread: [],
  takenAt: new Date('2026-01-02T00:10:00Z'),
}
