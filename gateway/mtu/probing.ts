// Probes of size to all peers, through the socket of the pulse: what is sent with each beat, what is answered, what is known.
import type { PublicKey } from '#lib/net/keys.ts'
import type { Probe } from './message.ts'
import { decodeProbe, encodeProbe } from './message.ts'
import type { Path } from './path.ts'
import { answer, interrupted, newPath, step } from './path.ts'

/** `most`: of its cable’s device. `rttMs`: undefined while the cable is down. */
export type Probed = { readonly publicKey: PublicKey; readonly most: number; readonly rttMs: number | undefined }

export class Probing {
  readonly #bootID: string
  readonly #send: (to: PublicKey, bytes: Buffer) => void
  readonly #paths = new Map<PublicKey, Path>()
  /** No two processes count alike, so that no late answer is taken for one to another question. */
  readonly #first: number

  /** `bootID`: of this process, 16 hex digits. */
  constructor(bootID: string, send: (to: PublicKey, bytes: Buffer) => void) {
    this.#bootID = bootID
    this.#send = send
    this.#first = Number.parseInt(bootID.slice(0, 8), 16)
  }

  /** With every beat, of all peers. `busy`: packets of others go through the cables. */
  beat(peers: readonly Probed[], busy: boolean, now: number): void {
    const there = new Set(peers.map(({ publicKey }) => publicKey))
    for (const key of this.#paths.keys()) if (!there.has(key)) this.#paths.delete(key)
    for (const { publicKey, most, rttMs } of peers) {
      const before = this.#paths.get(publicKey)
      const path = before?.most === most ? before : newPath(most, before?.round ?? this.#first)
      if (rttMs === undefined) {
        this.#paths.set(publicKey, interrupted(path))
        continue
      }
      const next = step(path, { now, rttMs, busy })
      this.#paths.set(publicKey, next.path)
      const { round } = next.path
      for (const size of next.send) this.#send(publicKey, encodeProbe({ kind: 'probe', size, round, bootID: this.#bootID }))
    }
  }

  /** What came from a peer: a probe is answered, an answer is noted, anything else passed over. */
  take(from: PublicKey, bytes: Buffer): void {
    const probe = decodeProbe(bytes)
    if (!probe.ok) return
    if (probe.value.kind === 'probe') this.#send(from, encodeProbe({ ...probe.value, kind: 'answer' }))
    else this.#note(from, probe.value)
  }

  /** The largest packet that passes whole, as far as is known; undefined of one that is no peer. */
  sizeTo(peer: PublicKey): number | undefined {
    return this.#paths.get(peer)?.size
  }

  #note(from: PublicKey, { bootID, round, size }: Probe): void {
    const path = this.#paths.get(from)
    if (path !== undefined && bootID === this.#bootID) this.#paths.set(from, answer(path, round, size))
  }
}
