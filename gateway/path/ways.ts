// What the gateway has to do with ways: from its plan to the ways of its cables, and to its own relay where the broker lets it be one.
import { gatewayDNSName } from '#crds/places.ts'
import type { CableName } from '#crds/fields.ts'
import type { PublicKey } from '#lib/net/keys.ts'
import type { Logger } from '#lib/std/log.ts'
import { turns } from '#lib/std/turns.ts'
import type { Cable } from '../cable/driver.ts'
import type { Kept } from '../certificate/kept.ts'
import type { Peer } from '../engine.ts'
import type { RelayPlace } from './link.ts'
import type { PathPeer, PathReading, Paths } from './paths.ts'
import type { Relay, RelayReading, RelayTerms } from './relay.ts'
import { isPortRefused, startRelay } from './relay.ts'

type Planned = { readonly peers: readonly Peer[]; readonly cables: ReadonlyMap<CableName, readonly Cable[]> }

export class Ways implements AsyncDisposable {
  readonly #clusterID: string
  /** undefined: this gateway has no cables over WireGuard. */
  readonly #paths: Paths | undefined
  readonly #log: Logger
  readonly #turn = turns()
  #relay: { readonly asked: number; readonly at: Relay } | undefined
  /** The port on which it could not relay, when that was said. */
  #missed: number | undefined

  constructor(clusterID: string, paths: Paths | undefined, log: Logger) {
    this.#clusterID = clusterID
    this.#paths = paths
    this.#log = log
  }

  /** Takes what is wanted from now on, and returns the cables with the ways they take. `relayPort`: undefined unless this gateway may relay. */
  lead(plan: Planned, kept: Kept, relayPort: number | undefined, signal: AbortSignal): Promise<Planned['cables']> {
    return this.#turn(async () => {
      const { own, trust } = kept
      const peers = plan.peers.filter(({ clusterID }) => clusterID !== this.#clusterID)
      const proof = own === undefined ? undefined : { key: own.key, pem: own.pem }
      await this.#serve(
        relayPort,
        proof === undefined
          ? undefined
          : { own: proof, trust, gateways: new Map(peers.map((p) => [gatewayDNSName(p.clusterID, p.node), p.clusterID])) },
        signal,
      )
      const paths = this.#paths
      if (paths === undefined) return plan.cables
      await paths.set({
        peers: peers.filter(({ use }) => use === 'wireguard').map(pathPeer),
        relays: peers.flatMap(placeOf),
        proof: proof === undefined ? undefined : { own: proof, trust },
      })
      const led = async (cable: Cable) => ({ ...cable, candidates: await paths.order(cable.publicKey, cable.candidates) })
      const overWireGuard = await Promise.all((plan.cables.get('wireguard') ?? []).map(led))
      return new Map([...plan.cables].map(([name, cables]) => [name, name === 'wireguard' ? overWireGuard : cables]))
    })
  }

  read(): ReadonlyMap<PublicKey, PathReading> {
    return this.#paths?.read() ?? new Map()
  }

  /** undefined: it is no relay. */
  readRelay(): RelayReading | undefined {
    return this.#relay?.at.read()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#turn(() => this.#end())
    await this.#paths?.[Symbol.asyncDispose]()
  }

  async #serve(port: number | undefined, terms: RelayTerms | undefined, signal: AbortSignal): Promise<void> {
    if (this.#relay !== undefined && (this.#relay.asked !== port || terms === undefined)) await this.#end()
    if (port === undefined || terms === undefined) return
    try {
      if (this.#relay === undefined) {
        this.#relay = { asked: port, at: await startRelay({ port, log: this.#log }, terms, signal) }
        this.#missed = undefined
        this.#log.info({ port }, 'relays for gateways that cannot reach each other')
      } else this.#relay.at.set(terms)
    } catch (err) {
      // With a proof that is none nobody should go on to use it.
      await this.#end()
      // As a rule another program of the node has the port, which is no reason to carry nothing; the next pass tries again.
      const why = isPortRefused(err) ? 'cannot relay: the port is not to be had' : 'cannot relay'
      if (this.#missed !== port && !signal.aborted) this.#log.warn({ err, port }, why)
      this.#missed = port
    }
  }

  async #end(): Promise<void> {
    await this.#relay?.at[Symbol.asyncDispose]()
    this.#relay = undefined
  }
}

const pathPeer = ({ publicKey, clusterID, node, candidates }: Peer): PathPeer => ({
  publicKey,
  clusterID,
  node,
  dnsName: gatewayDNSName(clusterID, node),
  addresses: candidates,
})

const placeOf = ({ relayPort: port, clusterID, node, candidates }: Peer): readonly RelayPlace[] =>
  port === undefined
    ? []
    : [
        {
          name: `${clusterID}/${node}`,
          dnsName: gatewayDNSName(clusterID, node),
          places: candidates.filter(({ reflexive }) => reflexive !== true).map(({ address }) => ({ address, port })),
        },
      ]
