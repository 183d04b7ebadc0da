import assert from 'node:assert/strict'
import { createHash, X509Certificate } from 'node:crypto'
import type { GatewayCertificate } from '#crds/gateway-certificate.ts'
import { gatewayDNSName } from '#crds/places.ts'
import type { TrustBundle } from '#crds/trust-bundle.ts'
import type { KeyID } from '#lib/pki/cert-key.ts'
import { CertKey, keyIDOf } from '#lib/pki/cert-key.ts'
import { issueGateway, issueRoot } from '#lib/pki/certificate.ts'
import { makeRequest } from '#lib/pki/request.ts'
import type { CertificateSeen } from './plan.ts'
import { planCertificate } from './plan.ts'

const now = new Date('2026-11-25T12:00:00Z')
const hours = (n: number) => new Date(now.getTime() + n * 3_600_000)
const rootOf = (commonName: string) => {
  const key = CertKey.generate()
  const { pem } = issueRoot(key, { commonName }, { notBefore: hours(-1), notAfter: hours(87_600) })
  return { key, pem, certificate: new X509Certificate(pem) }
}
const [first, second] = [rootOf('1'), rootOf('2')]
const key = CertKey.generate()
const request = makeRequest(key, 'n1')
const digest = createHash('sha256').update(request).digest('hex') as KeyID
const day = { notBefore: now, notAfter: hours(24) }
const issue = (root = first, spki = key.spki, name = gatewayDNSName('east', 'n1')) => issueGateway(root, spki, name, day)
const issued = issue()

type Denied = TrustBundle['spec']['denied']
const bundleOf = (roots: readonly (typeof first)[], denied: Denied = []): TrustBundle =>
  ({
    spec: { roots: roots.map((r) => ({ id: keyIDOf(r.key.spki), certificate: r.pem })), denied },
  }) as unknown as TrustBundle
const askedWith = (status: object = {}, spec: object = {}): GatewayCertificate =>
  ({
    metadata: { name: 'x', generation: 2 },
    spec: { clusterID: 'east', node: 'n1', request, trusts: [], ...spec },
    status,
  }) as unknown as GatewayCertificate
const answered = (pem = issued.pem, status: object = {}) => askedWith({ request: digest, certificate: pem, ...status })
const refused = (reason: string, observedGeneration = 2) =>
  askedWith({ observedGeneration, conditions: [{ type: 'Ready', status: 'False', reason }] })

suite('the certificate of a gateway', () => {
  const well: CertificateSeen = { clusterID: 'east', node: 'n1', key, bundle: bundleOf([first]), asked: answered(), now }
  const theirs = CertKey.generate()
  const denied = (serial: string, ofKey: KeyID): Denied => [{ serial, key: ofKey, until: '2027-01-01T00:00:00Z' }]

  const rows: readonly (readonly [string, Partial<CertificateSeen>, string])[] = [
    ['all is well', {}, 'key keep, request keep, in use'],
    ['a node without a key', { key: undefined, asked: undefined }, 'key make, request make, none'],
    ['the key is there and nothing was asked', { asked: undefined }, 'key keep, request make, none'],
    ['it was asked and not answered', { asked: askedWith() }, 'key keep, request keep, none'],
    ['the key was lost', { key: undefined }, 'key make, request make, none'],
    ['the key is another than was asked for', { key: theirs }, 'key keep, request make, none'],
    ['what was asked is no request', { asked: askedWith({}, { request: 'x' }) }, 'key keep, request make, none'],
    ['just before two thirds of its life', { now: hours(15.9) }, 'key keep, request keep, in use'],
    ['two thirds of its life are over', { now: hours(16) }, 'key keep, request make, in use'],
    [
      'asked anew, and not answered yet: the old one goes on',
      { asked: answered(issued.pem, { request: 'ab'.repeat(32) }), now: hours(20) },
      'key keep, request keep, in use',
    ],
    ['it has ended', { now: hours(24) }, 'key keep, request make, none'],
    ['the key is revoked', { asked: refused('KeyRevoked') }, 'key make, request make, none'],
    ['the word of an earlier request', { asked: refused('KeyRevoked', 1) }, 'key keep, request keep, none'],
    ['the cluster is in quarantine', { asked: refused('NotAdmitted') }, 'key keep, request keep, none'],
    ['it is denied by serial', { bundle: bundleOf([first], denied(issued.serial, theirs.id)) }, 'key keep, request keep, none'],
    ['it is denied by key', { bundle: bundleOf([first], denied('1', key.id)) }, 'key keep, request keep, none'],
    ['it is for another key', { asked: answered(issue(first, theirs.spki).pem) }, 'key keep, request keep, none'],
    [
      'it is for another gateway',
      { asked: answered(issue(first, key.spki, gatewayDNSName('east', 'n2')).pem) },
      'key keep, request keep, none',
    ],
    ['its root is not believed', { bundle: bundleOf([second]) }, 'key keep, request keep, none'],
    ['nothing is known of roots', { bundle: undefined }, 'key keep, request keep, none'],
    ['a second root is introduced', { bundle: bundleOf([first, second]) }, 'key keep, request keep, in use'],
    [
      'it is of the second root',
      { bundle: bundleOf([first, second]), asked: answered(issue(second).pem) },
      'key keep, request keep, in use',
    ],
  ]
  for (const [what, change, want] of rows)
    test(`${what}: ${want}`, () => {
      const plan = planCertificate({ ...well, ...change })
      const has = plan.inUse === undefined ? 'none' : 'in use'
      assert.equal(`key ${plan.key}, request ${plan.request}, ${has}`, want)
      assert.equal(plan.certificate === undefined, plan.inUse === undefined)
    })

  test('it says which roots it believes, and writes down what is denied', () => {
    const plan = planCertificate({ ...well, bundle: bundleOf([first, second], denied('ab12', theirs.id)) })
    assert.deepEqual(
      plan.trusts,
      [first, second].map((r) => keyIDOf(r.key.spki)),
    )
    assert.equal(plan.roots, first.pem + second.pem)
    assert.equal(plan.denied, `ab12 ${theirs.id}\n`)
    assert.equal(plan.inUse, issued.serial)
  })
})
