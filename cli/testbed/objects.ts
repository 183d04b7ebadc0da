// What a command makes in a cluster to try something out: a namespace, and pods on nodes of its choice. They run the image that the
// cluster runs anyway, so no foreign one has to be pulled.
import type { KubeObject } from '#lib/kube/object.ts'
import type { IPFamily } from '#lib/net/ip.ts'

/** Where a pod goes; `place` is also its name. */
export type Spot<Place extends string = string> = { readonly place: Place; readonly node: string }

/** A pod that runs. */
export type Probe<Place extends string = string> = Spot<Place> & { readonly addresses: readonly string[] }

export const families = ['IPv4', 'IPv6'] as const satisfies readonly IPFamily[]

type Addressed = Pick<Probe, 'addresses'>

export const addressOf = ({ addresses }: Addressed, family: IPFamily): string | undefined =>
  addresses.find((address) => address.includes(':') === (family === 'IPv6'))

/** The address of `to` in the first family that both pods have; undefined when they have none in common. */
export const addressFor = (from: Addressed, to: Addressed): string | undefined =>
  families.flatMap((family) => (addressOf(from, family) === undefined ? [] : (addressOf(to, family) ?? [])))[0]

/** What runs in every pod: a program for `node -e`, which is told the port to listen on. */
export type Program = { readonly text: string; readonly port: number }

/** The container of every pod. */
export const container = 'probe'

export const namespaceObject = (name: string): KubeObject => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } })

export const podObject = (
  namespace: string,
  { place, node }: Spot,
  image: string,
  { text, port }: Program,
  labels: Readonly<Record<string, string>>,
): KubeObject => ({
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
        name: container,
        image,
        imagePullPolicy: 'IfNotPresent',
        command: ['node', '-e', text, String(port)],
        ports: [{ name: 'probe', containerPort: port }],
        readinessProbe: { tcpSocket: { port }, periodSeconds: 1 },
        securityContext: { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } },
      },
    ],
  },
})
