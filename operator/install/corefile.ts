// The cluster DNS's Corefile, as much of its grammar as we need: the one block of ours is put in, recognised, and taken out again so that
// what is left is what was there; and where a zone is sent to is read.

// Each block begins with a newline of its own, so that taking it out also restores a Corefile that ended without one.
const first = '# tombolo: begin, kept by the tombolo operator'
const last = '# tombolo: end'

/**
 * The Corefile with `zone` forwarded to our DNS server. Wiring twice, or to another address, leaves one block. No cache in it: our answers
 * are served from memory. Undefined where somebody else has a block for the zone: CoreDNS starts with no two.
 */
export function wire(corefile: string, zone: string, server: string): string | undefined {
  const others = unwire(corefile)
  if (forwardersOf(others, zone) !== undefined) return undefined
  return `${others}\n${first}\n${zone}:53 {\n    errors\n    forward . ${server}\n}\n${last}\n`
}

/** The Corefile as it was before `wire`, byte for byte; one without our block as it is. */
export function unwire(corefile: string): string {
  // The last beginning: one before it that lost its end was edited by somebody. It is theirs now, and so is all that follows it: cutting
  // on a guess could take their lines with it.
  const from = corefile.lastIndexOf(`\n${first}\n`)
  const end = corefile.indexOf(`\n${last}\n`, from)
  return from === -1 || end === -1 ? corefile : corefile.slice(0, from) + corefile.slice(end + last.length + 2)
}

/** The upstreams of the server block for `zone`; undefined when no block is for exactly this zone, empty when it forwards nowhere. */
export function forwardersOf(corefile: string, zone: string): readonly string[] | undefined {
  let depth = 0
  let inside = false
  let found: string[] | undefined
  for (const line of corefile.split('\n')) {
    const words = line.replace(/#.*$/, '').trim().split(/\s+/).filter(Boolean)
    if (depth === 0 && words.at(-1) === '{') {
      inside = words.slice(0, -1).some((name) => zoneOf(name) === zone)
      if (inside) found ??= []
    } else if (depth === 1 && inside && words[0] === 'forward') {
      found?.push(
        ...words
          .slice(2)
          .filter((word) => word !== '{')
          .map(hostOf),
      )
    }
    depth += words.filter((word) => word === '{').length - words.filter((word) => word === '}').length
  }
  return found
}

/** `dns://clusterset.local.:53` is the zone clusterset.local. */
const zoneOf = (name: string): string =>
  name
    .replace(/^[a-z]+:\/\//, '')
    .replace(/,$/, '')
    .replace(/:\d+$/, '')
    .replace(/\.$/, '')

/** `10.0.0.9:53`, `[fd00::9]:53` or a bare address. */
function hostOf(upstream: string): string {
  const text = upstream.replace(/^[a-z]+:\/\//, '')
  return /^\[(.*)\](:\d+)?$/.exec(text)?.[1] ?? (/^[^:]+:\d+$/.test(text) ? text.replace(/:\d+$/, '') : text)
}
