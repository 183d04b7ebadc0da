import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { fleet } from '#crds/fleet.ts'
import type { GatewayCertificate } from '#crds/gateway-certificate.ts'
import { gatewayCertificate } from '#crds/gateway-certificate.ts'
import { member } from '#crds/member.ts'
import { gatewayDNSName, gatewayEndpointName } from '#crds/places.ts'
import type { TrustBundle } from '#crds/trust-bundle.ts'
import { trustBundle } from '#crds/trust-bundle.ts'
import type { Kube } from '#lib/kube/client.ts'
import { kube } from '#lib/kube/client.ts'
import type { Secret } from '#lib/kube/kinds.ts'
import { secrets } from '#lib/kube/kinds.ts'
import type { Kind, KubeObject } from '#lib/kube/object.ts'
import { CertKey, keyIDOf } from '#lib/pki/cert-key.ts'
import { makeRequest } from '#lib/pki/request.ts'
import { believe, rootIDOf } from '#lib/pki/trust.ts'
import { logger } from '#lib/std/log.ts'
import type { ApiServer } from '#test/kit/apiserver.ts'
import { apiserver } from '#test/kit/apiserver.ts'
import { reconcilePki } from './reconcile.ts'

const { signal } = new AbortController()
const now = new Date('2026-11-25T12:00:00Z')
const after = (seconds: number) => new Date(now.getTime() + seconds * 1000)
const later = (hours: number) => after(hours * 3600)
const day = 24 * 3600
const name = gatewayEndpointName('east', 'n1')

