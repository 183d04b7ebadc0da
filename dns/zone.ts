// The zone as a whole: the fixed names at its top, and below `svc` the namespaces with their services, replaced one by one as they change.
import type { Entry, Node } from './tree.ts'
import { find, tree } from './tree.ts'
import { formatIP, parseIP } from '#lib/net/ip.ts'
import type { Name } from './wire/name.ts'
import type { Data } from './wire/record.ts'

/** What answering needs of it. */
export interface Zone {
  /** Labels in lower case. */
  readonly name: Name
  /** False until everything was heard once: until then nobody may be told that a name does not exist. */
  readonly synced: boolean
  /** Of the SOA: another one whenever an answer might be. */
  readonly serial: number
  /** `path` is relative to the zone, in lower case. */
  find(path: Name): Node | undefined
  /** What says whether an answer about `path` still holds: of its service, or of the whole zone for a name outside of services. */
  stampOf(path: Name): Stamp
  /** Goes with every "no". */
  soa(): Entry
}

/** Its version is another one whenever an answer might be. It is looked at again, not asked for again: what has gone has changed too. */
export type Stamp = { readonly version: number }

/** The writing end: for one follower (follow.ts). */
export interface GrowingZone extends Zone {
  /** Puts, replaces or (undefined) removes all names of one service. */
  setService(namespace: string, name: string, names: Node | undefined): void
  /** Namespaces exist without services too. */
  setNamespace(namespace: string, state: 'present' | 'gone'): void
  markSynced(): void
}

export type ZoneSettings = {
  readonly zone: Name
  /** Seconds, also for how long a "no" may be remembered. */
  readonly ttl: number
  /** Where this server is reached: the addresses of its NS name. */
  readonly addresses: readonly string[]
  /** The first serial number; every change adds one. */
  readonly serial: number
}

/** KEP-1645: which version of the DNS specification the names follow. It holds for as long as the program runs. */
const VERSION = { ttl: 28_800, data: { type: 'TXT', text: '1.0.0' } } as const satisfies Entry

export function growingZone(settings: ZoneSettings): GrowingZone {
  const { zone: name, ttl } = settings
  const namespaces = new Map<string, Namespace>()
  let version = 0
  let synced = false

  const entry = (data: Data): Entry => ({ ttl, data })
  const serial = () => (settings.serial + version) >>> 0
  const server = ['ns', 'dns', ...name]
  const soa = () =>
    entry({
      type: 'SOA',
      server,
      mailbox: ['hostmaster', ...name],
      serial: serial(),
      refresh: 7200,
      retry: 1800,
      expire: 86_400,
      minimum: ttl,
    })
  const fixed = tree([
    [['dns-version'], VERSION],
    [['ns', 'dns'], ...settings.addresses.flatMap(glue).map(entry)],
  ])
  const whole: Stamp = {
    get version() {
      return version
    },
  }
  const root: Node = {
    get entries() {
      return [soa(), entry({ type: 'NS', server })]
    },
    children: new Map([...fixed.children, ['svc', { entries: [], children: namespaces }]]),
  }

  /** A namespace exists while it is there or has services: the two are watched apart and either may come first. */
  function change(key: string, how: (namespace: Namespace) => void): void {
    const namespace: Namespace = namespaces.get(key) ?? { entries: [], children: new Map(), stamps: new Map(), present: false }
    how(namespace)
    if (namespace.present || namespace.children.size > 0) namespaces.set(key, namespace)
    else namespaces.delete(key)
    version++
  }

  return {
    name,
    get synced() {
      return synced
    },
    get serial() {
      return serial()
    },
    find: (path) => find(root, path),
    stampOf: (path) => {
      const [service = '', namespace = '', svc] = path.slice(-3)
      return (svc === 'svc' ? namespaces.get(namespace)?.stamps.get(service) : undefined) ?? whole
    },
    soa,
    setService: (namespace, service, names) =>
      change(namespace, ({ children, stamps }) => {
        const stamp = stamps.get(service) ?? { version: 0 }
        stamp.version++
        if (names === undefined) {
          children.delete(service)
          stamps.delete(service)
        } else {
          children.set(service, names)
          stamps.set(service, stamp)
        }
      }),
    setNamespace: (namespace, state) =>
      change(namespace, (it) => {
        it.present = state === 'present'
      }),
    markSynced: () => {
      synced = true
      version++
    },
  }
}

type Namespace = {
  readonly entries: readonly []
  readonly children: Map<string, Node>
  /** Of the services, by name. */
  readonly stamps: Map<string, { version: number }>
  present: boolean
}

function glue(address: string): readonly Data[] {
  const ip = parseIP(address)
  return ip.ok ? [{ type: ip.value.family === 'IPv4' ? 'A' : 'AAAA', address: formatIP(ip.value) }] : []
}
