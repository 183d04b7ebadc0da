import assert from 'node:assert/strict'
import fc from 'fast-check'
import { forwardersOf, importsServers, serverFile, unwire, wire, zoneForwarders } from './corefile.ts'

const zone = 'clusterset.local'
const kubeadm = '.:53 {\n    errors\n    kubernetes cluster.local\n    cache 30\n}\n'

function wired(corefile: string, server: string): string {
  const text = wire(corefile, zone, server)
  assert.ok(text !== undefined)
  return text
}

suite('the Corefile block', () => {
  test('forwards the zone to our server, after what was there', () => {
    assert.equal(
      wired(kubeadm, '10.91.0.7'),
      `${kubeadm}\n# tombolo: begin, kept by the tombolo operator\nclusterset.local:53 {\n    errors\n    forward . 10.91.0.7\n}\n# tombolo: end\n`,
    )
  })

  test('wiring again changes nothing, and another address replaces the first', () => {
    const once = wired(kubeadm, '10.91.0.7')
    assert.equal(wired(once, '10.91.0.7'), once)
    assert.equal(wired(once, '10.91.0.9'), wired(kubeadm, '10.91.0.9'))
  })

  test('taking it out restores any Corefile byte for byte', () => {
    fc.assert(fc.property(fc.string(), (text) => unwire(wired(text, '10.0.0.1')) === text))
  })

  test('lines that somebody wrote after the block stay', () => {
    const edited = `${wired(kubeadm, '10.91.0.7')}example.org:53 {\n    errors\n}\n`
    assert.equal(unwire(edited), `${kubeadm}example.org:53 {\n    errors\n}\n`)
  })

  test('a block whose end was deleted is left alone', () => {
    const cut = wired(kubeadm, '10.91.0.7').replace('# tombolo: end\n', '')
    assert.equal(unwire(cut), cut)
    assert.equal(wire(cut, zone, '10.91.0.7'), undefined, 'the zone is somebody else’s now')
  })

  test('of two beginnings and one end only the last block is taken out, and what lies between stays', () => {
    const between = 'example.org:53 {\n    errors\n}\n'
    const cut = `${wired(kubeadm, '10.91.0.7').replace('# tombolo: end\n', '')}${between}`
    const twice = `${cut}${wired('', '10.91.0.7')}`
    assert.equal(unwire(twice), cut)
  })

  test('where another product has the zone, ours is not put in beside it, as CoreDNS would not start', () => {
    for (const name of [zone, `${zone}:53`, `dns://${zone}.:53`, `${zone} supercluster.local`]) {
      const theirs = `${kubeadm}${name} {\n    forward . 10.96.0.9\n}\n`
      assert.equal(wire(theirs, zone, '10.91.0.7'), undefined, name)
      assert.equal(unwire(theirs), theirs)
    }
  })
})

suite('to where a Corefile forwards a zone', () => {
  const root =
    '.:53 {\n    errors\n    health {\n       lameduck 5s\n    }\n    forward . /etc/resolv.conf {\n       max_concurrent 1000\n    }\n}\n'
  const cases: readonly (readonly [string, string, readonly string[] | undefined])[] = [
    ['nowhere without a block of its own, whatever the root block does', root, undefined],
    ['as the operator wires it', wired(root, '10.91.0.9'), ['10.91.0.9']],
    ['as the operator wires it in IPv6', wired(root, 'fd00::9'), ['fd00::9']],
    [
      'by hand, with a port and options',
      'clusterset.local {\n  forward . 10.91.0.9:53 10.91.0.8 {\n    prefer_udp\n  }\n}',
      ['10.91.0.9', '10.91.0.8'],
    ],
    [
      'by hand, with other zones on the same block',
      'a.example, dns://clusterset.local.:53 {\n forward . [fd00::9]:53\n}',
      ['fd00::9'],
    ],
    ['nowhere when the block answers itself', 'clusterset.local {\n  multicluster clusterset.local\n}', []],
    ['not by a comment', '# clusterset.local {\n# forward . 10.1.1.1\n# }', undefined],
    ['not as a part of a longer name', 'eu.clusterset.local {\n forward . 10.1.1.1\n}', undefined],
  ]
  for (const [name, text, want] of cases) test(name, () => assert.deepEqual(forwardersOf(text, zone), want))
})

suite('files that a Corefile imports', () => {
  for (const [corefile, imports] of [
    ['.:53 {\n    errors\n}\nimport custom/*.server\n', true],
    ['.:53 {\n    errors\n}\nimport /etc/coredns/custom/*.server # as k3s has it\n', true],
    ['.:53 {\n    import custom/*.override\n}\n', false],
    ['.:53 {\n    import custom/*.server\n}\n', false],
    ['# import custom/*.server\n.:53 {\n}\n', false],
  ] as const)
    test(`${JSON.stringify(corefile)}: ${imports ? 'are' : 'are not'} server blocks`, () => {
      assert.equal(importsServers(corefile), imports)
      const files = { 'tombolo.server': serverFile('clusterset.local', '10.91.0.7') }
      assert.deepEqual(zoneForwarders(corefile, files, 'clusterset.local'), imports ? ['10.91.0.7'] : undefined)
    })
})
