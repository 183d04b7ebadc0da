// What one gateway knows of the lead and wants of it: what the Lease says, what its siblings say, and what comes of both.
import type { Leadership } from '#lib/kube/lease.ts'
import type { PublicKey } from '#lib/net/keys.ts'
import { cell } from '#lib/std/cell.ts'
import type { Claim } from '../engine.ts'
import type { Lead, LeadFacts } from '../hand-over/lead.ts'
import { advance, leads, newcomer } from '../hand-over/lead.ts'
import type { Duty, Standing } from '../hand-over/standing.ts'
import { standingOf } from '../hand-over/standing.ts'
import type { Heard, PeerReading } from '../pulse/pulse.ts'
import { claimAfter, identityOf, splitIdentity } from './role.ts'
import type { Gone } from './succession.ts'
import { goneHolder, isOfThePath, patience, silenceMs } from './succession.ts'

export type Self = { readonly clusterID: string; readonly node: string; readonly bootID: string }

/** What there is to see now. */
export type Sight = {
  readonly peers: readonly PeerReading[]
  readonly duty: Duty
  /** Those to which other clusters' traffic goes. */
  readonly carriers: ReadonlySet<PublicKey>
  /** The highest term at which the apiserver names a gateway of this cluster as active. */
  readonly published: () => number
}

/** So long after the start do cables come about. Later ones are of clusters that came later, and those must not keep the lead where it is. */
const startMs = 20_000

export class Candidacy {
  /** The holder of the Lease, when it need not be waited for. */
  readonly gone = cell<string | undefined>(undefined)
  readonly #self: Self
  readonly #sight: () => Sight
  readonly #beganAt = performance.now()
  #lease: Leadership | undefined
  /** undefined before the election was heard of. */
  #claim: Claim | undefined
  #lead: Lead = newcomer
  /** Since when the Lease has its present holder, as far as we know; ms on the monotonic clock. */
  #holderSince = -Infinity
  #gone: Gone | undefined
  /** When the lead was taken from one that was gone, ms on the monotonic clock. */
  #takenAt: readonly number[] = []
  #ends = false

  constructor(self: Self, sight: () => Sight) {
    this.#self = self
    this.#sight = sight
  }

  /** undefined before the election was heard of. */
  get lead(): Lead | undefined {
    return this.#claim === undefined ? undefined : this.#lead
  }

  get standing(): Standing {
    return this.#standingBy(this.#sight())
  }

  /** Whether it takes the lead if nobody has it. One in reserve does where nobody is better. */
  stands(): boolean {
    const sight = this.#sight()
    const standing = this.#standingBy(sight)
    if (standing !== 'Reserve') return standing !== 'Never'
    return !this.#siblings(sight).some(({ heard, silentMs }) => heard.standing === 'Ready' && silentMs <= silenceMs)
  }

  /** Other gateways of this cluster that would take the lead, or will as soon as they can. */
  successors(): readonly PeerReading[] {
    return this.#siblings(this.#sight()).filter(({ link, heard }) => link.state === 'Connected' && heard.standing !== 'Never')
  }

  /** From now on the lead is for others. */
  end(): void {
    this.#ends = true
  }

  hear(now: Leadership): void {
    if (now.role === 'leader' && this.#gone !== undefined && isOfThePath(this.#gone) && this.#lease?.holder === this.#gone.holder)
      this.#takenAt = [...this.#takenAt, performance.now()].slice(-8)
    if (now.holder !== this.#lease?.holder) this.#holderSince = performance.now()
    this.#lease = now
    this.#claim = claimAfter(this.#claim ?? { role: 'Standby', term: 0 }, this.#self.node, now)
    this.look()
  }

  /** With every pulse, so it only compares what is known. */
  look(): void {
    const sight = this.#sight()
    this.#gone = this.#goneBy(sight)
    this.gone.set(this.#gone?.holder)
    if (this.#claim !== undefined) this.#lead = advance(this.#lead, this.#factsBy(sight, this.#claim))
  }

  #standingBy({ peers, duty }: Sight): Standing {
    const starts = performance.now() - this.#beganAt < startMs
    const connecting = starts && peers.some((p) => p.clusterID !== this.#self.clusterID && p.link.state === 'Connecting')
    return standingOf({ duty, ends: this.#ends, leads: leads(this.#lead), connecting })
  }

  #factsBy(sight: Sight, claim: Claim): LeadFacts {
    const turned = sight.peers
      .filter((p) => sight.carriers.has(p.publicKey) && p.link.state === 'Connected')
      .map((p) => p.heard?.takes ?? -1)
    return {
      claim,
      holder: this.#lease?.holder === undefined ? undefined : splitIdentity(this.#lease.holder)[0],
      siblings: this.#siblings(sight).flatMap(({ node, claim: says, heard, silentMs }) =>
        says === undefined ? [] : [{ node, claim: says, carrying: heard.carrying, silentMs }],
      ),
      turned: Math.min(Infinity, ...turned),
      published: this.#lead.at === 'Given' ? sight.published() : -1,
      now: performance.now(),
    }
  }

  #goneBy(sight: Sight): Gone | undefined {
    const { clusterID, node, bootID } = this.#self
    const now = performance.now()
    const holder = this.#lease?.holder
    const others = sight.peers.flatMap(({ heard, ...peer }) =>
      heard === undefined || (peer.clusterID === clusterID && holder?.startsWith(`${peer.node}/`) === true)
        ? []
        : [now - heard.at],
    )
    const proofs = sight.peers.flatMap(({ clusterID: of, link, heard }) =>
      of === clusterID || link.state !== 'Connected' || heard?.provedAt === undefined ? [] : [now - heard.provedAt],
    )
    return goneHolder({
      holder,
      identity: identityOf(node, bootID),
      standing: this.#standingBy(sight),
      siblings: this.#siblings(sight)
        .filter(({ heard }) => heard.at >= this.#holderSince)
        .map(({ node, silentMs, heard: { bootID, standing, cutOffSince } }) => ({
          ...{ node, bootID, standing, silentMs },
          cutOffMs: cutOffSince === undefined ? undefined : now - cutOffSince,
        })),
      othersSilentMs: others.length === 0 ? undefined : Math.min(...others),
      provedMs: proofs.length === 0 ? undefined : Math.min(...proofs),
      patienceMs: patience(this.#takenAt, now),
    })
  }

  #siblings({ peers }: Sight): readonly Sibling[] {
    const now = performance.now()
    return peers.flatMap((peer) =>
      peer.clusterID !== this.#self.clusterID || peer.heard === undefined
        ? []
        : [{ ...peer, heard: peer.heard, silentMs: now - peer.heard.at }],
    )
  }
}

/** Another gateway of this cluster that was heard. */
type Sibling = PeerReading & { readonly heard: Heard; readonly silentMs: number }
