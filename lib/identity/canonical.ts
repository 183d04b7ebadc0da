// The bytes that a signature is over. Two parties that hold the same values must come to the same bytes, and no two different values
// may share them: JSON with sorted keys (the part of RFC 8785 that strings, integers and their nesting need), behind a length-prefixed
// context, so that a signature made for one purpose is never one for another.

export type Canonical = string | number | boolean | readonly Canonical[] | { readonly [key: string]: Canonical | undefined }

/** `context` names the purpose and its version, such as `tombolo.dev/join/v1`. Throws for numbers that JSON writes in more than one way. */
export function canonicalBytes(context: string, value: Canonical): Buffer {
  return Buffer.from(`${Buffer.byteLength(context)}:${context}${write(value)}`)
}

function write(value: Canonical): string {
  if (typeof value === 'number' && !Number.isSafeInteger(value)) throw new TypeError(`${value} is no safe integer`)
  if (typeof value !== 'object') return JSON.stringify(value)
  if (isList(value)) return `[${value.map(write).join(',')}]`
  const fields = Object.entries(value).filter((field): field is [string, Canonical] => field[1] !== undefined)
  const sorted = fields.toSorted(([a], [b]) => (a < b ? -1 : 1))
  return `{${sorted.map(([key, of]) => `${JSON.stringify(key)}:${write(of)}`).join(',')}}`
}

const isList = (value: object): value is readonly Canonical[] => Array.isArray(value)
