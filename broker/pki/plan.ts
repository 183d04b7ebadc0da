// What the CA does next: one step of a rotation at most, the bundle that everybody believes, and an answer to every request. Whoever is
// to be believed no more is denied here, by serial and key.
import { createHash } from 'node:crypto'
import type { Fleet } from '#crds/fleet.ts'
import type { GatewayCertificate } from '#crds/gateway-certificate.ts'
import { gatewayCertificate } from '#crds/gateway-certificate.ts'
import type { Member } from '#crds/member.ts'
import {
  brokerNamespace,
  gatewayDNSName,
  gatewayEndpointName,
  managedBy,
  memberNamespace,
  trustBundleName,
} from '#crds/places.ts'
import { toleratedSkewMs } from '#crds/rules/tokens.ts'
import type { TrustBundle } from '#crds/trust-bundle.ts'
import { trustBundle } from '#crds/trust-bundle.ts'
import { setConditions } from '#lib/kube/conditions.ts'
import type { ConfigMap } from '#lib/kube/kinds.ts'
import { configMaps } from '#lib/kube/kinds.ts'
import { keyOf, keyText } from '#lib/kube/object.ts'
import type { Step } from '#lib/kube/plan.ts'
import { time } from '#lib/kube/time.ts'
import type { KeyID } from '#lib/pki/cert-key.ts'
import { keyIDOf } from '#lib/pki/cert-key.ts'
import { issueGateway } from '#lib/pki/certificate.ts'
import { readRequest } from '#lib/pki/request.ts'
import type { Authority, Root } from './authority.ts'
import type { Entry, Ledger } from './ledger.ts'
import { ledgerName, ledgerObject, readLedger } from './ledger.ts'
import type { GatewayReport, Stage, Turn } from './rotation.ts'
import { issuingRoot, turn } from './rotation.ts'

/** All read from the apiserver in this run: a rotation must not be decided on what a cache has not heard of yet. */
export type PkiSeen = {
  readonly authority: Authority
  readonly ca: Fleet['spec']['ca']
  readonly members: readonly Member[]
  readonly certificates: readonly GatewayCertificate[]
  readonly ledgers: readonly ConfigMap[]
  readonly bundle: TrustBundle | undefined
  readonly now: Date
}

export type PkiPlan = {
  /** If the authority is to become another, it does that and nothing else. */
  readonly stage: Stage | undefined
  readonly steps: readonly Step[]
}

/** More than a cluster of many gateways has in a day of renewals and a rotation: who asks for more is answered later. */
export const mostPerCluster = 200

export function planPki(seen: PkiSeen): PkiPlan {
  const ledgers = seen.ledgers.map(readLedger)
  const denied = deniedOf(seen, ledgers)
  const next = turn(seen.authority.stage, seen.ca, reportsOf(seen, denied), (n) => rootOf(seen.authority, n).id)
  if (next.do === 'go') return { stage: next.to, steps: [] }
  const issuing = new Map(ledgers.map((l) => [l.clusterID, l.entries.filter((e) => !isOver(e, seen.now))]))
  const answers = seen.certificates.flatMap((c) => answer(c, seen, denied, issuing))
  return {
    stage: undefined,
    steps: [...bundleSteps(seen, denied, next), ...ledgerSteps(seen, issuing), ...answers],
  }
}

const isOver = ({ until }: Entry, now: Date): boolean => until.getTime() + toleratedSkewMs < now.getTime()

// ── revoked ────────────────────────────────────────────────────────────────────────────────────────────────────────────────

type Denied = { readonly entries: readonly Entry[]; readonly keys: ReadonlySet<string>; readonly serials: ReadonlySet<string> }

function deniedOf({ members, ca, now }: PkiSeen, ledgers: readonly Ledger[]): Denied {
  const good = new Set(members.filter(isGood).map((m) => m.metadata.uid))
  const revoked = new Set<string>(ca.revokedKeys)
  const entries = ledgers
    .flatMap((l) => l.entries)
    .filter((e) => !isOver(e, now) && (!good.has(e.member) || revoked.has(e.key)))
    .toSorted((a, b) => (a.serial < b.serial ? -1 : 1))
  return { entries, serials: new Set(entries.map((e) => e.serial)), keys: new Set([...revoked, ...entries.map((e) => e.key)]) }
}

/** Whose gateways may be gateways now. Whatever state is not named Admitted is none. */
function isGood({ metadata, spec }: Member): boolean {
  const { state = 'Admitted' } = spec as { readonly state?: string }
  return metadata.deletionTimestamp === undefined && state === 'Admitted'
}

// ── rotation ───────────────────────────────────────────────────────────────────────────────────────────────────────────────

/** Only who has a certificate that others still take is waited for; whoever else comes must believe the root that issues then. */
function reportsOf({ certificates, now }: PkiSeen, denied: Denied): readonly GatewayReport[] {
  return certificates.flatMap(({ metadata, spec, status }) => {
    const { root, serial, notAfter } = status ?? {}
    if (root === undefined || serial === undefined || notAfter === undefined) return []
    if (new Date(notAfter).getTime() + toleratedSkewMs < now.getTime() || denied.serials.has(serial)) return []
    const name = keyText(keyOf({ metadata }))
    return [{ name, trusts: new Set(spec.trusts), answered: { root, serial }, inUse: spec.inUse }]
  })
}

function rootOf({ roots }: Authority, number: number): Root {
  const root = roots.get(number)
  if (root === undefined) throw new Error(`the CA has no root ${number}`)
  return root
}

