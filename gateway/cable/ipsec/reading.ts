// What charon says of connections, sessions and children, as plain facts.
import type { Section } from '#lib/host/vici/message.ts'
import { listOf, sectionOf, sectionsOf, textOf } from '#lib/host/vici/message.ts'
import { addressText } from '../driver.ts'
import type { Selectors } from './connection.ts'

export type FoundConnection = {
  readonly name: string
  readonly addresses: readonly string[]
  readonly children: ReadonlyMap<string, Selectors>
}

/** One pair of ESP sessions (RFC 7296 calls it CHILD_SA). */
export type ChildState = Selectors & {
  readonly id: string
  readonly name: string
  readonly state: string
  /** Both SPIs, in an order that both ends see alike. */
  readonly spis: string
  readonly ageSeconds: number
  readonly rxBytes: number
  readonly txBytes: number
}

/** An IKE_SA. */
export type SessionState = {
  readonly id: string
  /** Of the connection it was made for. */
  readonly connection: string
  readonly state: string
  /** Chosen by who began it, and seen by both. */
  readonly spi: string
  readonly ageSeconds: number
  readonly address: string
  /** A child is being agreed on. */
  readonly busy: boolean
  readonly children: readonly ChildState[]
}

/** From a `list-conn` event. */
export const connectionsIn = (event: Section): readonly FoundConnection[] =>
  sectionsOf(event).map(([name, section]) => ({
    name,
    addresses: listOf(section, 'remote_addrs'),
    children: new Map(sectionsOf(sectionOf(section, 'children')).map(([child, of]) => [child, selectorsIn(of)])),
  }))

/** From a `list-sa` event. */
export const sessionsIn = (event: Section): readonly SessionState[] =>
  sectionsOf(event).map(([connection, section]) => ({
    id: textOf(section, 'uniqueid') ?? '',
    connection,
    state: textOf(section, 'state') ?? '',
    spi: textOf(section, 'initiator-spi') ?? '',
    ageSeconds: numberIn(section, 'established'),
    address: addressText({ address: textOf(section, 'remote-host') ?? '', port: numberIn(section, 'remote-port') }),
    busy: ['tasks-queued', 'tasks-active', 'tasks-passive'].some((tasks) => listOf(section, tasks).includes('CHILD_CREATE')),
    children: sectionsOf(sectionOf(section, 'child-sas')).map(([, child]) => childIn(child)),
  }))

/** By the SPIs of what is in the kernel. */
export const isLost =
  (there: ReadonlySet<string>) =>
  ({ state, spis }: ChildState): boolean =>
    state === 'INSTALLED' && !spis.split(' ').every((spi) => there.has(spi))

/** `before`: what was listed before the kernel was read, so that what came since is not missed there. */
export function withLost(
  sessions: readonly SessionState[],
  there: ReadonlySet<string>,
  before: readonly SessionState[],
): readonly SessionState[] {
  const lost = new Set(before.flatMap((s) => s.children.filter(isLost(there)).map(({ id }) => id)))
  const state = (child: ChildState) => (child.state === 'INSTALLED' && lost.has(child.id) ? 'LOST' : child.state)
  return sessions.map((s) => ({ ...s, children: s.children.map((child) => ({ ...child, state: state(child) })) }))
}

const childIn = (section: Section): ChildState => ({
  ...selectorsIn(section),
  id: textOf(section, 'uniqueid') ?? '',
  name: textOf(section, 'name') ?? '',
  state: textOf(section, 'state') ?? '',
  spis: [textOf(section, 'spi-in') ?? '', textOf(section, 'spi-out') ?? ''].toSorted().join(' '),
  ageSeconds: numberIn(section, 'install-time'),
  rxBytes: numberIn(section, 'bytes-in'),
  txBytes: numberIn(section, 'bytes-out'),
})

const selectorsIn = (section: Section): Selectors => ({
  local: listOf(section, 'local-ts').toSorted(),
  remote: listOf(section, 'remote-ts').toSorted(),
})

const numberIn = (section: Section, key: string): number => Number(textOf(section, key) ?? 0)
