// The one block of ours in the cluster DNS's Corefile: put in, recognised, and taken out again so that what is left is what was there.

// Each block begins with a newline of its own, so that taking it out also restores a Corefile that ended without one.
const first = '# tombolo: begin, kept by the tombolo operator'
const last = '# tombolo: end'

/** The Corefile with `zone` forwarded to our DNS server. Wiring twice, or to another address, leaves one block. No cache in it: our answers are served from memory. */
export function wire(corefile: string, zone: string, server: string): string {
  return `${unwire(corefile)}\n${first}\n${zone}:53 {\n    errors\n    forward . ${server}\n}\n${last}\n`
}

/** The Corefile as it was before `wire`, byte for byte; one without our block as it is. */
export function unwire(corefile: string): string {
  const from = corefile.indexOf(`\n${first}\n`)
  const end = corefile.indexOf(`\n${last}\n`, from)
  // A block without its end was edited by somebody: it is theirs now, and cutting on a guess could take their lines with it.
  return from === -1 || end === -1 ? corefile : corefile.slice(0, from) + corefile.slice(end + last.length + 2)
}
