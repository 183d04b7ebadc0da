// A small clusterset as the DNS server sees it: builders that make an import or a slice one line of a test.
import { headlessNames } from '#dns/headless.ts'
import type { Slice } from '#dns/pods.ts'
import type { Service, Settings } from '#dns/records.ts'
import { serviceName, virtualNames } from '#dns/records.ts'
import type { Node } from '#dns/tree.ts'
import { nameOf } from '#dns/wire/name.ts'
import type { GrowingZone } from '#dns/zone.ts'
import { growingZone } from '#dns/zone.ts'

type Ports = readonly { readonly name?: string; readonly protocol?: string; readonly port: number }[]

export const virtual = (name: string, ips: readonly string[], ports: Ports = []): Service => ({
  metadata: { name, namespace: 'shop' },
  spec: { type: 'ClusterSetIP', ips, ports },
})

export const headless = (name: string): Service => ({
  metadata: { name, namespace: 'shop' },
  spec: { type: 'Headless', ports: [] },
})

/** An endpoint from text: `10.1.2.3`, `db-0 10.1.2.3`, or with ` unready` behind it. */
export function slice(cluster: string, endpoints: readonly string[], ports: Ports = []): Slice {
  return {
    metadata: { labels: { 'multicluster.kubernetes.io/source-cluster': cluster } },
    addressType: endpoints.some((text) => text.includes(':')) ? 'IPv6' : 'IPv4',
    ports,
    endpoints: endpoints.map((text) => {
      const words = text.split(' ').filter((word) => word !== 'unready')
      const [address = '', hostname] = words.reverse()
      return {
        addresses: [address],
        ...(hostname === undefined ? {} : { hostname }),
        ...(text.endsWith(' unready') ? { conditions: { ready: false } } : {}),
      }
    }),
  }
}

const pg: Ports = [{ name: 'pg', protocol: 'TCP', port: 5432 }]

/** Headless services of every sort that answers differ by: host names and none, one for two pods, IPv6, nobody ready, nobody at all. */
export const headlessServices: readonly (readonly [Service, ...slices: readonly Slice[]])[] = [
  [headless('db'), slice('c-a', ['db-0 10.1.2.4', '10.1.2.3', 'db-9 10.1.2.9 unready'], pg), slice('c-b', ['db-0 10.2.0.4'], pg)],
  [headless('many'), slice('c-a', ['m-0 10.1.3.1', 'm-0 10.1.3.2'], pg)],
  [headless('six-pods'), slice('c-a', ['fd00:1::', 'p-1 fd00:1::2'], pg)],
  [headless('asleep'), slice('c-a', ['a-0 10.1.4.1 unready'], pg)],
  [headless('void')],
]

/** The names right below. */
export function* childrenOf({ children }: Node): Generator<readonly [string, Node]> {
  for (const label of children.keys()) {
    const child = children.get(label)
    if (child !== undefined) yield [label, child]
  }
}

export const zoneName = nameOf('clusterset.local')

/** The tree whose root is the service's own name; undefined where it must not exist. */
export function serviceTree(service: Service, slices: readonly Slice[], settings: Settings): Node | undefined {
  const root = serviceName(service, settings)
  if (root === undefined || service.spec?.type !== 'Headless') return root && virtualNames(service, root, settings)
  const names = headlessNames(root, settings.ttl)
  for (const [i, one] of slices.entries()) names.put(String(i), one)
  return names.node
}

/** A synced zone with the namespace `shop` and these services in it. */
export function zoneOf(services: readonly (readonly [Service, ...slices: readonly Slice[]])[]): GrowingZone {
  const zone = emptyZone()
  zone.setNamespace('shop', 'present')
  for (const [service, ...slices] of services)
    zone.setService('shop', service.metadata.name, serviceTree(service, slices, { zone: zoneName, ttl: 5 }))
  zone.markSynced()
  return zone
}

export const emptyZone = (): GrowingZone => growingZone({ zone: zoneName, ttl: 5, addresses: ['10.96.0.53'], serial: 1 })
