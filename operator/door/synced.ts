// What crosses the door as it is: for each kind, which of our objects are published and which of the others' are brought in.
// Services are not here: they are merged on the way (operator/mcs).
import type { Definition } from '#crds/define.ts'
import type { KubeObject, Meta } from '#lib/kube/object.ts'
import { allocation, type Allocation } from '#crds/allocation.ts'
import { gatewayEndpoint, type GatewayEndpoint } from '#crds/gateway-endpoint.ts'
import {
  allocationName,
  clusterIDLabel,
  gatewayEndpointName,
  managedBy,
  memberNamespace,
  memberOf,
  publishedAtAnnotation,
  systemNamespace,
} from '#crds/places.ts'
import { judgeImported } from '#crds/rules/imported.ts'
import { remembered } from '#lib/std/remembered.ts'
import type { Judgement, Owned, Refusal } from './judge.ts'
import { judge, nameForPeople } from './judge.ts'

/** One leads and the others stand by: far more than anybody needs, and few enough for every cluster to keep cables to. */
const mostGateways = 32

export interface Synced<T extends Owned> {
  readonly kind: Definition<T>
  /** Whether our own ones are published; the broker writes the others itself. */
  readonly published: boolean
  /** The one name that an object of this content may have at the broker: whoever chose another could have two, or somebody else's. */
  nameAtBroker(remote: T): string
  /** Name of the copy in a member's `tombolo-system`. It follows from what was believed, so that no two clusters' copies meet. */
  nameOfCopy(remote: T): string
  /** As much of the status as `self` reads of a peer: what it says of its other peers is nothing to us, and changes all the time. */
  statusOfCopy(remote: T, self: string): object | undefined
  /** What an object is known by: with another one it is made anew on either side, so that its age is that of what it says. */
  knownBy(object: T): string
  /** Of one cluster; what is beyond it is not brought in. */
  readonly mostOfACluster: number
}

export const syncedAllocation: Synced<Allocation> = {
  kind: allocation,
  published: false,
  nameAtBroker: () => allocationName,
  nameOfCopy: (remote) => remote.spec.clusterID,
  statusOfCopy: () => undefined,
  knownBy: ({ spec }) => spec.clusterID,
  mostOfACluster: 1,
}

export const syncedGatewayEndpoint: Synced<GatewayEndpoint> = {
  kind: gatewayEndpoint,
  published: true,
  nameAtBroker: nameOfGateway,
  nameOfCopy: nameOfGateway,
  statusOfCopy: ({ status }, self) =>
    status === undefined
      ? undefined
      : {
          ...(status.role === undefined ? {} : { role: status.role }),
          ...(status.term === undefined ? {} : { term: status.term }),
          ...(status.driver === undefined ? {} : { driver: status.driver }),
          connections: (status.connections ?? []).filter((c) => c.clusterID === self).slice(0, mostGateways),
        },
  // Of two that name one key the older is believed (gateway/engine.ts): nobody may put a key into an object that has been there long.
  knownBy: ({ spec }) => spec.wireguard.publicKey,
  mostOfACluster: mostGateways,
}

function nameOfGateway({ spec }: GatewayEndpoint): string {
  return gatewayEndpointName(spec.clusterID, spec.node)
}

/** What one side should hold, what it should no longer hold, and what was not believed. */
export type Sync<T> = { readonly put: readonly Copy[]; readonly drop: readonly T[]; readonly refused: readonly Refusal[] }
/** An object for the other side; its status is a write of its own. */
export type Copy = { readonly object: KubeObject; readonly status?: object }

/** What our namespace on the broker should hold: our own objects, and nothing we no longer have. */
export function publish<T extends Owned>(synced: Synced<T>, self: string, local: readonly T[], atBroker: readonly T[]): Sync<T> {
  const namespace = memberNamespace(self)
  const wanted = local.filter((o) => o.spec.clusterID === self)
  const have = atBroker.filter((o) => o.metadata.namespace === namespace)
  const { put, drop } = changes(synced, wanted, (o) => o.metadata.name, have)
  return { put: put.map((o) => copyOf(synced, o, namespace, o.metadata.name)), drop, refused: [] }
}

/** What is known by something else now is dropped first; it is made anew with the word that it is gone. */
function changes<T extends Owned>(synced: Synced<T>, wanted: readonly T[], nameOf: (object: T) => string, have: readonly T[]) {
  const knownBy = new Map(wanted.map((o) => [nameOf(o), synced.knownBy(o)]))
  const drop = have.filter((o) => knownBy.get(o.metadata.name) !== synced.knownBy(o))
  const going = new Set(drop.map((o) => o.metadata.name))
  return { put: wanted.filter((o) => !going.has(nameOf(o))), drop }
}

