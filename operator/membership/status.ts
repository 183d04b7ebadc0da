// What a Membership says of itself: one condition a question, and Ready as their sum.
import type { Condition } from '#crds/fields.ts'
import type { Allocation } from '#crds/allocation.ts'
import type { GatewayEndpoint } from '#crds/gateway-endpoint.ts'
import { acceptRemovalAnnotation, gatewayNodeLabel, membershipName, systemNamespace } from '#crds/places.ts'
import type { Faults } from '#lib/kube/condition-events.ts'
import type { Throttled } from '../door/metered.ts'
import type { HeldRemoval } from '../door/removal.ts'

export type BrokerState =
  | { readonly kind: 'reached' }
  | { readonly kind: 'never' }
  | { readonly kind: 'unreachable'; readonly why: string }
  /** Our token is dead. */
  | { readonly kind: 'refused'; readonly why: string }
  | { readonly kind: 'forbidden'; readonly why: string }
  | { readonly kind: 'badCredentials'; readonly why: string }

/** How it stands with the credentials for the broker. */
export type RenewalState =
  /** `until`: RFC 3339; as long they can be renewed, by a cluster that was off meanwhile. */
  | { readonly kind: 'fresh'; readonly until?: string }
  /** Still good, or at least they can be renewed: `why` they have not been yet. */
  | { readonly kind: 'due'; readonly why: string }
  /** Only a person can give others. */
  | { readonly kind: 'expired' | 'refused'; readonly why: string }

/** Our clock beside the broker's; `aheadMs` is negative where ours is behind. */
export type ClockState = { readonly kind: 'unknown' | 'agrees' } | { readonly kind: 'off'; readonly aheadMs: number }

export type Workload = { readonly name: string; readonly wanted: number; readonly ready: number }

export type DnsState = 'wired' | 'noCoreDNS' | 'foreignZone' | 'pending'

export type Situation = {
  readonly broker: BrokerState
  readonly renewal: RenewalState
  readonly clock: ClockState
  /** Our own, as the broker last said. */
  readonly allocation: Allocation | undefined
  readonly workloads: readonly Workload[]
  readonly gateways: readonly GatewayEndpoint[]
  readonly dns: DnsState
  /** Objects of other members that were not believed, as `Kind namespace/name: why`. */
  readonly refused: readonly string[]
  /** Services of other members that `spec.importFrom` does not take, as `namespace/name of cluster`. */
  readonly leftOut: readonly string[]
  /** What a list of the broker lacks and stays until more is known. */
  readonly held: readonly HeldRemoval[]
  /** Members that publish more than we take of one. */
  readonly throttled: readonly Throttled[]
}

type Verdict = Pick<Condition, 'type' | 'status' | 'reason' | 'message'>

/** Each asks one question of the situation; the order is the order a person would ask them in. */
const questions: readonly ((now: Situation) => Verdict)[] = [
  brokerReachable,
  credentialsValid,
  clockAgrees,
  admitted,
  componentsReady,
  gatewayActive,
  namesWired,
  peersValid,
  peersInBudget,
  removalsBelieved,
  importsTaken,
]

/** Broken and noisy peers, a silent or forgetful broker, dead credentials and what is not wanted do not stop our traffic, so they do not make us unready. */
const needed = new Set(['Admitted', 'ComponentsReady', 'GatewayActive', 'NamesWired'])

/** Events are for what a person should look at; a roll-out or a start is none of it. */
export const membershipFaults: Faults = {
  BrokerReachable: isFalse,
  CredentialsValid: isFalse,
  ClockAgrees: isFalse,
  Admitted: isFalse,
  GatewayActive: ({ reason }) => reason === 'GatewayFailed',
  PeersValid: isFalse,
  PeersInBudget: isFalse,
  RemovalsBelieved: isFalse,
}

export function conditionsOf(now: Situation): readonly Verdict[] {
  const verdicts = questions.map((ask) => ask(now))
  const missing = verdicts.filter((v) => needed.has(v.type) && v.status !== 'True')
  const [first] = missing
  return [
    ...verdicts,
    first === undefined
      ? { type: 'Ready', status: 'True', reason: 'Ready', message: 'the cluster is connected to its fleet' }
      : { type: 'Ready', status: 'False', reason: first.reason, message: missing.map((v) => v.message).join('; ') },
  ]
}

