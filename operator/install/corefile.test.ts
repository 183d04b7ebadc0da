import assert from 'node:assert/strict'
import fc from 'fast-check'
import { unwire, wire } from './corefile.ts'

const kubeadm = '.:53 {\n    errors\n    kubernetes cluster.local\n    cache 30\n}\n'

suite('the Corefile block', () => {
  test('forwards the zone to our server, after what was there', () => {
    assert.equal(
      wire(kubeadm, 'clusterset.local', '10.91.0.7'),
      `${kubeadm}\n# tombolo: begin, kept by the tombolo operator\nclusterset.local:53 {\n    errors\n    forward . 10.91.0.7\n}\n# tombolo: end\n`,
    )
  })

  test('wiring again changes nothing, and another address replaces the first', () => {
    const once = wire(kubeadm, 'clusterset.local', '10.91.0.7')
    assert.equal(wire(once, 'clusterset.local', '10.91.0.7'), once)
    assert.equal(wire(once, 'clusterset.local', '10.91.0.9'), wire(kubeadm, 'clusterset.local', '10.91.0.9'))
  })

  test('taking it out restores any Corefile byte for byte', () => {
    fc.assert(fc.property(fc.string(), (text) => unwire(wire(text, 'clusterset.local', '10.0.0.1')) === text))
  })

  test('lines that somebody wrote after the block stay', () => {
    const edited = `${wire(kubeadm, 'clusterset.local', '10.91.0.7')}example.org:53 {\n    errors\n}\n`
    assert.equal(unwire(edited), `${kubeadm}example.org:53 {\n    errors\n}\n`)
  })

  test('a block whose end was deleted is left alone', () => {
    const cut = wire(kubeadm, 'clusterset.local', '10.91.0.7').replace('# tombolo: end\n', '')
    assert.equal(unwire(cut), cut)
  })
})
