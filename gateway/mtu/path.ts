// How large a packet passes through a cable whole, found out by sending some of several sizes (RFC 8899) rather than by believing what
// routers say, as many say nothing. Pure: takes what is known and the time, returns what is known next and which sizes to send.
//
//   all of the ladder ── the largest answered ──► size ── sent once more every now and then ── answered ──► stays
//            ▲                                                      └── not, twice, and a smaller one is ──► that one, at once
//            └──────── a smaller size than the device takes: once in `widerMs`, and when the cable comes back
export type Path = {
  /** What the device takes. */
  readonly most: number
  /** What packets are routed with. */
  readonly size: number
  /** The sizes that are on their way, and which round of asking that is. */
  readonly asked: readonly number[]
  readonly round: number
  readonly askedAt: number
  /** The largest that was answered in this round; 0 if none. */
  readonly answered: number
  /** Rounds in a row in which `size` was not. */
  readonly lost: number
  /** Ladders in a row of which nothing was answered. */
  readonly silent: number
  /** When larger ones were last tried; undefined: not since the cable came up. */
  readonly widerAt: number | undefined
}

/** What there is to know for the next step. Times in ms on one clock. */
export type Now = { readonly now: number; readonly rttMs: number; readonly busy: boolean }

export const timing = {
  /**
   * Between two askings for the size in use, while packets go through: with every beat. A sender of TCP tries again after 0.2, 0.6, 1.4 and 3 s;
   * what is known before the third waits 1.4 s.
   */
  busyMs: 200,
  /** And while none do. */
  quietMs: 10_000,
  /** Between two looks whether the path has become wider. */
  widerMs: 30_000,
  /** After a ladder of which nothing was answered; then twice as long each time, up to `widerMs`. */
  silentMs: 1_000,
} as const

const waitAfter = (silent: number): number => (silent === 0 ? 0 : Math.min(timing.widerMs, timing.silentMs * 2 ** (silent - 1)))

/** Below it there is no search: it passes where IPv6 does, in either kind of cable. */
export const least = 1180

/** Between what there is, PPPoE, tunnels, clouds and their sums take some 8 to 100 bytes. */
export function ladder(most: number): readonly number[] {
  const steps = [0, 8, 20, 28, 40, 50, 60, 80, 100, 120, 140, 160, 180, 200, 220].map((less) => Math.min(most, 1420) - less)
  const large = [8920, 8420, 4420, 2920, 1920]
  const sizes = [most, ...(most > 1420 ? large : []), ...steps, least]
  return [...new Set(sizes.filter((size) => size >= least && size <= most))].toSorted((a, b) => a - b)
}

export const newPath = (most: number, round: number): Path => ({
  ...{ most, size: most, asked: [], round, askedAt: -Infinity, answered: 0, lost: 0, silent: 0, widerAt: undefined },
})

/** The cable is down: nothing that was asked says anything, and another path may come. */
export const interrupted = (path: Path): Path => ({ ...path, asked: [], lost: 0, silent: 0, widerAt: undefined })

export const answer = (path: Path, round: number, size: number): Path =>
  round === path.round && path.asked.includes(size) && size > path.answered ? { ...path, answered: size } : path

export function step(path: Path, { now, rttMs, busy }: Now): { readonly path: Path; readonly send: readonly number[] } {
  const largest = path.asked.at(-1) ?? 0
  const isOver = path.answered >= largest || now - path.askedAt >= Math.max(200, 1.5 * rttMs + 50)
  if (path.asked.length > 0 && !isOver) return { path, send: [] }
  const known = path.asked.length === 0 ? path : judged(path, now)
  // What was lost once may have been lost by chance; asked with it, smaller ones tell.
  if (known.lost === 1) return ask(known, ladder(known.size), now)
  if (now - known.askedAt < waitAfter(known.silent)) return { path: known, send: [] }
  if (known.widerAt === undefined || (known.size < known.most && now - known.widerAt >= timing.widerMs))
    return ask({ ...known, widerAt: now }, ladder(known.most), now)
  if (now - known.askedAt >= (busy ? timing.busyMs : timing.quietMs)) return ask(known, [known.size], now)
  return { path: known, send: [] }
}

function judged(path: Path, now: number): Path {
  const isLadder = path.asked.length > 1 || path.lost === 1
  // Where nothing at all is answered, there is a gateway of a former version, or nobody: that says nothing of sizes.
  if (path.answered === 0 && isLadder) return { ...path, asked: [], lost: 0, silent: path.silent + 1 }
  const over = { ...path, asked: [], silent: path.answered > 0 ? 0 : path.silent }
  if (path.answered >= path.size) return { ...over, size: path.answered, lost: 0 }
  return path.lost === 0 ? { ...over, lost: 1 } : { ...over, size: path.answered, lost: 0, widerAt: now }
}

const ask = (path: Path, sizes: readonly number[], now: number) => ({
  path: { ...path, asked: sizes, round: (path.round + 1) >>> 0, askedAt: now, answered: 0 },
  send: sizes,
})
