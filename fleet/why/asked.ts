// What a person asks: may this pod reach that service, pod or address, and on which port.
import { clustersetZone } from '#crds/places.ts'
import { parseIP } from '#lib/net/ip.ts'
import type { Result } from '#lib/std/result.ts'
import { invalid, ok } from '#lib/std/result.ts'

export type PodKey = { readonly namespace: string; readonly name: string }

export type Destination =
  | { readonly kind: 'service'; readonly namespace: string; readonly name: string }
  | { readonly kind: 'pod'; readonly cluster: string; readonly namespace: string; readonly name: string }
  | { readonly kind: 'address'; readonly address: string }

export type Asked = { readonly source: PodKey; readonly destination: Destination; readonly port: number | undefined }

const label = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/
/** Pods may have dots in their names. */
const podName = /^[a-z0-9]([-.a-z0-9]{0,251}[a-z0-9])?$/

/** `shop/client`, `pod/client` or `client`; the last two in `namespace`. */
export function parseSource(text: string, namespace: string): Result<PodKey> {
  const [first = '', second, ...more] = text.split('/')
  const key = second === undefined || first === 'pod' ? { namespace, name: second ?? first } : { namespace: first, name: second }
  return more.length === 0 && label.test(key.namespace) && podName.test(key.name)
    ? ok(key)
    : invalid('source', text, 'NAMESPACE/POD, or pod/NAME with -n NAMESPACE')
}

/** `web.shop`, its whole name, an address, or `CLUSTER/NAMESPACE/POD`; each with `:80` behind it, an IPv6 address then in brackets. */
export function parseDestination(text: string): Result<Pick<Asked, 'destination' | 'port'>> {
  const bracketed = /^\[(.*)\](?::(\d+))?$/.exec(text)
  const ported = bracketed ?? (text.split(':').length > 2 ? [text, text, undefined] : /^([^:]*)(?::(\d+))?$/.exec(text))
  const [, host = '', digits] = ported ?? []
  const port = digits === undefined ? undefined : Number(digits)
  const destination = destinationOf(host)
  if (destination === undefined || (port !== undefined && (port < 1 || port > 65_535)))
    return invalid(
      'destination',
      text,
      `SERVICE.NAMESPACE, SERVICE.NAMESPACE.svc.${clustersetZone}, an IP, or CLUSTER/NAMESPACE/POD, with :PORT if need be`,
    )
  return ok({ destination, port })
}

function destinationOf(host: string): Destination | undefined {
  if (parseIP(host).ok) return { kind: 'address', address: host }
  const path = host.split('/')
  if (path.length === 3) {
    const [cluster = '', namespace = '', name = ''] = path
    return label.test(cluster) && label.test(namespace) && podName.test(name)
      ? { kind: 'pod', cluster, namespace, name }
      : undefined
  }
  const short = host.replace(new RegExp(`\\.svc\\.${clustersetZone.replace('.', '\\.')}\\.?$`), '')
  const [name = '', namespace = '', ...more] = short.split('.')
  return more.length === 0 && label.test(name) && label.test(namespace) ? { kind: 'service', namespace, name } : undefined
}
