import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { generateKeyPairSync, X509Certificate } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { issueGateway, issueRoot } from './certificate.ts'
import { CertKey } from './cert-key.ts'
import { bitString, integer, readDer, sequence } from './der.ts'
import { fromPem, toPem } from './pem.ts'
import { makeRequest, readRequest } from './request.ts'
import { believe, rootIDOf, serialOf } from './trust.ts'

const now = new Date('2026-11-25T12:00:00Z')
const hours = (n: number) => new Date(now.getTime() + n * 3_600_000)
const nobody = { keys: new Set<string>(), serials: new Set<string>() }
const dnsName = 'n1.east.gateway.tombolo.dev'

function rootOf(commonName = 'fleet root 1', notAfter = hours(87_600)) {
  const key = CertKey.generate()
  const { pem } = issueRoot(key, { commonName, organization: 'Tombolo' }, { notBefore: hours(-1), notAfter })
  return { key, pem, certificate: new X509Certificate(pem) }
}

suite('certificates', () => {
  let folder: string
  setup(() => {
    folder = mkdtempSync(join(tmpdir(), 'tombolo-pki-'))
  })
  teardown(() => rmSync(folder, { recursive: true, force: true }))
  const file = (name: string, content: string) => {
    const path = join(folder, name)
    writeFileSync(path, content)
    return path
  }
  const openssl = (...args: readonly string[]) =>
    execFileSync('openssl', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
  const verify = (root: string, leaf: string) =>
    openssl(
      'verify',
      '-x509_strict',
      '-attime',
      String(now.getTime() / 1000),
      '-CAfile',
      file('root.pem', root),
      file('leaf.pem', leaf),
    )

  test('OpenSSL, as strict as it can be, verifies a root and what it issued', () => {
    const root = rootOf()
    const leaf = issueGateway(root, CertKey.generate().spki, dnsName, { notBefore: hours(-1), notAfter: hours(24) })
    assert.match(verify(root.pem, root.pem), /OK/)
    assert.match(verify(root.pem, leaf.pem), /OK/)
    assert.throws(() => verify(rootOf().pem, leaf.pem), /unable to get local issuer/)
  })

  test('a gateway’s certificate says what IKE needs, and no more', () => {
    const root = rootOf()
    const key = CertKey.generate()
    const { pem, serial } = issueGateway(root, key.spki, dnsName, { notBefore: hours(-1), notAfter: hours(24) })
    const text = openssl('x509', '-in', file('leaf.pem', pem), '-noout', '-text')
    for (const line of [
      /Version: 3/,
      /Signature Algorithm: ecdsa-with-SHA256/,
      /Issuer: O = Tombolo, CN = fleet root 1/,
      /Subject: ?\n/,
      /NIST CURVE: P-256/,
      /X509v3 Basic Constraints: critical\s+CA:FALSE/,
      /X509v3 Key Usage: critical\s+Digital Signature\n/,
      /X509v3 Extended Key Usage: \s+(ipsec Internet Key Exchange|1\.3\.6\.1\.5\.5\.7\.3\.17)/,
      /X509v3 Subject Alternative Name: critical\s+DNS:n1\.east\.gateway\.tombolo\.dev\n/,
      /Authority Key Identifier/,
      /Subject Key Identifier/,
    ])
      assert.match(text, line)
    const certificate = new X509Certificate(pem)
    assert.equal(serialOf(certificate), serial)
    assert.ok(certificate.verify(root.certificate.publicKey) && certificate.checkIssued(root.certificate))
    assert.equal(rootIDOf(certificate), key.id)
    assert.equal(certificate.validToDate.getTime(), hours(24).getTime())
  })

  test('a root issues leafs only, and says so critically', () => {
    const text = openssl('x509', '-in', file('root.pem', rootOf().pem), '-noout', '-text')
    assert.match(text, /Basic Constraints: critical\s+CA:TRUE, pathlen:0/)
    assert.match(text, /Key Usage: critical\s+Certificate Sign, CRL Sign\n/)
  })

  test('its serial is of 127 bits, and never the same', () => {
    const root = rootOf()
    const { spki } = CertKey.generate()
    const validity = { notBefore: now, notAfter: hours(1) }
    const serials = Array.from({ length: 50 }, () => issueGateway(root, spki, dnsName, validity).serial)
    assert.equal(new Set(serials).size, 50)
    assert.ok(serials.every((s) => BigInt(`0x${s}`).toString(2).length === 127))
  })

  test('it does not outlive its root', () => {
    const root = rootOf('short', hours(3))
    const { pem } = issueGateway(root, CertKey.generate().spki, dnsName, { notBefore: now, notAfter: hours(24) })
    assert.equal(new X509Certificate(pem).validToDate.getTime(), hours(3).getTime())
  })

  test('a root that lasts beyond 2049 verifies as well', () => {
    const root = rootOf('long', new Date('2060-06-01T00:00:00Z'))
    assert.match(verify(root.pem, root.pem), /OK/)
    assert.equal(root.certificate.validToDate.toISOString(), '2060-06-01T00:00:00.000Z')
  })

  test('a private key is not printed by accident, and comes back from its text', () => {
    const key = CertKey.generate()
    const printed = [String(key), JSON.stringify({ key }), inspect({ key }, { depth: 9 })].join('\n')
    const secret = key.pem().split('\n')[1] ?? assert.fail()
    assert.ok(!printed.includes(secret.slice(20, 60)))
    const again = CertKey.parse(key.pem())
    assert.ok(again.ok && again.value.id === key.id)
    const other = generateKeyPairSync('ed25519').privateKey.export({ format: 'pem', type: 'pkcs8' }).toString()
    for (const text of ['', 'secret', other]) {
      const parsed = CertKey.parse(text)
      assert.ok(!parsed.ok && parsed.error.value === '[secret]')
    }
  })

  suite('a signing request', () => {
    test('is verified by OpenSSL, and gives its key', () => {
      const key = CertKey.generate()
      const pem = makeRequest(key, 'east/n1')
      const path = file('request.pem', pem)
      assert.doesNotThrow(() => openssl('req', '-verify', '-noout', '-in', path))
      assert.match(openssl('req', '-noout', '-subject', '-in', path), /CN = east\/n1/)
      const read = readRequest(pem)
      assert.ok(read.ok && read.value.equals(key.spki))
    })

    test('of OpenSSL is understood, whatever it asks for', () => {
      const path = file('key.pem', CertKey.generate().pem())
      const pem = openssl('req', '-new', '-key', path, '-subj', '/CN=root', '-addext', 'basicConstraints=critical,CA:TRUE')
      assert.ok(readRequest(pem).ok)
    })

    const change = (pem: string, edit: (der: Buffer) => void): string => {
      const der = fromPem('CERTIFICATE REQUEST', pem)
      assert.ok(der.ok)
      edit(der.value)
      return toPem('CERTIFICATE REQUEST', der.value)
    }
    const good = makeRequest(CertKey.generate(), 'east')
    const theirs = CertKey.generate()
    const hostile: readonly (readonly [string, string])[] = [
      ['that is empty', ''],
      ['that is another thing in PEM', good.replaceAll('CERTIFICATE REQUEST', 'CERTIFICATE')],
      ['with another one behind it', `${good}${good}`],
      ['with text before it', `hello\n${good}`],
      ['whose signature was changed', change(good, (der) => void (der[der.length - 1] = (der.at(-1) ?? 0) ^ 1))],
      ['for a key that its sender has not', withKeyOf(good, theirs)],
    ]
    for (const [what, pem] of hostile) test(`${what} is refused`, () => assert.ok(!readRequest(pem).ok))

    test('for a key of another kind is refused', () => {
      for (const [name, args] of [
        ['p384', ['ecparam', '-name', 'secp384r1', '-genkey', '-noout']],
        ['rsa', ['genrsa', '1024']],
      ] as const) {
        const path = file(`${name}.pem`, openssl(...args))
        assert.ok(!readRequest(openssl('req', '-new', '-sha256', '-key', path, '-subj', '/CN=x')).ok, name)
      }
    })

    function withKeyOf(pem: string, key: CertKey): string {
      const own = readRequest(pem)
      assert.ok(own.ok)
      return change(pem, (der) => void key.spki.copy(der, der.indexOf(own.value)))
    }
  })

  suite('is believed', () => {
    const root = rootOf()
    const key = CertKey.generate()
    const leaf = issueGateway(root, key.spki, dnsName, { notBefore: hours(-1), notAfter: hours(24) })
    const trust = { roots: [rootOf('other').certificate, root.certificate], denied: nobody }

    test('when a trusted root issued it, for this name, and it is valid', () =>
      assert.ok(believe(leaf.pem, dnsName, trust, now).ok))

    const forged = { key: CertKey.generate(), certificate: root.certificate }
    const foreign = issueGateway(forged, key.spki, dnsName, { notBefore: hours(-1), notAfter: hours(24) })
    const tls = () => {
      const path = file('tls.pem', CertKey.generate().pem())
      return openssl(
        'req',
        '-x509',
        '-new',
        '-key',
        path,
        '-subj',
        '/CN=x',
        '-days',
        '1',
        '-addext',
        `subjectAltName=DNS:${dnsName}`,
      )
    }
    const refused: readonly (readonly [string, () => ReturnType<typeof believe>, RegExp])[] = [
      ['under another name', () => believe(leaf.pem, 'n1.west.gateway.tombolo.dev', trust, now), /this name/],
      ['after its end', () => believe(leaf.pem, dnsName, trust, hours(24)), /valid now/],
      ['before its beginning', () => believe(leaf.pem, dnsName, trust, hours(-2)), /valid now/],
      ['when no root is trusted', () => believe(leaf.pem, dnsName, { ...trust, roots: [] }, now), /root that is trusted/],
      ['when another key signed in the root’s name', () => believe(foreign.pem, dnsName, trust, now), /root that is trusted/],
      ['when it is a root itself', () => believe(root.pem, dnsName, trust, now), /issues none/],
      ['when it signed itself', () => believe(tls(), dnsName, trust, hours(0)), /root that is trusted/],
      ['when it is no certificate', () => believe('x', dnsName, trust, now), /PEM/],
      [
        'when its serial is revoked',
        () => believe(leaf.pem, dnsName, { ...trust, denied: { ...nobody, serials: new Set([leaf.serial]) } }, now),
        /not revoked/,
      ],
      [
        'when its key is revoked',
        () => believe(leaf.pem, dnsName, { ...trust, denied: { ...nobody, keys: new Set([key.id]) } }, now),
        /not revoked/,
      ],
    ]
    for (const [when, judge, want] of refused)
      test(`no more ${when}`, () => {
        const judged = judge()
        assert.ok(!judged.ok)
        assert.match(judged.error.want, want)
      })

    // CVE-2026-25793: a list of fingerprints is evaded by the other signature that every ECDSA signature has.
    test('no more under its other signature when it is revoked', () => {
      const twin = otherSignature(leaf.pem)
      assert.ok(twin !== leaf.pem && believe(twin, dnsName, trust, now).ok)
      const denied = { ...nobody, serials: new Set([leaf.serial]) }
      assert.ok(!believe(twin, dnsName, { ...trust, denied }, now).ok)
    })
  })
})

/** (r, s) → (r, n − s): verifies just as well. */
function otherSignature(pem: string): string {
  const n = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n
  const der = fromPem('CERTIFICATE', pem)
  assert.ok(der.ok)
  const certificate = readDer(der.value)
  assert.ok(certificate.ok)
  const [body, algorithm, signature] = certificate.value.items
  assert.ok(body !== undefined && algorithm !== undefined && signature !== undefined)
  const pair = readDer(signature.content.subarray(1))
  assert.ok(pair.ok)
  const [r, s] = pair.value.items.map((i) => BigInt(`0x${i.content.toString('hex')}`))
  assert.ok(r !== undefined && s !== undefined)
  return toPem('CERTIFICATE', sequence(body.raw, algorithm.raw, bitString(sequence(integer(r), integer(n - s)))))
}
