// Versions as Semantic Versioning 2.0.0 writes them, as far as ours go.

export type Version = { readonly major: number; readonly minor: number; readonly patch: number; readonly pre: string }

/** Of a program, or the tag of an image; undefined for `dev`, digests and other words. */
export function parseVersion(text: string): Version | undefined {
  const found = /^v?(\d+)\.(\d+)\.(\d+)(?:-([\w.-]+))?$/.exec(text)
  if (found === null) return undefined
  const [, major = '', minor = '', patch = '', pre = ''] = found
  return { major: Number(major), minor: Number(minor), patch: Number(patch), pre }
}

/**
 * Whether two may work in one fleet: the same major version and at most one minor version between them. Before 1.0, where a minor
 * version may change anything, ours keep to the same: each works with the one before it.
 */
export const worksWith = (a: Version, b: Version): boolean => a.major === b.major && Math.abs(a.minor - b.minor) <= 1
