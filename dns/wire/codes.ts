// The protocol's numbers (IANA "Domain Name System Parameters") that we ever look at.

export const types = { A: 1, NS: 2, SOA: 6, TXT: 16, AAAA: 28, SRV: 33, OPT: 41, IXFR: 251, AXFR: 252, ANY: 255 } as const
export const classes = { IN: 1 } as const
export const opcodes = { QUERY: 0 } as const

export const rcodes = { NOERROR: 0, FORMERR: 1, SERVFAIL: 2, NXDOMAIN: 3, NOTIMP: 4, REFUSED: 5, BADVERS: 16 } as const
export type Rcode = keyof typeof rcodes

/** Bits of the header's second 16 (RFC 1035 §4.1.1, RFC 4035 §3). */
export const flags = { QR: 0x8000, AA: 0x0400, TC: 0x0200, RD: 0x0100, CD: 0x0010 } as const

export const HEADER_BYTES = 12
