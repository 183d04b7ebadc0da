// What a step of `npm test` comes to in numbers, and the lines that the run ends with.

export type Count = { readonly passed: number; readonly failed: number; readonly skipped: number }

/** Mocha's own summary; a run that ended badly without naming a failure counts as one. */
export function mochaCount(output: string, code: number): Count {
  const number = (pattern: RegExp) => Number(pattern.exec(output)?.[1] ?? 0)
  const failed = number(/^\s*(\d+) failing/m)
  return {
    passed: number(/^\s*(\d+) passing/m),
    failed: code !== 0 && failed === 0 ? 1 : failed,
    skipped: number(/^\s*(\d+) pending/m),
  }
}

/** Of what is one question: types, lint. */
export const itself = (code: number): Count => ({ passed: +(code === 0), failed: +(code !== 0), skipped: 0 })

/** Said again at the very end, as whoever keeps only the end of a long output must learn what to mend: Mocha's list, or the last lines. */
export function whatFailed(output: string): string {
  const list = output.search(/^\s*\d+ failing/m)
  return list < 0 ? output.split('\n').slice(-60).join('\n') : output.slice(list)
}

export function closing(counts: readonly Count[]): string {
  const sum = (of: keyof Count) => counts.reduce((all, count) => all + count[of], 0)
  const skipped = sum('skipped')
  const last = `${sum('passed')} passed, ${sum('failed')} failed`
  return skipped === 0 ? last : `${skipped} skipped, each with its reason beside it in the tests\n${last}`
}
