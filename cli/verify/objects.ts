// What `tombolo verify` makes in a cluster: a namespace, a pod on a gateway's node and one on another, and a Service that is exported.
// The pods run the image that the cluster runs anyway, so no foreign one has to be pulled.
import { serviceExport } from '#crds/service-export.ts'
import type { KubeObject } from '#lib/kube/object.ts'
import { server, serverPort } from './programs.ts'

/** `gateway`: the node is one that may carry the cluster's traffic; `worker`: its packets pass over the overlay to one that does. */
export const places = ['gateway', 'worker'] as const
export type Place = (typeof places)[number]
export type Spot = { readonly place: Place; readonly node: string }

type Node = { readonly name: string; readonly ready: boolean; readonly gateway: boolean }

/** The first ready node of each place; of a cluster whose every node is a gateway there is no worker. */
export const spotsOf = (nodes: readonly Node[]): readonly Spot[] =>
  places.flatMap((place) => {
    const node = nodes.find((n) => n.ready && n.gateway === (place === 'gateway'))
    return node === undefined ? [] : [{ place, node: node.name }]
  })

export const namespaceObject = (name: string): KubeObject => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } })

const labels = { 'app.kubernetes.io/name': 'tombolo-verify' }

export const podObject = (namespace: string, { place, node }: Spot, image: string): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: place, namespace, labels },
  spec: {
    nodeName: node,
    restartPolicy: 'Never',
    terminationGracePeriodSeconds: 0,
    automountServiceAccountToken: false,
    securityContext: { runAsNonRoot: true, runAsUser: 65534, runAsGroup: 65534, seccompProfile: { type: 'RuntimeDefault' } },
    containers: [
      {
        name: 'probe',
        image,
        imagePullPolicy: 'IfNotPresent',
        command: ['node', '-e', server, String(serverPort)],
        ports: [{ name: 'http', containerPort: serverPort }],
        readinessProbe: { tcpSocket: { port: serverPort }, periodSeconds: 1 },
        securityContext: { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } },
      },
    ],
  },
})

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
