// Comparing what we want with what is there, so that nothing is written when nothing changes.

/**
 * True when `have` lacks something of `want`. Of a map every wanted entry must be there and others may be too, since the API server
 * adds defaults and other writers their fields; a list must have the same length and order, and its elements obey the same rule.
 * A wanted `undefined` wants nothing.
 */
export function differs(want: unknown, have: unknown): boolean {
  if (want === undefined || Object.is(want, have)) return false
  if (Array.isArray(want)) {
    return !Array.isArray(have) || want.length !== have.length || want.some((element, i) => differs(element, have[i]))
  }
  if (!isMap(want) || !isMap(have)) return true
  return Object.entries(want).some(([field, value]) => differs(value, have[field]))
}

/** Equal as JSON: neither has what the other lacks. */
export const same = (a: unknown, b: unknown): boolean => !differs(a, b) && !differs(b, a)

const isMap = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
