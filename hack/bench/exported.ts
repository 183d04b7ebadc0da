// What benches export: Services whose endpoints are the bench's to write, and who asks for them.
import { serviceExport } from '#crds/service-export.ts'
import type { Kube } from '#lib/kube/client.ts'
import type { EndpointSlice, Service } from '#lib/kube/kinds.ts'
import { endpointSlices, pods, services } from '#lib/kube/kinds.ts'
import type { Key, KubeObject } from '#lib/kube/object.ts'
import { typeOf } from './kube.ts'
import { processesOf } from './processes.ts'

export const fieldManager = 'bench'

type Named = Required<Key>

export const exportOf = (key: Named): KubeObject => ({ ...typeOf(serviceExport), metadata: { ...key } })

export const serviceOf = (key: Named): Service => ({
  apiVersion: services.apiVersion,
  kind: services.kind,
  metadata: { ...key },
  // No selector: its endpoints are ours to write.
  spec: { ports: [{ name: 'http', port: 80, targetPort: 8080 }] },
})

export const sliceOf = (
  key: Named,
  addresses: readonly string[],
  labels: Readonly<Record<string, string>> = {},
): EndpointSlice => ({
  apiVersion: endpointSlices.apiVersion,
  kind: endpointSlices.kind,
  metadata: {
    ...key,
    labels: { 'kubernetes.io/service-name': key.name, 'endpointslice.kubernetes.io/managed-by': 'bench', ...labels },
  },
  addressType: 'IPv4',
  ports: [{ name: 'http', protocol: 'TCP', port: 8080 }],
  endpoints: endpointsAt(addresses),
})

export const endpointsAt = (addresses: readonly string[]) =>
  addresses.map((address) => ({ addresses: [address], conditions: { ready: true } }))

/** Of the pod in `cluster` that listens. */
export async function addressOfWeb(cluster: Kube, signal: AbortSignal): Promise<string> {
  const { items } = await cluster.list(pods, { namespace: 'shop', labels: 'app=web' }, signal)
  const address = items[0]?.status?.podIP
  if (address === undefined) throw new Error('no pod of shop/web runs in east')
  return address
}

/** Of the pod in `cluster` that asks. */
export async function pidOfClient(cluster: Kube, signal: AbortSignal): Promise<number> {
  const found = (await processesOf(cluster, { namespace: 'shop' }, signal)).find(
    ({ pod, role }) => pod === 'shop/client' && role === 'main',
  )
  if (found === undefined) throw new Error('pod shop/client does not run in west')
  return found.pid
}
