// The floor of propagation: what any design of this shape costs on these apiservers. It carries the endpoints of EndpointSlices from
// one cluster to another by way of the broker, one after the other, and does nothing else: watch, write, watch, write.
import type { Kube } from '#lib/kube/client.ts'
import type { EndpointSlice } from '#lib/kube/kinds.ts'
import { configMaps, endpointSlices } from '#lib/kube/kinds.ts'
import type { Where } from '#lib/kube/object.ts'
import { keyOf } from '#lib/kube/object.ts'
import { watch } from '#lib/kube/watch.ts'

export type RelayWay = { readonly from: Kube; readonly broker: Kube; readonly to: Kube; readonly where: Where }

/** Until `signal` aborts. The slices must be there on both sides, and at the broker ConfigMaps of their names: `where` selects all three. */
export async function relay({ from, broker, to, where }: RelayWay, signal: AbortSignal): Promise<void> {
  const up = async () => {
    for await (const event of watch(from, endpointSlices, where, signal))
      if (event.type === 'put') {
        const data = { endpoints: JSON.stringify(event.object.endpoints ?? []) }
        await broker.patch(configMaps, keyOf(event.object), { data }, {}, signal)
      }
  }
  const down = async () => {
    for await (const event of watch(broker, configMaps, where, signal))
      if (event.type === 'put') {
        const endpoints = JSON.parse(event.object.data?.endpoints ?? '[]') as EndpointSlice['endpoints']
        await to.patch(endpointSlices, keyOf(event.object), { endpoints }, {}, signal)
      }
  }
  await Promise.all([up(), down()])
}
