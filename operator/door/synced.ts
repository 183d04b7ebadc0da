// What crosses the door as it is: for each kind, which of our objects are published and which of the others' are brought in.
// Services are not here: they are merged on the way (operator/mcs).
import type { Definition } from '#crds/define.ts'
import type { KubeObject } from '#lib/kube/object.ts'
import { allocation, type Allocation } from '#crds/allocation.ts'
import { gatewayEndpoint, type GatewayEndpoint } from '#crds/gateway-endpoint.ts'
import { clusterIDLabel, isMemberNamespace, managedBy, memberNamespace, systemNamespace } from '#crds/places.ts'
import type { Owned, Refusal } from './judge.ts'
import { judge } from './judge.ts'

export interface Synced<T extends Owned> {
  readonly kind: Definition<T>
  /** Whether our own ones are published; the broker writes the others itself. */
  readonly published: boolean
  /** Name of the copy in a member's `tombolo-system`. */
  nameOfCopy(remote: T): string
}

export const syncedAllocation: Synced<Allocation> = {
  kind: allocation,
  published: false,
  nameOfCopy: (remote) => remote.spec.clusterID,
}

export const syncedGatewayEndpoint: Synced<GatewayEndpoint> = {
  kind: gatewayEndpoint,
  published: true,
  nameOfCopy: (remote) => remote.metadata.name,
}

/** What one side should hold, what it should no longer hold, and what was not believed. */
export type Sync<T> = { readonly put: readonly Copy[]; readonly drop: readonly T[]; readonly refused: readonly Refusal[] }
/** An object for the other side; its status is a write of its own. */
export type Copy = { readonly object: KubeObject; readonly status?: object }

/** What our namespace on the broker should hold: our own objects, and nothing we no longer have. */
export function publish<T extends Owned>(synced: Synced<T>, self: string, local: readonly T[], atBroker: readonly T[]): Sync<T> {
  const namespace = memberNamespace(self)
  const put = local.filter((o) => o.spec.clusterID === self).map((o) => copyOf(synced, o, namespace, o.metadata.name))
  const names = new Set(put.map((copy) => copy.object.metadata.name))
  return { put, drop: atBroker.filter((o) => o.metadata.namespace === namespace && !names.has(o.metadata.name)), refused: [] }
}

/** What `tombolo-system` should hold of the others. */
export function bringIn<T extends Owned>(
  synced: Synced<T>,
  self: string,
  atBroker: readonly KubeObject[],
  local: readonly T[],
): Sync<T> {
  // The broker may be a member itself: what lies elsewhere are its own copies, and nobody's word.
  const judged = atBroker.filter((o) => isMemberNamespace(o.metadata.namespace)).map((o) => judge(synced.kind, o))
  const put = judged
    .flatMap((j) => (j.verdict === 'admitted' ? [j.object] : []))
    // Our own published objects are at home already; the broker's word on ourselves, the Allocation, is not.
    .filter((o) => !synced.published || o.spec.clusterID !== self)
    .map((o) => copyOf(synced, o, systemNamespace, synced.nameOfCopy(o)))
  const names = new Set(put.map((copy) => copy.object.metadata.name))
  return {
    put,
    drop: local.filter((o) => !names.has(o.metadata.name) && !(synced.published && o.spec.clusterID === self)),
    refused: judged.flatMap((j) => (j.verdict === 'refused' ? [j.refusal] : [])),
  }
}

function copyOf<T extends Owned>({ kind }: Synced<T>, o: T, namespace: string, name: string): Copy {
  const labels = { ...managedBy, [clusterIDLabel]: o.spec.clusterID }
  const object = { apiVersion: kind.apiVersion, kind: kind.kind, metadata: { name, namespace, labels }, spec: o.spec }
  return o.status === undefined ? { object } : { object, status: o.status }
}