function isFalse({ status }: Pick<Condition, 'status'>): boolean {
  return status === 'False'
}

function brokerReachable({ broker }: Situation): Verdict {
  const type = 'BrokerReachable'
  switch (broker.kind) {
    case 'reached':
      return { type, status: 'True', reason: 'Reached', message: 'the broker answers' }
    case 'never':
      return { type, status: 'Unknown', reason: 'Pending', message: 'the broker was not asked yet' }
    case 'unreachable':
      return {
        type,
        status: 'False',
        reason: 'Unreachable',
        message: `${broker.why}: traffic and names go on from what is known; check the way to the broker’s apiserver`,
      }
    case 'refused':
      return { type, status: 'False', reason: 'Unauthorized', message: broker.why }
    case 'forbidden':
      return { type, status: 'False', reason: 'Forbidden', message: broker.why }
    case 'badCredentials':
      return { type, status: 'False', reason: 'BadCredentials', message: broker.why }
  }
}

function credentialsValid({ renewal }: Situation): Verdict {
  const type = 'CredentialsValid'
  switch (renewal.kind) {
    case 'fresh':
      return {
        type,
        status: 'True',
        reason: 'Fresh',
        message: `the credentials for the broker are renewed in time${renewal.until === undefined ? '' : `; were this cluster off, it would come back by itself until ${renewal.until}`}`,
      }
    case 'due':
      return {
        type,
        status: 'True',
        reason: 'RenewalDue',
        message: `the credentials for the broker are to be renewed: ${renewal.why}`,
      }
    case 'expired':
      return {
        type,
        status: 'False',
        reason: 'Expired',
        message: `${renewal.why}: traffic and names go on from what is known; on the broker run tombolo grant create, and tombolo join with it here`,
      }
    case 'refused':
      return { type, status: 'False', reason: 'Refused', message: renewal.why }
  }
}

function clockAgrees({ clock }: Situation): Verdict {
  const type = 'ClockAgrees'
  switch (clock.kind) {
    case 'unknown':
      return { type, status: 'Unknown', reason: 'Pending', message: 'the broker was not asked for its time yet' }
    case 'agrees':
      return { type, status: 'True', reason: 'Agrees', message: 'the clocks of this cluster and of the broker agree' }
    case 'off': {
      const minutes = Math.round(Math.abs(clock.aheadMs) / 60_000)
      return {
        type,
        status: 'False',
        reason: 'ClockSkewed',
        message: `the clock of this cluster is ${minutes} minutes ${clock.aheadMs > 0 ? 'ahead of' : 'behind'} the broker’s: let its nodes follow NTP (chrony, timesyncd), or credentials and certificates are taken for expired, or for not yet good`,
      }
    }
  }
}

/** Without the broker's word we are what we were. */
function admitted({ allocation }: Situation): Verdict {
  const type = 'Admitted'
  return allocation?.spec.state === 'Quarantined'
    ? {
        type,
        status: 'False',
        reason: 'Quarantined',
        message: 'the broker’s administrator put this cluster into quarantine: nothing of it is routed or imported in the others',
      }
    : { type, status: 'True', reason: 'Admitted', message: 'the broker admits this cluster' }
}

function componentsReady({ workloads }: Situation): Verdict {
  const type = 'ComponentsReady'
  const late = workloads.filter((w) => w.ready < w.wanted || w.wanted === 0)
  if (workloads.length === 0) return { type, status: 'False', reason: 'Installing', message: 'nothing is installed yet' }
  if (late.length === 0)
    return { type, status: 'True', reason: 'Ready', message: `${workloads.map((w) => w.name).join(', ')} are ready` }
  const words = late.map((w) =>
    w.wanted === 0 && w.name === 'gateway'
      ? `no node carries the label ${gatewayNodeLabel}=true: kubectl label node NODE ${gatewayNodeLabel}=true`
      : `${w.name}: ${w.ready} of ${w.wanted} ready`,
  )
  return { type, status: 'False', reason: 'NotReady', message: words.join('; ') }
}

