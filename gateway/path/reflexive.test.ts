import assert from 'node:assert/strict'
import { cidrs } from '#test/kit/gateway.ts'
import type { HeardAt } from './reflexive.ts'
import { parsePlace, reflexiveOf } from './reflexive.ts'

const self = { node: 'n1', nodeAddress: '10.0.0.2' }
const hears = (address: string, by = 'hub', node = 'n1'): HeardAt => ({ by, node, address })

suite('where a gateway behind NAT is heard', () => {
  const outside = { address: '203.0.113.9', port: 4242 }
  const rows: readonly (readonly [string, readonly HeardAt[], typeof outside | undefined])[] = [
    ['nobody hears it', [], undefined],
    ['one hears it', [hears('203.0.113.9:4242')], outside],
    ['all hear it there', [hears('203.0.113.9:4242'), hears('203.0.113.9:4242', 'west')], outside],
    [
      'each hears it at another port: nobody would be let in',
      [hears('203.0.113.9:4242'), hears('203.0.113.9:4243', 'west')],
      undefined,
    ],
    ['it is heard at its own address, so there is no NAT', [hears('10.0.0.2:51820')], undefined],
    [
      'one on its own network hears it too, at its own address',
      [hears('10.0.0.2:51820'), hears('203.0.113.9:4242', 'west')],
      outside,
    ],
    ['a door of its own is heard during a try', [hears('10.0.0.2:40000')], undefined],
    [
      'one of three lies',
      [hears('203.0.113.9:4242'), hears('203.0.113.9:4242', 'west'), hears('198.51.100.1:1', 'liar')],
      outside,
    ],
    [
      'one cluster says many things: it has one vote, and loses it',
      [hears('203.0.113.9:4242'), hears('198.51.100.1:1', 'liar'), hears('198.51.100.2:2', 'liar')],
      undefined,
    ],
    [
      'it is heard over IPv6 at its own address and over IPv4 behind a NAT',
      [hears('203.0.113.9:4242'), hears('[2001:470::7]:51820', 'west')],
      outside,
    ],
    ['another gateway of its cluster is heard', [hears('203.0.113.9:4242', 'hub', 'n2')], undefined],
    ['it is said to be heard among pods', [hears('10.242.0.1:4242')], undefined],
    ['or at an address that means something else everywhere', [hears('127.0.0.1:4242')], undefined],
    ['or at no address', [hears('somewhere')], undefined],
  ]
  for (const [name, heard, wanted] of rows)
    test(name, () => assert.deepEqual(reflexiveOf(self, heard, cidrs('10.242.0.0/16')), wanted))

  test('places are read as they are written', () => {
    assert.deepEqual(parsePlace('[2001:db8::1]:443'), { address: '2001:db8::1', port: 443 })
    assert.deepEqual(parsePlace('[2001:DB8:0::1]:443'), { address: '2001:db8::1', port: 443 })
    for (const text of ['', '192.0.2.1', '192.0.2.1:0', '192.0.2.1:70000', 'x:1']) assert.equal(parsePlace(text), undefined)
  })
})
