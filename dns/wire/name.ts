// Domain names: as labels, as text, as octets. A name is never joined with dots to be looked up: a label may hold a dot itself.

/** Labels, leftmost first, one latin1 character an octet. The root is `[]`. */
export type Name = readonly string[]

/** RFC 1035 §2.3.4: octets of a name on the wire, lengths and the closing zero included. */
const MOST_NAME_BYTES = 255
const MOST_LABEL_BYTES = 63

/** A name of plain labels, `web.shop.svc.clusterset.local` with or without the last dot. For our own text, not for what came over the wire. */
export const nameOf = (text: string): Name => text.split('.').filter((label) => label !== '')

/** As a zone file writes it; odd octets as `\DDD` (RFC 1035 §5.1). */
export function nameText(name: Name): string {
  const plain = name.map((label) =>
    label.replaceAll(/[^-!#-'*-,/-:<=>?A-Z[\]^-~]/g, (c) => `\\${String(c.charCodeAt(0)).padStart(3, '0')}`),
  )
  return `${plain.join('.')}.`
}

/** The labels of `name` left of `zone`, in lower case; undefined when it lies elsewhere. `zone` is in lower case. */
export function below(zone: Name, name: Name): Name | undefined {
  const cut = name.length - zone.length
  if (cut < 0 || !zone.every((label, i) => label === name[cut + i]?.toLowerCase())) return undefined
  return name.slice(0, cut).map((label) => label.toLowerCase())
}

/** Whether the name can be written on the wire at all. */
export const fits = (name: Name): boolean =>
  name.every((label) => label.length > 0 && label.length <= MOST_LABEL_BYTES) && wireLength(name) <= MOST_NAME_BYTES

export const wireLength = (name: Name): number => name.reduce((sum, label) => sum + label.length + 1, 1)

/** Where the uncompressed name that starts at `at` ends; undefined when it is cut off, too long, or not plain labels. */
export function nameEnd(bytes: Uint8Array, at: number): number | undefined {
  for (let i = at; ;) {
    const length = bytes[i]
    if (length === undefined || length > MOST_LABEL_BYTES) return undefined
    i += length + 1
    if (i > bytes.length || i - at > MOST_NAME_BYTES) return undefined
    if (length === 0) return i
  }
}

/** The name at `at`. Precondition: `nameEnd` found its end. */
export function readName(bytes: Buffer, at: number): Name {
  const labels: string[] = []
  for (let i = at, length = bytes[i] ?? 0; length !== 0; i += length + 1, length = bytes[i] ?? 0)
    labels.push(bytes.toString('latin1', i + 1, i + 1 + length))
  return labels
}
