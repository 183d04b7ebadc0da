// To where a Corefile forwards a zone. As much of its grammar as that needs: server blocks, their names, and the plugin `forward`.

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
