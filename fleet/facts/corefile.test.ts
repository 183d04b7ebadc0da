import assert from 'node:assert/strict'
import { wire } from '#operator/install/corefile.ts'
import { forwardersOf } from './corefile.ts'

suite('to where a Corefile forwards a zone', () => {
  const root =
    '.:53 {\n    errors\n    health {\n       lameduck 5s\n    }\n    forward . /etc/resolv.conf {\n       max_concurrent 1000\n    }\n}\n'
  const cases: readonly (readonly [string, string, readonly string[] | undefined])[] = [
    ['nowhere without a block of its own, whatever the root block does', root, undefined],
    ['as the operator wires it', wire(root, 'clusterset.local', '10.91.0.9'), ['10.91.0.9']],
    ['as the operator wires it in IPv6', wire(root, 'clusterset.local', 'fd00::9'), ['fd00::9']],
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
  for (const [name, text, want] of cases) test(name, () => assert.deepEqual(forwardersOf(text, 'clusterset.local'), want))
})