function bundleSteps({ authority, bundle, now }: PkiSeen, denied: Denied, next: Turn): readonly Step[] {
  const object = {
    apiVersion: trustBundle.apiVersion,
    kind: trustBundle.kind,
    metadata: { name: trustBundleName, namespace: brokerNamespace, labels: { ...managedBy } },
    spec: {
      roots: [...authority.roots.values()].map(({ id, pem }) => ({ id, certificate: pem })),
      // The newest last: if there were ever too many, those go first that end first.
      denied: denied.entries
        .toSorted((a, b) => a.until.getTime() - b.until.getTime())
        .slice(-4000)
        .map(({ serial, key, until }) => ({ serial, key, until: time(until) })),
    },
  }
  const observedGeneration = bundle?.metadata.generation
  const said =
    denied.entries.length > 4000
      ? {
          status: 'False' as const,
          reason: 'TooManyRevoked',
          message: 'More certificates are revoked than a bundle holds: rotate the root.',
        }
      : {
          status: 'True' as const,
          reason: 'Published',
          message: `${authority.roots.size} roots are believed, ${denied.entries.length} certificates revoked.`,
        }
  const waiting =
    next.do === 'wait'
      ? { status: 'True' as const, reason: 'Waiting', message: `Until they ${next.until}: ${next.for.join(', ')}`.slice(0, 4096) }
      : { status: 'False' as const, reason: 'AsWished', message: 'The CA is where Fleet.spec.ca wants it.' }
  const conditions = setConditions(
    bundle?.status?.conditions,
    [
      { type: 'Ready', ...said },
      { type: 'Progressing', ...waiting },
    ],
    now,
  )
  const status = { ...(observedGeneration === undefined ? {} : { observedGeneration }), stage: authority.stage.at, conditions }
  return [
    { do: 'apply', kind: trustBundle, object, have: bundle },
    { do: 'status', kind: trustBundle, key: keyOf(object), status, have: bundle },
  ]
}

// ── requests ───────────────────────────────────────────────────────────────────────────────────────────────────────────────

type Status = NonNullable<GatewayCertificate['status']>
type Verdict = { readonly status: 'True' | 'False'; readonly reason: string; readonly message: string }

/** Adds to `issued` what it issues: the ledger is written before the answer. */
function answer(
  asked: GatewayCertificate,
  seen: PkiSeen,
  denied: Denied,
  issued: Map<string, readonly Entry[]>,
): readonly Step[] {
  const { metadata, spec, status } = asked
  const { now } = seen
  const observedGeneration = metadata.generation ?? 0
  const say = (kept: Partial<Status>, verdict: Verdict): readonly Step[] => {
    const conditions = setConditions(status?.conditions, [{ type: 'Ready', ...verdict, observedGeneration }], now)
    return [
      {
        do: 'status',
        kind: gatewayCertificate,
        key: keyOf(asked),
        status: { ...kept, observedGeneration, conditions },
        have: asked,
      },
    ]
  }
  const refuse = (reason: string, message: string) => say({}, { status: 'False', reason, message })
  const member = seen.members.find((m) => m.spec.clusterID === spec.clusterID)
  if (metadata.namespace !== memberNamespace(spec.clusterID) || metadata.name !== gatewayEndpointName(spec.clusterID, spec.node))
    return refuse('NotItsName', 'A gateway asks in the namespace of its cluster, by the name of its GatewayEndpoint.')
  if (member?.metadata.uid === undefined || !isGood(member))
    return refuse('NotAdmitted', 'Only gateways of clusters that are admitted get certificates.')
  const spki = readRequest(spec.request)
  if (!spki.ok) return refuse('BadRequest', `Want ${spki.error.want}.`)
  const key = keyIDOf(spki.value)
  if (denied.keys.has(key)) return refuse('KeyRevoked', 'This key is revoked: the gateway must make another.')

  const root = rootOf(seen.authority, issuingRoot(seen.authority.stage))
  const request = createHash('sha256').update(spec.request).digest('hex') as KeyID
  const { conditions: _, ...kept } = status ?? {}
  const stands = status?.request === request && status.root === root.id && status.certificate !== undefined
  const good = { status: 'True', reason: 'Issued', message: 'The certificate is in the status.' } as const
  if (stands) return say(kept, good)
  // What it has stays: it is good until it ends.
  const later = (reason: string, message: string) => say(kept, { status: 'False', reason, message })
  if (!spec.trusts.includes(root.id))
    return later('RootUnknown', 'The gateway does not say yet that it believes the root that issues.')
  const entries = issued.get(spec.clusterID) ?? []
  if (entries.length >= mostPerCluster)
    return later('TooMany', 'The cluster has had too many certificates: wait until some have ended.')
  const notBefore = new Date(now.getTime() - toleratedSkewMs)
  const notAfter = new Date(now.getTime() + seen.ca.certificateHours * 3_600_000)
  const leaf = issueGateway(root, spki.value, gatewayDNSName(spec.clusterID, spec.node), { notBefore, notAfter })
  issued.set(spec.clusterID, [...entries, { serial: leaf.serial, key, member: member.metadata.uid, until: notAfter }])
  const { pem: certificate, serial } = leaf
  return say({ request, certificate, root: root.id, serial, notBefore: time(notBefore), notAfter: time(notAfter) }, good)
}

function ledgerSteps({ ledgers }: PkiSeen, issued: ReadonlyMap<string, readonly Entry[]>): readonly Step[] {
  return [...issued].flatMap(([clusterID, entries]): readonly Step[] => {
    const key = { namespace: brokerNamespace, name: ledgerName(clusterID) }
    const have = ledgers.find((l) => l.metadata.name === key.name)
    if (entries.length > 0) return [{ do: 'apply', kind: configMaps, object: ledgerObject({ clusterID, entries }), have }]
    return have === undefined ? [] : [{ do: 'delete', kind: configMaps, key }]
  })
}
