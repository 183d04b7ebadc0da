// The agent at work: facts from the stores into the planner, its plan onto the node. It writes nothing to the apiserver.
import { isDeepStrictEqual } from 'node:util'
import type { CableName } from '#crds/fields.ts'
import type { Host } from '#lib/host/host.ts'
import type { Network, NetworkChange } from '#lib/host/network.ts'
import { describeChange, moveRoutes } from '#lib/host/network.ts'
import type { Next } from '#lib/kube/controller.ts'
import { again, blocked, settled } from '#lib/kube/controller.ts'
import type { Node } from '#lib/kube/kinds.ts'
import type { Store } from '#lib/kube/store.ts'
import type { Logger } from '#lib/std/log.ts'
import type { Refusal } from '../admission.ts'
import { activeOf, fleetOf } from '../observe.ts'
import { applyAgent } from './apply.ts'
import type { Machine } from '../machine.ts'
import { readMachine } from '../machine.ts'
import { nodesOf } from './observe.ts'
import { agentOwns, everythingOfOurs } from './ownership.ts'
import type { AgentPlan } from './plan.ts'
import { planAgent } from './plan.ts'

/** Nodes carry what there are gateways for; whom those believe is no matter of theirs. */
const believesNobody = () => false

export type AgentParts = {
  readonly node: string
  readonly nodeAddress: string
  readonly clusterID: string
  readonly cables: readonly CableName[]
  readonly host: Host
  readonly stateDir: string
  readonly nodes: Store<Node>
  readonly allocations: Store
  readonly endpoints: Store
  readonly log: Logger
}

export type AgentReading = { readonly routes: number; readonly refused: number }

/** What the stores say, as far as a plan needs it. */
type Seen = {
  /** Whether a gateway is on this node, or is to be. */
  readonly isGateway: boolean
  readonly refused: readonly Refusal[]
  readonly planFor: (machine: Machine) => AgentPlan
}

export class Agent {
  readonly #parts: AgentParts
  #reading: AgentReading | undefined
  /** What the last pass found and made. */
  #last: { readonly machine: Machine; readonly network: Network } | undefined
  #said = '[]'

  constructor(parts: AgentParts) {
    this.#parts = parts
  }

  /** undefined until the node was set up once. */
  read(): AgentReading | undefined {
    return this.#reading
  }

  async reconcile(signal: AbortSignal): Promise<Next> {
    const { nodeAddress, host, stateDir, log } = this.#parts
    const seen = this.#look()
    if ('next' in seen) return seen.next
    const { isGateway, planFor } = seen
    if (this.#last !== undefined)
      this.#log(await moveRoutes(host, this.#last.network, planFor(this.#last.machine).network, signal))
    const machine = await readMachine(host, nodeAddress, signal)
    const { network, refused } = planFor(machine)
    const all = [...seen.refused, ...refused]
    const said = JSON.stringify(all)
    if (said !== this.#said) log.warn({ refused: all }, 'the list of peers that are not taken has changed')
    this.#said = said
    this.#log(await applyAgent(host, network, isGateway ? agentOwns : everythingOfOurs, stateDir, signal))
    this.#last = { machine, network }
    this.#reading = { routes: network.routes.filter((r) => r.target.kind === 'device').length, refused: all.length }
    return settled
  }

  /**
   * Whether another network would be wanted of the machine as it is now: the first pod of a node brings the address that the node itself is
   * seen under elsewhere, and devices can be told to take other sizes. Two readings, where a pass takes a dozen.
   */
  async isOutdated(signal: AbortSignal): Promise<boolean> {
    const seen = this.#look()
    if (this.#last === undefined || 'next' in seen) return false
    const { host, nodeAddress } = this.#parts
    // What cannot be read is for a pass to report.
    const machine = await readMachine(host, nodeAddress, signal).catch(() => undefined)
    return machine === undefined || !isDeepStrictEqual(seen.planFor(machine).network, this.#last.network)
  }

  #look(): Seen | { readonly next: Next } {
    const { node, nodeAddress, clusterID, cables } = this.#parts
    const fleet = fleetOf(clusterID, this.#parts.allocations.list(), this.#parts.endpoints.list(), believesNobody)
    const { own, refused } = fleet
    if (own === undefined)
      return {
        next: blocked('NoAllocation', `the operator has not brought the Allocation of ${clusterID} from the broker yet`),
      }
    const nodes = nodesOf(this.#parts.nodes.list(), nodeAddress)
    const self = nodes.find((n) => n.name === node)
    if (self === undefined) return { next: again(5_000, `the Node ${node} has no address of the family of ${nodeAddress} yet`) }
    // Not by the label of their nodes: one that lost it carries on until another gateway has taken over, and its GatewayEndpoint goes later.
    const gateways = fleet.ownEndpoints.filter((e) => nodes.some((n) => n.name === e.spec.node))
    const isGateway = self.labelled || gateways.some((e) => e.spec.node === node)
    const planFor = (machine: Machine) =>
      planAgent({
        self: node,
        cables,
        nodes,
        gateways: gateways.map((e) => e.spec.node),
        active: activeOf(gateways)?.spec.node,
        own,
        announced: fleet.announced,
        machine,
      })
    return { isGateway, refused, planFor }
  }

  #log(changes: readonly NetworkChange[]): void {
    if (changes.length > 0) this.#parts.log.info({ changes: changes.map(describeChange) }, 'changed the node’s network')
  }
}
