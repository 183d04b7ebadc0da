// The whole way: a gateway on a node made of text, its operator's door, and the broker's CA, between two apiservers of the test.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fleet } from '#crds/fleet.ts'
import type { GatewayCertificate } from '#crds/gateway-certificate.ts'
import { gatewayCertificate } from '#crds/gateway-certificate.ts'
import type { GatewayEndpoint } from '#crds/gateway-endpoint.ts'
import { gatewayEndpoint } from '#crds/gateway-endpoint.ts'
import { member } from '#crds/member.ts'
import { gatewayDNSName, gatewayEndpointName } from '#crds/places.ts'
import type { TrustBundle } from '#crds/trust-bundle.ts'
import { trustBundle } from '#crds/trust-bundle.ts'
import type { FakeHost } from '#lib/host/fake.ts'
import { fakeHost } from '#lib/host/fake.ts'
import type { Kube } from '#lib/kube/client.ts'
import { kube } from '#lib/kube/client.ts'
import type { Kind, KubeObject } from '#lib/kube/object.ts'
import { settled } from '#lib/kube/controller.ts'
import { applyPlan } from '#lib/kube/plan.ts'
import { believe } from '#lib/pki/trust.ts'
import { logger } from '#lib/std/log.ts'
import type { ApiServer } from '#test/kit/apiserver.ts'
import { apiserver, writes } from '#test/kit/apiserver.ts'
import { answerSteps, askSteps, bundleSteps } from '../../operator/door/certificates.ts'
import { reconcilePki } from '../../broker/pki/reconcile.ts'
import { certify } from './certificate.ts'
import { readKept } from './kept.ts'

const log = logger('test', 'silent')
const { signal } = new AbortController()
const began = new Date('2026-11-25T12:00:00Z')
const hours = (n: number) => new Date(began.getTime() + n * 3_600_000)
const name = gatewayEndpointName('east', 'n1')
const dir = '/var/lib/tombolo/ike'
const [system, theirs] = ['tombolo-system', 'tombolo-m-east']

