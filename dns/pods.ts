// The ready pods of one slice. A clusterset may have hundreds of thousands of them, so they are kept packed, as one text of each slice.
import { mcsSourceClusterLabel } from '#crds/places.ts'
import { lastFew } from '#lib/std/last-few.ts'
import { pack, unpack } from '#lib/kube/packed-rows.ts'
import type { Address, Offer, Port } from './offers.ts'
import { addressOf, isLabel, offered } from './offers.ts'
import type { Name } from './wire/name.ts'
import { fits } from './wire/name.ts'

/** As much of an EndpointSlice as names are made of. Nothing in it is trusted to be well-formed: what is not makes no record. */
export type Slice = {
  readonly metadata: { readonly labels?: Readonly<Record<string, string>> }
  readonly addressType: string
  readonly ports?: readonly Port[]
  readonly endpoints?:
    | readonly {
        readonly addresses: readonly string[]
        readonly hostname?: string
        readonly conditions?: { readonly ready?: boolean }
      }[]
    | null
}

/** `path`: its name below the service's; undefined where that would be too long. All addresses are of one family, its slice's. */
export type Pod = {
  readonly path: Name | undefined
  readonly addresses: readonly Address[]
  readonly offers: readonly Offer[]
}

export interface Pods {
  readonly cluster: string
  /** Of their addresses. */
  readonly type: Address['type']
  /** Whether any has a name. */
  readonly named: boolean
  /** The names of the ports that each of those serves. */
  readonly ports: readonly Name[]
  list(): readonly Pod[]
  equals(other: Pods | undefined): boolean
}

/** `host`: where it says one. */
type Row = { readonly host?: string; readonly addresses: readonly string[] }

/** Of the service whose own name is `root`; undefined without one that takes traffic. Unknown readiness counts as ready. */
export function podsOf(slice: Slice, root: Name): Pods | undefined {
  const cluster = slice.metadata.labels?.[mcsSourceClusterLabel]?.toLowerCase() ?? ''
  if (!isLabel(cluster)) return undefined
  const types = new Set<Address['type']>()
  const rows = (slice.endpoints ?? []).flatMap(({ addresses, hostname, conditions }): readonly Row[] => {
    const usable = conditions?.ready === false ? [] : addresses.flatMap((address) => addressOf(address, slice.addressType))
    for (const { type } of usable) types.add(type)
    const host = hostname?.toLowerCase() ?? ''
    return usable.length === 0 ? [] : [{ ...(isLabel(host) ? { host } : {}), addresses: usable.map(({ address }) => address) }]
  })
  const [type] = types
  return type === undefined ? undefined : new PackedPods(cluster, type, rows, slice.ports ?? [], root)
}

/** A class, as there are thousands of them, and each function of an object's own has its price. */
class PackedPods implements Pods {
  readonly cluster: string
  readonly type: Address['type']
  readonly named: boolean
  readonly #served: readonly Port[]
  readonly #root: Name
  readonly #packed: string

  constructor(cluster: string, type: Address['type'], rows: readonly Row[], served: readonly Port[], root: Name) {
    this.cluster = cluster
    this.type = type
    this.#served = served
    this.#root = root
    this.#packed = pack(rows)
    this.named = rows.some((row) => fits([...pathOf(row, cluster), ...root]))
  }

  get ports(): readonly Name[] {
    const offers = this.named ? this.#served.flatMap((port) => offered(port, this.#root)) : []
    return offers.flatMap(({ path }) => (path !== undefined && fits([...path, ...this.#root]) ? [path] : []))
  }

  list(): readonly Pod[] {
    return listed(this)
  }

  /** For `listed` alone. */
  unpacked(): readonly Pod[] {
    const { cluster, type } = this
    return (unpack(this.#packed) as Row[]).map((row) => {
      const path = pathOf(row, cluster)
      const target = [...path, ...this.#root]
      return {
        path: fits(target) ? path : undefined,
        addresses: row.addresses.map((address) => ({ type, address })),
        offers: fits(target) ? this.#served.flatMap((port) => offered(port, target)) : [],
      }
    })
  }

  equals(other: PackedPods | undefined): boolean {
    return (
      this.cluster === other?.cluster &&
      this.type === other.type &&
      this.#packed === other.#packed &&
      JSON.stringify(this.#served) === JSON.stringify(other.#served)
    )
  }
}

/** An SRV record is answered with the addresses of its target, so those of a slice are looked at again and again. */
const listed = lastFew(48, (pods: PackedPods) => pods.unpacked())

const pathOf = ({ host, addresses: [first = ''] }: Row, cluster: string): Name => [host ?? hostOf(first), cluster]

/** The name of a pod that has none: its address with dashes. A label may neither begin nor end with one (`fd00::`). */
function hostOf(address: string): string {
  const dashed = address.replaceAll(/[.:]/g, '-')
  return `${dashed.startsWith('-') ? '0' : ''}${dashed}${dashed.endsWith('-') ? '0' : ''}`
}
