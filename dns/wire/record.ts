// Resource records as values, and as the text of a zone file.
import type { Name } from './name.ts'
import { nameText } from './name.ts'

/** What a record says. Addresses are canonical text (lib/net/ip.ts); every name `fits`. */
export type Data =
  | { readonly type: 'A' | 'AAAA'; readonly address: string }
  | { readonly type: 'SRV'; readonly priority: number; readonly weight: number; readonly port: number; readonly target: Name }
  | { readonly type: 'TXT'; readonly text: string }
  | { readonly type: 'NS'; readonly server: Name }
  | {
      readonly type: 'SOA'
      readonly server: Name
      readonly mailbox: Name
      readonly serial: number
      readonly refresh: number
      readonly retry: number
      readonly expire: number
      /** How long "there is no such thing" may be remembered, in seconds (RFC 2308). */
      readonly minimum: number
    }

/** `ttl` is in seconds; the class is always IN. */
export type ResourceRecord = { readonly name: Name; readonly ttl: number; readonly data: Data }

/** `web.shop.svc.clusterset.local. 5 IN A 10.42.0.7` */
export const recordText = ({ name, ttl, data }: ResourceRecord): string =>
  `${nameText(name)} ${ttl} IN ${data.type} ${dataText(data)}`

function dataText(data: Data): string {
  switch (data.type) {
    case 'A':
    case 'AAAA':
      return data.address
    case 'SRV':
      return `${data.priority} ${data.weight} ${data.port} ${nameText(data.target)}`
    case 'TXT':
      return JSON.stringify(data.text)
    case 'NS':
      return nameText(data.server)
    case 'SOA': {
      const { server, mailbox, serial, refresh, retry, expire, minimum } = data
      return [nameText(server), nameText(mailbox), serial, refresh, retry, expire, minimum].join(' ')
    }
  }
}