suite('the life of a gateway’s certificate', function () {
  this.timeout(30_000)
  let [here, hub]: (ApiServer | undefined)[] = []
  let local: Kube
  let broker: Kube
  let host: FakeHost
  let folder: string

  setup(async () => {
    const servers = [await apiserver(), await apiserver()] as const
    ;[here, hub] = servers
    ;[local, broker] = [kube(servers[0].connection, log), kube(servers[1].connection, log)]
    host = fakeHost()
    folder = mkdtempSync(join(tmpdir(), 'tombolo-ike-'))
    wish({})
    admit({})
    put(servers[0], gatewayEndpoint, system, name, { spec: { clusterID: 'east', node: 'n1' } })
  })
  teardown(async () => {
    for (const closing of [local, broker, here, hub]) await closing?.[Symbol.asyncDispose]()
    rmSync(folder, { recursive: true })
  })

  const put = (server: ApiServer | undefined, kind: Kind, namespace: string, objectName: string, rest: object) =>
    server?.put<KubeObject>(kind, {
      apiVersion: kind.apiVersion,
      kind: kind.kind,
      metadata: { namespace, name: objectName },
      ...rest,
    })
  const wish = (ca: object) => put(hub, fleet, 'tombolo-broker', 'fleet', { spec: { clusterset: 'test', ca } })
  const admit = (spec: object) => {
    const addresses = { podCIDRs: ['10.1.0.0/16'], serviceCIDRs: ['10.2.0.0/16'] }
    put(hub, member, 'tombolo-broker', 'east', { spec: { clusterID: 'east', clusterUID: 'u', ...addresses, ...spec } })
  }
  const asked = (server: ApiServer | undefined, namespace: string) => {
    const found = server?.read<GatewayCertificate>(gatewayCertificate, { namespace, name })
    return found === undefined ? [] : [found]
  }
  const bundle = (server: ApiServer | undefined, namespace: string) =>
    server?.read<TrustBundle>(trustBundle, { namespace, name: 'fleet' })
  /** Everybody does their part at `now`, several times over. */
  const live = async (now: Date, rounds = 6) => {
    const apply = (to: Kube, steps: Parameters<typeof applyPlan>[1]['steps']) =>
      applyPlan(to, { steps, next: settled }, 'tombolo-operator', signal)
    for (let round = 0; round < rounds; round++) {
      const endpoint = here?.read<GatewayEndpoint>(gatewayEndpoint, { namespace: system, name }) ?? assert.fail()
      const seen = { endpoint, bundle: bundle(here, system), asked: asked(here, system)[0], now }
      await certify(
        local,
        { clusterID: 'east', node: 'n1', namespace: system, host, dir, log, onChange: () => undefined },
        seen,
        signal,
      )
      await apply(broker, askSteps('east', asked(here, system), asked(hub, theirs)))
      await reconcilePki(broker, now, signal)
      await apply(local, answerSteps(asked(here, system), asked(hub, theirs)))
      await apply(local, bundleSteps(bundle(hub, 'tombolo-broker'), bundle(here, system)))
    }
  }
  const file = (of: string) => host.files.get(`${dir}/${of}`)
  const serial = () => asked(here, system)[0]?.spec.inUse
  const reason = () => asked(here, system)[0]?.status?.conditions?.find((c) => c.type === 'Ready')?.reason
  const onDisk = (of: string) => {
    const path = join(folder, of)
    writeFileSync(path, file(of)?.content ?? assert.fail(of))
    return path
  }
  const openssl = (...args: readonly string[]) =>
    execFileSync('openssl', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
  /** What lies on the node, as OpenSSL finds it. */
  const holdsGood = (now: Date) => {
    const at = String(now.getTime() / 1000)
    const [roots, certificate, key] = [onDisk('roots.pem'), onDisk('certificate.pem'), onDisk('key.pem')]
    assert.match(openssl('verify', '-x509_strict', '-attime', at, '-CAfile', roots, certificate), /OK/)
    assert.ok(openssl('x509', '-in', certificate, '-noout', '-ext', 'subjectAltName').includes(gatewayDNSName('east', 'n1')))
    assert.equal(openssl('x509', '-in', certificate, '-noout', '-pubkey'), openssl('pkey', '-in', key, '-pubout'))
  }

  test('asked for by a key that stays on the node, it comes back through the door, verifies, and nothing is written after that', async () => {
    await live(began)
    holdsGood(began)
    for (const [path, { mode }] of host.files) assert.equal(mode, 0o600, path)
    assert.deepEqual([reason(), file('denied')?.content], ['Issued', ''])
    assert.ok(serial() !== undefined)
    const [left, right] = [here, hub].map((server) => (server === undefined ? 0 : writes(server).length))
    await live(hours(1))
    assert.deepEqual(
      [here, hub].map((server) => (server === undefined ? 0 : writes(server).length)),
      [left, right],
    )
    const everything = JSON.stringify([asked(here, system), asked(hub, theirs), bundle(here, system)])
    const secret = (file('key.pem')?.content ?? '').split('\n')[1] ?? ''
    assert.ok(secret.length > 60 && !everything.includes(secret))
  })

  test('is renewed at two thirds of its life with the same key, and asked for anew when the key is lost', async () => {
    await live(began)
    const [old, key] = [serial(), file('key.pem')?.content]
    await live(hours(15))
    assert.equal(serial(), old)
    await live(hours(17))
    assert.notEqual(serial(), old)
    assert.equal(file('key.pem')?.content, key)
    holdsGood(hours(30))
    await host.remove(`${dir}/key.pem`, signal)
    await live(hours(18))
    assert.notEqual(file('key.pem')?.content, key)
    holdsGood(hours(18))
  })

  test('follows a rotation of the CA by itself, to its end', async () => {
    await live(began)
    const old = serial()
    wish({ root: 2 })
    await live(hours(1), 12)
    assert.equal(bundle(hub, 'tombolo-broker')?.status?.stage, 'Stable')
    assert.equal(bundle(here, system)?.spec.roots.length, 1)
    assert.notEqual(serial(), old)
    holdsGood(hours(1))
  })

  test('whose key is revoked is replaced, with another key; who reads what lies on the node believes the new one alone', async () => {
    await live(began)
    const key = file('key.pem')?.content
    const kept = () => readKept(host, dirname(dir), signal)
    const revoked = (await kept()).own
    wish({ revokedKeys: [keyIDOnNode()] })
    await live(hours(1))
    assert.notEqual(file('key.pem')?.content, key)
    holdsGood(hours(1))
    assert.match(file('denied')?.content ?? '', /^[0-9a-f]+ [0-9a-f]{64}\n$/)
    const { own, trust } = await kept()
    const believed = (pem = '') => believe(pem, gatewayDNSName('east', 'n1'), trust, hours(1)).ok
    assert.deepEqual([believed(revoked?.pem), believed(own?.pem)], [false, true])
    await host.remove(`${dir}/certificate.pem`, signal)
    assert.equal((await kept()).own, undefined)
  })

  test('of a cluster in quarantine is taken off the node and said to be, and comes back with the same key', async () => {
    await live(began)
    const key = file('key.pem')?.content
    admit({ state: 'Quarantined' })
    await live(hours(1))
    assert.deepEqual([reason(), serial(), file('certificate.pem')], ['NotAdmitted', undefined, undefined])
    assert.notEqual(file('denied')?.content, '')
    admit({})
    await live(hours(2))
    assert.equal(file('key.pem')?.content, key)
    holdsGood(hours(2))
  })

  test('the request goes from the broker when it is gone here', async () => {
    await live(began)
    here?.remove(gatewayCertificate, { namespace: system, name })
    await applyPlan(broker, { steps: askSteps('east', [], asked(hub, theirs)), next: settled }, 'tombolo-operator', signal)
    assert.deepEqual(asked(hub, theirs), [])
  })

  const keyIDOnNode = (): string => {
    const der = execFileSync('openssl', ['pkey', '-in', onDisk('key.pem'), '-pubout', '-outform', 'DER'])
    return execFileSync('openssl', ['dgst', '-sha256', '-r'], { input: der, encoding: 'utf8' }).slice(0, 64)
  }
})