function gatewayActive({ gateways }: Situation): Verdict {
  const type = 'GatewayActive'
  const active = gateways.filter((g) => g.status?.role === 'Active')
  if (active.length > 0)
    return {
      type,
      status: 'True',
      reason: 'Active',
      message: `the active gateway is on ${active.map((g) => g.spec.node).join(', ')}`,
    }
  const faults = gateways.flatMap(({ spec, status }) => {
    const ready = status?.conditions?.find((c) => c.type === 'Ready')
    return ready?.status === 'False' ? [`the gateway on ${spec.node} cannot work: ${ready.message}`] : []
  })
  return faults.length === 0
    ? { type, status: 'False', reason: 'NoActiveGateway', message: 'no gateway is active yet' }
    : { type, status: 'False', reason: 'GatewayFailed', message: faults.join('; ') }
}

function namesWired({ dns }: Situation): Verdict {
  const type = 'NamesWired'
  switch (dns) {
    case 'wired':
      return { type, status: 'True', reason: 'Wired', message: 'the cluster DNS forwards clusterset.local' }
    case 'pending':
      return { type, status: 'False', reason: 'Pending', message: 'the address of the DNS Service is not known yet' }
    case 'foreignZone':
      return {
        type,
        status: 'False',
        reason: 'ForeignZone',
        message:
          'another block of the Corefile has clusterset.local, as Submariner writes one: take it out (kubectl -n kube-system edit configmap coredns, or coredns-custom), and the operator puts its own in',
      }
    case 'noCoreDNS':
      // A cluster with another DNS is not broken: its pods reach each other, and a person forwards one zone.
      return {
        type,
        status: 'True',
        reason: 'ForwardByHand',
        message:
          'kube-system has no CoreDNS as kubeadm installs it: forward clusterset.local to the Service tombolo-dns in tombolo-system',
      }
  }
}

function peersValid({ refused }: Situation): Verdict {
  const type = 'PeersValid'
  if (refused.length === 0)
    return { type, status: 'True', reason: 'Valid', message: 'every object of the other members was believed' }
  return {
    type,
    status: 'False',
    reason: 'Refused',
    message: `${refused.length} objects of other members are ignored: ${some(refused)}`,
  }
}

function peersInBudget({ throttled }: Situation): Verdict {
  const type = 'PeersInBudget'
  const [first] = throttled
  if (first === undefined)
    return { type, status: 'True', reason: 'InBudget', message: 'no other member publishes more than this cluster takes of one' }
  return {
    type,
    status: 'False',
    reason: 'Throttled',
    message: `${some(throttled.map(overBudget))}: what is beyond waits, and the last state before it holds; find out in that cluster what exports or changes so much, or on the broker stop it with tombolo quarantine ${first.clusterID}`,
  }
}

function overBudget({ clusterID, kind, short, budget, service = 'a service' }: Throttled): string {
  switch (short) {
    case 'objects':
      return `${clusterID} publishes more than ${budget.objects} ${kind} objects`
    case 'bytes':
      return `${clusterID} publishes more than ${budget.bytes} bytes of ${kind} objects`
    case 'endpoints':
      return `${clusterID} publishes more than ${budget.endpointsOfAService} endpoints of ${service}`
    case 'changes':
      return `${clusterID} changes its ${kind} objects more often than ${budget.changesPerSecond} times a second`
  }
}

function removalsBelieved({ held }: Situation): Verdict {
  const type = 'RemovalsBelieved'
  if (held.length === 0)
    return {
      type,
      status: 'True',
      reason: 'Believed',
      message: 'the broker has what is here of the other members, or said that it went',
    }
  const accept = `kubectl -n ${systemNamespace} annotate membership ${membershipName} --overwrite ${acceptRemovalAnnotation}=${held.map(({ token }) => token).join(',')}`
  return {
    type,
    status: 'False',
    reason: 'Held',
    message: `the broker lists no more ${some(held.map(({ source, here, lost }) => `${lost} of ${here} objects of ${source}`))}, and never said that they went: they stay here as they are. If the broker was restored, they are written again when that cluster’s operator runs: look there with tombolo diagnose broker. If they are to go, type ${accept}`,
  }
}

function importsTaken({ leftOut }: Situation): Verdict {
  const type = 'ImportsTaken'
  return leftOut.length === 0
    ? { type, status: 'True', reason: 'Taken', message: 'nothing that others export is left out' }
    : {
        type,
        status: 'False',
        reason: 'LeftOut',
        message: `spec.importFrom leaves out what other members export, ${leftOut.length} in all: ${some(leftOut)}`,
      }
}

const some = (all: readonly string[]): string => `${all.slice(0, 5).join('; ')}${all.length > 5 ? '; …' : ''}`
