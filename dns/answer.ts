// A question → its answer, as records. Pure: everything that DNS says about which names exist, and nothing about bytes.
import { below } from './wire/name.ts'
import type { Name } from './wire/name.ts'
import type { Rcode } from './wire/codes.ts'
import { classes, types } from './wire/codes.ts'
import type { Sections } from './wire/encode.ts'
import type { ResourceRecord } from './wire/record.ts'
import type { Zone } from './zone.ts'

export type Question = { readonly name: Name; readonly type: number; readonly class: number }

export type Answer = Sections & { readonly rcode: Rcode; readonly authoritative: boolean }

export function answer(zone: Zone, question: Question): Answer {
  const path = below(zone.name, question.name)
  if (question.class !== classes.IN || path === undefined) return refusal('REFUSED')
  if (question.type === types.AXFR || question.type === types.IXFR) return refusal('REFUSED')
  // A "no" before everything was heard would be remembered by resolvers long after it became wrong.
  if (!zone.synced) return refusal('SERVFAIL')

  const node = zone.find(path)
  if (node === undefined) return negative(zone, 'NXDOMAIN')
  // RFC 8482: one kind of record is enough of an answer to ANY.
  const type = question.type === types.ANY ? node.entries[0]?.data.type : undefined
  const answers = node.entries
    .filter(({ data }) => (type === undefined ? types[data.type] === question.type : data.type === type))
    .map((entry): ResourceRecord => ({ name: question.name, ...entry }))
  if (answers.length === 0) return negative(zone, 'NOERROR')
  return { rcode: 'NOERROR', authoritative: true, answers, authority: [], additional: addressesOf(zone, answers) }
}

/** The whole error: no records, and no claim to know the name. */
const refusal = (rcode: Rcode): Answer => ({ rcode, authoritative: false, answers: [], authority: [], additional: [] })

/** "No such name" and "no such record" differ in the code alone; the SOA says for how long that may be remembered (RFC 2308). */
const negative = (zone: Zone, rcode: 'NXDOMAIN' | 'NOERROR'): Answer => ({
  rcode,
  authoritative: true,
  answers: [],
  authority: [{ name: zone.name, ...zone.soa() }],
  additional: [],
})

/** The addresses of the names that the answers point at: saves the asker a question. */
function addressesOf(zone: Zone, answers: readonly ResourceRecord[]): readonly ResourceRecord[] {
  const targets = answers.flatMap(({ data }) => (data.type === 'SRV' ? [data.target] : data.type === 'NS' ? [data.server] : []))
  const once = new Map(targets.map((target) => [target.join('.'), target]))
  return [...once.values()].flatMap((name) =>
    (zone.find(below(zone.name, name) ?? []) ?? { entries: [] }).entries
      .filter(({ data }) => data.type === 'A' || data.type === 'AAAA')
      .map((entry): ResourceRecord => ({ name, ...entry })),
  )
}
