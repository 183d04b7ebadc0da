// Where the pods of `tombolo verify` go, a gateway's node and another, and the Service in front of them that is exported.
import { serviceExport } from '#crds/service-export.ts'
import type { KubeObject } from '#lib/kube/object.ts'
import type { Spot } from '../testbed/objects.ts'
import { serverPort } from './programs.ts'

/** `gateway`: the node is one that may carry the cluster's traffic; `worker`: its packets pass over the overlay to one that does. */
export const places = ['gateway', 'worker'] as const
export type Place = (typeof places)[number]

type Node = { readonly name: string; readonly ready: boolean; readonly gateway: boolean }

/** The first ready node of each place; of a cluster whose every node is a gateway there is no worker. */
export const spotsOf = (nodes: readonly Node[]): readonly Spot<Place>[] =>
  places.flatMap((place) => {
    const node = nodes.find((n) => n.ready && n.gateway === (place === 'gateway'))
    return node === undefined ? [] : [{ place, node: node.name }]
  })

/** Of the pods. */
export const labels = { 'app.kubernetes.io/name': 'tombolo-verify' }

/** In front of both pods. */
export const serviceObject = (namespace: string, name: string): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name, namespace, labels },
  spec: { selector: labels, ports: [{ name: 'http', port: 80, targetPort: serverPort }] },
})

export const exportObject = (namespace: string, name: string): KubeObject => ({
  apiVersion: serviceExport.apiVersion,
  kind: serviceExport.kind,
  metadata: { name, namespace },
})