suite('the CA of a fleet', function () {
  this.timeout(20_000)
  let server: ApiServer
  let api: Kube

  setup(async () => {
    server = await apiserver()
    api = kube(server.connection, logger('test', 'silent'))
    put(fleet, 'tombolo-broker', 'fleet', { spec: { clusterset: 'test' } })
    put(member, 'tombolo-broker', 'east', {
      spec: { clusterID: 'east', clusterUID: 'u', podCIDRs: ['10.1.0.0/16'], serviceCIDRs: ['10.2.0.0/16'] },
    })
  })
  teardown(async () => {
    await api[Symbol.asyncDispose]()
    await server[Symbol.asyncDispose]()
  })

  const put = (kind: Kind, namespace: string, objectName: string, rest: object) =>
    server.put<KubeObject>(kind, {
      apiVersion: kind.apiVersion,
      kind: kind.kind,
      metadata: { namespace, name: objectName },
      ...rest,
    })
  const run = async (at = now) => {
    for (let i = 0; i < 3; i++) await reconcilePki(api, at, signal)
  }
  const bundle = () => server.read<TrustBundle>(trustBundle, { namespace: 'tombolo-broker', name: 'fleet' }) ?? assert.fail()
  const roots = () => bundle().spec.roots.map((r) => new X509Certificate(r.certificate))
  const ask = (key: CertKey, change: object = {}, where = 'tombolo-m-east', as = name) => {
    const spec = { clusterID: 'east', node: 'n1', request: makeRequest(key, 'n1'), trusts: roots().map(rootIDOf), ...change }
    const status = server.read<GatewayCertificate>(gatewayCertificate, { namespace: where, name: as })?.status
    put(gatewayCertificate, where, as, { spec, ...(status === undefined ? {} : { status }) })
  }
  const answer = (where = 'tombolo-m-east', as = name) =>
    server.read<GatewayCertificate>(gatewayCertificate, { namespace: where, name: as })?.status ?? assert.fail('no answer')
  const reason = () => answer().conditions?.find((c) => c.type === 'Ready')?.reason
  const trust = () => ({
    roots: roots(),
    denied: {
      keys: new Set<string>(bundle().spec.denied.map((d) => d.key)),
      serials: new Set(bundle().spec.denied.map((d) => d.serial)),
    },
  })
  const believed = (at = now) => believe(answer().certificate ?? '', gatewayDNSName('east', 'n1'), trust(), at).ok

  test('is made once, its key in one Secret, its root in the bundle', async () => {
    await run()
    const [first] = roots()
    await run()
    assert.deepEqual([roots().length, roots()[0]?.fingerprint256], [1, first?.fingerprint256])
    const secret = server.read<Secret>(secrets, { namespace: 'tombolo-broker', name: 'tombolo-fleet-ca' })
    assert.deepEqual(Object.keys(secret?.data ?? {}).toSorted(), ['root-1.crt', 'root-1.key', 'stage'])
    assert.ok(!JSON.stringify(bundle()).includes('PRIVATE'))
  })

  test('answers a request for a day, once, and a new one with another', async () => {
    await run()
    const key = CertKey.generate()
    ask(key)
    await run()
    const { serial, notAfter } = answer()
    assert.ok(believed() && !believed(later(24)))
    assert.equal(notAfter, '2026-11-26T12:00:00Z')
    await run(later(1))
    assert.equal(answer().serial, serial)
    ask(key)
    await run(later(16))
    assert.notEqual(answer().serial, serial)
    assert.ok(believed(later(30)))
  })

  test('a certificate is good at once by a clock that is five minutes behind, and no longer than it says by any', async () => {
    await run()
    ask(CertKey.generate())
    await run()
    assert.deepEqual(
      [-301, -300, day - 1, day].map((seconds) => believed(after(seconds))),
      [false, true, true, false],
    )
  })

  const refused: readonly (readonly [string, () => void, string])[] = [
    [
      'no request',
      () =>
        ask(CertKey.generate(), { request: '-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n' }),
      'BadRequest',
    ],
    ['the node of another name', () => ask(CertKey.generate(), { node: 'n2' }), 'NotItsName'],
    ['another cluster’s name', () => ask(CertKey.generate(), { clusterID: 'west' }), 'NotItsName'],
    ['no trust in the root yet', () => ask(CertKey.generate(), { trusts: [] }), 'RootUnknown'],
  ]
  for (const [what, asking, why] of refused)
    test(`gives no certificate for ${what}`, async () => {
      await run()
      asking()
      await run()
      assert.deepEqual([reason(), answer().certificate], [why, undefined])
    })

  test('denies everything of a member that is gone, by serial and key, until it ends by itself', async () => {
    await run()
    const key = CertKey.generate()
    ask(key)
    await run()
    const { certificate = '', serial } = answer()
    server.remove(member, { namespace: 'tombolo-broker', name: 'east' })
    await run()
    assert.deepEqual(
      bundle().spec.denied.map((d) => [d.serial, d.key]),
      [[serial, key.id]],
    )
    assert.ok(!believe(certificate, gatewayDNSName('east', 'n1'), trust(), now).ok)
    assert.deepEqual([reason(), answer().certificate], ['NotAdmitted', undefined])
    // By the clock of a gateway that is five minutes behind, too.
    await run(after(day + 300))
    assert.equal(bundle().spec.denied.length, 1)
    await run(after(day + 301))
    assert.deepEqual(bundle().spec.denied, [])
  })

  test('denies a key that the administrator revoked, and gives the gateway another when it has made another', async () => {
    await run()
    const key = CertKey.generate()
    ask(key)
    await run()
    put(fleet, 'tombolo-broker', 'fleet', { spec: { clusterset: 'test', ca: { revokedKeys: [keyIDOf(key.spki)] } } })
    await run()
    assert.deepEqual([reason(), answer().certificate], ['KeyRevoked', undefined])
    assert.equal(bundle().spec.denied.length, 1)
    ask(CertKey.generate())
    await run()
    assert.ok(believed())
  })

  test('a wish for another root waits for the gateway, and says for which', async () => {
    await run()
    ask(CertKey.generate())
    await run()
    put(fleet, 'tombolo-broker', 'fleet', { spec: { clusterset: 'test', ca: { root: 2 } } })
    await run()
    const progress = bundle().status?.conditions?.find((c) => c.type === 'Progressing')
    assert.deepEqual([bundle().status?.stage, roots().length, progress?.reason], ['Introduced', 2, 'Waiting'])
    assert.match(progress?.message ?? '', new RegExp(name))
    assert.ok(believed())
  })

  test('a Secret that is gone is not replaced in silence', async () => {
    await run()
    server.remove(secrets, { namespace: 'tombolo-broker', name: 'tombolo-fleet-ca' })
    const next = await reconcilePki(api, now, signal)
    assert.ok(next.kind === 'blocked' && next.reason === 'KeyLost')
    assert.equal(server.read(secrets, { namespace: 'tombolo-broker', name: 'tombolo-fleet-ca' }), undefined)
  })
})
