// Text that others wrote, made fit for a terminal: control and format characters clear screens, forge lines and turn words around
// (CVE-2021-42574), so they are shown as escapes instead of being sent.

/** Controls of ASCII and of Latin-1 (which some terminals obey too), what is zero wide or changes direction, and line separators. */
const hidden = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu

/** One line: breaks and tabs are a space. */
export const printable = (text: string): string =>
  text.replaceAll(/[\t\r\n]+/g, ' ').replaceAll(hidden, (char) => (codeOf(char) < 0x100 ? `\\x${hex(char, 2)}` : escaped(char)))

/** A JSON document as one of the same value: outside of strings only line breaks are hidden, and these stay. */
export const printableJSON = (document: string): string =>
  document.replaceAll(hidden, (char) => (char === '\n' ? char : char.split('').map(escaped).join('')))

/** The same for YAML, in which every string must be in double quotes. */
export const printableYAML = (document: string): string =>
  document.replaceAll(hidden, (char) => (char === '\n' ? char : escaped(char)))

const codeOf = (char: string): number => char.codePointAt(0) ?? 0
const hex = (char: string, digits: number): string => codeOf(char).toString(16).padStart(digits, '0')
const escaped = (char: string): string => (codeOf(char) > 0xffff ? `\\U${hex(char, 8)}` : `\\u${hex(char, 4)}`)
