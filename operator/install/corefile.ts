// The cluster DNS's Corefile, as much of its grammar as we need: the one block of ours is put in, recognised, and taken out again so that
// what is left is what was there; and where a zone is sent to is read.

// Each block begins with a newline of its own, so that taking it out also restores a Corefile that ended without one.
const first = '# tombolo: begin, kept by the tombolo operator'
const last = '# tombolo: end'
const kept = '# tombolo: kept by the tombolo operator'

/**
 * The Corefile with `zone` forwarded to our DNS server. Wiring twice, or to another address, leaves one block. No cache in it: our answers
 * are served from memory. Undefined where somebody else has a block for the zone: CoreDNS starts with no two.
 */
export function wire(corefile: string, zone: string, server: string): string | undefined {
  const others = unwire(corefile)
  if (forwardersOf(others, zone) !== undefined) return undefined
  return `${others}\n${first}\n${blockOf(zone, server)}${last}\n`
}

/** A file of its own with that block, for a cluster DNS that imports such files. */
export const serverFile = (zone: string, server: string): string => `${kept}\n${blockOf(zone, server)}`

/** As `forwardersOf`, in all that the cluster DNS reads: the Corefile, and the files that it imports, by name. */
export function zoneForwarders(
  corefile: string,
  files: Readonly<Record<string, string>>,
  zone: string,
): readonly string[] | undefined {
  return [corefile, ...Object.values(serversOf(corefile, files))]
    .map((text) => forwardersOf(text, zone))
    .find((found) => found !== undefined)
}

/** Those of the files that hold server blocks which are read. */
const serversOf = (corefile: string, files: Readonly<Record<string, string>>): Readonly<Record<string, string>> =>
  importsServers(corefile) ? Object.fromEntries(Object.entries(files).filter(([name]) => name.endsWith('.server'))) : {}

const blockOf = (zone: string, server: string): string => `${zone}:53 {\n    errors\n    forward . ${server}\n}\n`

/**
 * Whether server blocks are read from other files too: `import custom/*.server` outside of any block, as on AKS, DigitalOcean and k3s. There
 * the Corefile is the provider's, who writes it anew, and blocks of others belong into the ConfigMap coredns-custom, one file a key.
 */
export function importsServers(corefile: string): boolean {
  let depth = 0
  for (const words of linesOf(corefile)) {
    if (depth === 0 && words[0] === 'import' && words[1]?.endsWith('custom/*.server') === true) return true
    depth += deeper(words)
  }
  return false
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
  for (const words of linesOf(corefile)) {
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
    depth += deeper(words)
  }
  return found
}

/** The words of each line, without comments. */
const linesOf = (corefile: string): readonly (readonly string[])[] =>
  corefile.split('\n').map((line) => line.replace(/#.*$/, '').trim().split(/\s+/).filter(Boolean))

const deeper = (words: readonly string[]): number =>
  words.filter((word) => word === '{').length - words.filter((word) => word === '}').length

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
