// The second net: what looks like a secret is struck out of everything that goes into a bundle, should it stand where no secret
// belongs, such as in a log or in a message. The first net is the list of what is taken at all.

const mark = '[redacted]'

/** WireGuard keys of both kinds look the same: those that are `known` to be public stay. */
export function redact(text: string, known: ReadonlySet<string> = new Set()): string {
  return text
    .replaceAll(/-----BEGIN [A-Z0-9 ]+-----[^]*?(?:-----END [A-Z0-9 ]+-----|$)/g, mark)
    .replaceAll(/\b(Bearer|Basic)\s+[^\s"',;]+/gi, `$1 ${mark}`)
    .replaceAll(/\beyJ[\w-]{6,}\.[\w-]{4,}(?:\.[\w-]*)?/g, mark)
    .replaceAll(named, (_, name: string, between: string) => `${name}${between}${mark}`)
    .replaceAll(/(?<=:\/\/)[^\s/@:]+:[^\s/@]+(?=@)/g, mark)
    .replaceAll(/(?<![A-Za-z0-9+/])[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=(?!=)/g, (key) => (known.has(key) ? key : mark))
    .replaceAll(/(?<![A-Za-z0-9+/=_-])[A-Za-z0-9+/_-]{80,}={0,2}/g, mark)
    .replaceAll(/(?<![a-z0-9.-])[a-z0-9]{6}\.[a-z0-9]{16}(?![a-z0-9.-])/g, mark)
}

/** `password: x`, `"token":"x"`, `psk=x`, also with the quotes of JSON within JSON. */
const named =
  /\b(\w*(?:token|password|passwd|secret|psk|private[-_ ]?key|pre[-_ ]?shared[-_ ]?key|api[-_ ]?key|authorization|credentials?))(\\?["']?\s*[:=]\s*\\?["']?)(?!\[redacted\])[^\s"',}\\]+/gi
