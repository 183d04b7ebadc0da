// Says what is going on, with the time it takes: a line at the start, a sign of life every 15 s, a line at the end.
// On standard error, so that what a command prints stays clean.

/** Below this a step is not worth a second line. */
const quietMs = 300
const heartbeatMs = 15_000

export type Say = (line: string) => void

export const sayOnStderr: Say = (line) => {
  process.stderr.write(`${line}\n`)
}

/** Runs `work` under a title. `expect` tells how long it usually takes, such as `about 1 min`. */
export async function step<T>(title: string, expect: string, say: Say, work: () => Promise<T>): Promise<T> {
  const from = performance.now()
  const elapsed = () => `${((performance.now() - from) / 1000).toFixed(1)} s`
  say(`setup: ${title}${expect === '' ? '' : ` (${expect})`} …`)
  const heartbeat = setInterval(() => say(`setup: ${title} … ${elapsed()}`), heartbeatMs)
  try {
    const result = await work()
    if (performance.now() - from > quietMs) say(`setup: ${title} done in ${elapsed()}`)
    return result
  } finally {
    clearInterval(heartbeat)
  }
}
