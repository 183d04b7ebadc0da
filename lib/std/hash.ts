// A hash of texts that spreads them, for placing things. It hides nothing: whoever chooses the texts can choose the hashes.

/** 32 bits, signed. FNV-1a, then the finalizer of MurmurHash3: neighbouring addresses must differ in their first bits. */
export function hash32(text: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return hash ^ (hash >>> 16)
}
