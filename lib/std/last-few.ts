// The results of the last few questions, for what is asked for again soon or not at all.

/** `answer`, which does not run again for one of the last `most`. What it answers is everybody's: treat it as frozen. */
export function lastFew<Q, R>(most: number, answer: (question: Q) => R): (question: Q) => R {
  const known = new Map<Q, R>()
  return (question) => {
    const result = known.get(question) ?? answer(question)
    // The one that was asked for last is the last to go.
    known.delete(question)
    known.set(question, result)
    const [oldest] = known.size > most ? known.keys() : []
    if (oldest !== undefined) known.delete(oldest)
    return result
  }
}
