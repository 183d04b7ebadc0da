import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import fc from 'fast-check'
import type { GatewayCertificate } from '#crds/gateway-certificate.ts'
import { gatewayCertificate } from '#crds/gateway-certificate.ts'
import type { Member } from '#crds/member.ts'
import { gatewayDNSName, gatewayEndpointName } from '#crds/places.ts'
import type { TrustBundle } from '#crds/trust-bundle.ts'
import { trustBundle } from '#crds/trust-bundle.ts'
import type { ConfigMap } from '#lib/kube/kinds.ts'
import { configMaps } from '#lib/kube/kinds.ts'
import type { KeyID } from '#lib/pki/cert-key.ts'
import { CertKey } from '#lib/pki/cert-key.ts'
import { makeRequest } from '#lib/pki/request.ts'
import { believe, rootIDOf, serialOf } from '#lib/pki/trust.ts'
import { moveTo } from './authority.ts'
import { planPki } from './plan.ts'
import type { GatewayReport, Stage, Wish } from './rotation.ts'
import { turn } from './rotation.ts'

const id = (root: number) => String(root).padStart(64, '0') as KeyID
const gateway = (change: Partial<GatewayReport> = {}): GatewayReport => ({
  name: 'east',
  trusts: new Set([id(1)]),
  answered: { root: id(1), serial: 'a1' },
  inUse: 'a1',
  ...change,
})
const both = new Set([id(1), id(2)])
const second = { answered: { root: id(2), serial: 'b1' } }
const stable = { at: 'Stable', root: 1 } as const
const introduced = { at: 'Introduced', old: 1, next: 2 } as const
const issuing = { at: 'Issuing', old: 1, next: 2 } as const

suite('the rotation of a root', () => {
  const rows: readonly (readonly [string, Stage, Wish, GatewayReport, Stage | 'stay' | 'wait'])[] = [
    ['rests where it is wished to be', stable, { root: 1, upTo: 'Stable' }, gateway(), 'stay'],
    ['begins with another root to believe', stable, { root: 2, upTo: 'Introduced' }, gateway(), introduced],
    ['is held at the introduction', introduced, { root: 2, upTo: 'Introduced' }, gateway({ trusts: both }), 'stay'],
    ['waits for a gateway that does not believe yet', introduced, { root: 2, upTo: 'Stable' }, gateway(), 'wait'],
    ['issues when all believe', introduced, { root: 2, upTo: 'Issuing' }, gateway({ trusts: both }), issuing],
    ['is held while it issues', issuing, { root: 2, upTo: 'Issuing' }, gateway({ ...second, inUse: 'b1' }), 'stay'],
    ['waits for a gateway that has an old one', issuing, { root: 2, upTo: 'Stable' }, gateway(), 'wait'],
    ['waits for a gateway that shows an old one', issuing, { root: 2, upTo: 'Stable' }, gateway(second), 'wait'],
    [
      'ends when all show a new one',
      issuing,
      { root: 2, upTo: 'Stable' },
      gateway({ ...second, inUse: 'b1' }),
      { at: 'Stable', root: 2 },
    ],
    ['goes a step back from issuing', issuing, { root: 2, upTo: 'Introduced' }, gateway(), introduced],
    ['goes back from issuing when the old root is wished', issuing, { root: 1, upTo: 'Stable' }, gateway(second), introduced],
    ['goes back to the start', introduced, { root: 1, upTo: 'Stable' }, gateway(), stable],
    [
      'waits on its way back for who shows a new one',
      introduced,
      { root: 1, upTo: 'Stable' },
      gateway({ ...second, inUse: 'b1' }),
      'wait',
    ],
    ['goes back first when a third root is wished', introduced, { root: 3, upTo: 'Stable' }, gateway(), stable],
  ]
  for (const [what, at, wish, report, want] of rows)
    test(what, () => {
      const now = turn(at, wish, [report], id)
      assert.deepEqual(now.do === 'go' ? now.to : now.do, want)
    })

  // What everybody knows lags behind as it likes: reports, bundles and certificates arrive when a gateway gets to it, or never.
  const gateways = ['n1', 'n2', 'n3'] as const
  const act = fc.oneof(
    fc.record({
      do: fc.constant('wish' as const),
      root: fc.integer({ min: 1, max: 3 }),
      upTo: fc.constantFrom('Introduced', 'Issuing', 'Stable'),
    }),
    fc.record({ do: fc.constant('wait' as const), hours: fc.constantFrom(1, 9, 30) }),
    fc.record({ do: fc.constant('control' as const) }),
    fc.record({ do: fc.constantFrom('pull' as const, 'adopt' as const, 'report' as const, 'renew' as const), who: fc.nat(2) }),
  )
  test('in every state, going on or back, every certificate in use verifies against every bundle in use', function () {
    this.timeout(120_000)
    const reached = new Set<string>()
    fc.assert(
      fc.property(fc.array(act, { minLength: 20, maxLength: 120 }), (acts) => {
        const world = fleet()
        for (const a of acts) {
          if (a.do === 'wish') world.wish = { root: a.root, upTo: a.upTo }
          else if (a.do === 'wait') world.wait(a.hours)
          else if (a.do === 'control') reached.add(world.control())
          else world.act(a.do, gateways[a.who] ?? 'n1')
          world.check()
        }
      }),
      { numRuns: 60 },
    )
    assert.deepEqual([...reached].toSorted(), ['Introduced', 'Issuing', 'Stable'])
  })

  test('left alone with gateways that do their part it ends, and comes back from each stage', () => {
    for (const upTo of ['Introduced', 'Issuing', 'Stable'] as const)
      for (const back of [1, 2]) {
        const world = fleet()
        const settle = () => {
          for (let round = 0; round < 12; round++) {
            world.control()
            for (const who of gateways) for (const what of ['pull', 'adopt', 'report'] as const) world.act(what, who)
            world.check()
          }
        }
        settle()
        world.wish = { root: 2, upTo }
        settle()
        assert.equal(world.stage().at, upTo)
        world.wish = { root: back, upTo: 'Stable' }
        settle()
        assert.deepEqual(world.stage(), { at: 'Stable', root: back })
        assert.equal(world.inUse(), 3)
      }
  })
})

