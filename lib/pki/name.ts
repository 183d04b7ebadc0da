// Distinguished names (X.501), as much as our subjects say.
import { oid, sequence, set, utf8String } from './der.ts'

export type Name = { readonly commonName: string; readonly organization?: string }

/** Each at most 64 characters (RFC 5280 appendix A.1). */
export const name = ({ commonName, organization }: Name): Buffer =>
  sequence(
    ...(organization === undefined ? [] : [attribute('2.5.4.10', organization)]),
    attribute('2.5.4.3', commonName.slice(0, 64)),
  )

const attribute = (type: string, value: string): Buffer => set(sequence(oid(type), utf8String(value)))