/** What `tombolo-system` should hold of the others. `read`: a reader of the kind. */
export function bringIn<T extends Owned>(
  synced: Synced<T>,
  self: string,
  atBroker: readonly KubeObject[],
  local: readonly T[],
  read: (object: KubeObject) => Judgement<T>,
): Sync<T> {
  // The broker may be a member itself: what lies elsewhere are its own copies, and nobody's word.
  const judged = cap(synced, atBroker.filter((o) => memberOf(o.metadata.namespace) !== undefined).map(read))
  const wanted = judged
    .flatMap((j) => (j.verdict === 'admitted' ? [j.object] : []))
    // Our own published objects are at home already; the broker's word on ourselves, the Allocation, is not.
    .filter((o) => !synced.published || o.spec.clusterID !== self)
  const copies = local.filter((o) => !(synced.published && o.spec.clusterID === self))
  const { put, drop } = changes(synced, wanted, (o) => synced.nameOfCopy(o), copies)
  return {
    put: put.map((o) => {
      const copy = { ...o, status: synced.statusOfCopy(o, self) }
      return copyOf(synced, copy, systemNamespace, synced.nameOfCopy(o), publishedAt(o))
    }),
    drop,
    refused: judged.flatMap((j) => (j.verdict === 'refused' ? [j.refusal] : [])),
  }
}

/** What a cluster was admitted with; undefined while that is not known. */
export type AllocationOf = (clusterID: string) => Allocation | undefined

/** Judges an object once: every pass looks at all of them, and hardly any has changed since the last. */
export function reader<T extends Owned>(synced: Synced<T>, allocationOf: AllocationOf): (object: KubeObject) => Judgement<T> {
  const read = remembered((object: KubeObject, _: undefined) => named(synced, judge(synced.kind, object)))
  const ruled = remembered((object: KubeObject, allocated: Allocation) => byRules(synced, read(object, undefined), allocated))
  return (object) => {
    const judged = read(object, undefined)
    const allocated = judged.verdict === 'admitted' && synced.published ? allocationOf(judged.object.spec.clusterID) : undefined
    // Without its Allocation an object is brought in and nobody uses it (gateway/observe.ts): the two come in any order.
    return allocated === undefined ? judged : ruled(object, allocated)
  }
}

function byRules<T extends Owned>(synced: Synced<T>, judged: Judgement<T>, allocated: Allocation): Judgement<T> {
  if (judged.verdict === 'refused') return judged
  const verdict = judgeImported(synced.kind, judged.object, allocated)
  return verdict.allowed ? judged : refusal(synced, judged.object, verdict.says)
}

function named<T extends Owned>(synced: Synced<T>, judged: Judgement<T>): Judgement<T> {
  if (judged.verdict === 'refused' || judged.object.metadata.name === synced.nameAtBroker(judged.object)) return judged
  return refusal(synced, judged.object, `its name is not ${synced.nameAtBroker(judged.object)}, which is the one of what it says`)
}

/** The first by name stay, so that what one more object changes is that object. */
function cap<T extends Owned>(synced: Synced<T>, judged: readonly Judgement<T>[]): readonly Judgement<T>[] {
  const admitted = judged.flatMap((j) => (j.verdict === 'admitted' ? [j.object] : []))
  const beyond = new Set(
    [...Map.groupBy(admitted, (o) => o.spec.clusterID).values()].flatMap((of) =>
      of.length <= synced.mostOfACluster
        ? []
        : of.toSorted((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1)).slice(synced.mostOfACluster),
    ),
  )
  return judged.map((j) =>
    j.verdict === 'admitted' && beyond.has(j.object)
      ? refusal(synced, j.object, `its cluster has more than ${synced.mostOfACluster} of them`)
      : j,
  )
}

const refusal = <T extends Owned>({ kind }: Synced<T>, object: T, why: string): Judgement<T> => ({
  verdict: 'refused',
  refusal: { object: nameForPeople(kind, object), why },
})

type Copied = { readonly spec: Owned['spec']; readonly status?: object | undefined }

/** As annotations of a copy. */
const publishedAt = ({ metadata: { creationTimestamp } }: KubeObject): Pick<Meta, 'annotations'> =>
  creationTimestamp === undefined ? {} : { annotations: { [publishedAtAnnotation]: creationTimestamp } }

function copyOf<T extends Owned>(
  { kind }: Synced<T>,
  o: Copied,
  namespace: string,
  name: string,
  beside: Pick<Meta, 'annotations'> = {},
): Copy {
  const labels = { ...managedBy, [clusterIDLabel]: o.spec.clusterID }
  const object = { apiVersion: kind.apiVersion, kind: kind.kind, metadata: { name, namespace, labels, ...beside }, spec: o.spec }
  return o.status === undefined ? { object } : { object, status: o.status }
}