/** Three gateways of east and the CA, by its real plan and with real certificates. */
function fleet() {
  let now = new Date('2026-11-25T12:00:00Z')
  let authority = moveTo({ at: 'Stable', root: 1 }, undefined, 'test', now)
  let bundle: TrustBundle | undefined
  const requests = new Map<string, GatewayCertificate>()
  const ledgers = new Map<string, ConfigMap>()
  type Local = { key: CertKey; request: string; bundle: readonly X509Certificate[]; shows: string | undefined }
  const locals = new Map<string, Local>()
  const local = (node: string): Local => {
    const key = CertKey.generate()
    const made = locals.get(node) ?? { key, request: makeRequest(key, node), bundle: [], shows: undefined }
    locals.set(node, made)
    return made
  }
  const nobody = { keys: new Set<string>(), serials: new Set<string>() }
  const judge = (node: string, roots: readonly X509Certificate[]) =>
    believe(local(node).shows ?? '', gatewayDNSName('east', node), { roots, denied: nobody }, now).ok
  const alive = () =>
    [...locals]
      .filter(([, { shows }]) => shows !== undefined && now < new X509Certificate(shows).validToDate)
      .map(([node]) => node)
  const member = { metadata: { name: 'east', uid: 'm1' }, spec: { clusterID: 'east' } } as unknown as Member

  return {
    wish: { root: 1, upTo: 'Stable' } as Wish,
    stage: () => authority.stage,
    inUse: () => alive().length,
    wait: (hours: number) => {
      now = new Date(now.getTime() + hours * 3_600_000)
    },
    control(): string {
      const seen = {
        authority,
        members: [member],
        certificates: [...requests.values()],
        ledgers: [...ledgers.values()],
        bundle,
        now,
      }
      const plan = planPki({ ...seen, ca: { ...this.wish, certificateHours: 24 } })
      if (plan.stage !== undefined) authority = moveTo(plan.stage, authority, 'test', now)
      for (const step of plan.steps)
        if (step.do === 'apply' && step.kind === trustBundle) bundle = step.object as TrustBundle
        else if (step.do === 'apply' && step.kind === configMaps) ledgers.set(step.object.metadata.name, step.object)
        else if (step.do === 'status' && step.kind === gatewayCertificate) {
          const asked = requests.get(step.key.name)
          if (asked !== undefined) requests.set(step.key.name, { ...asked, status: step.status })
        }
      return authority.stage.at
    },
    act(what: 'pull' | 'adopt' | 'report' | 'renew', node: string): void {
      const own = local(node)
      const name = gatewayEndpointName('east', node)
      const asked = requests.get(name)
      if (what === 'pull') own.bundle = bundle?.spec.roots.map((r) => new X509Certificate(r.certificate)) ?? []
      else if (what === 'renew') own.request = makeRequest(own.key, node)
      else if (what === 'adopt') own.shows = asked?.status?.certificate ?? own.shows
      else {
        const inUse = own.shows === undefined ? {} : { inUse: serialOf(new X509Certificate(own.shows)) }
        requests.set(name, {
          ...asked,
          apiVersion: gatewayCertificate.apiVersion,
          kind: gatewayCertificate.kind,
          metadata: { name, namespace: 'tombolo-m-east' },
          spec: { clusterID: 'east', node, request: own.request, trusts: own.bundle.map(rootIDOf), ...inUse },
        } as GatewayCertificate)
      }
    },
    check(): void {
      for (const shower of alive())
        for (const judging of alive()) assert.ok(judge(shower, local(judging).bundle), `${judging} of ${shower}`)
    },
  }
}
