// One after the other: for work that must not meet itself.

export type Turns = <T>(work: () => Promise<T>) => Promise<T>

/** What this returns runs `work` when all that was given to it before has ended, however it ended. */
export function turns(): Turns {
  let last: Promise<unknown> = Promise.resolve()
  return (work) => {
    const mine = last.then(work)
    last = mine.catch(() => undefined)
    return mine
  }
}
