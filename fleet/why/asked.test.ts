import assert from 'node:assert/strict'
import { parseDestination, parseSource } from './asked.ts'

const service = { kind: 'service', namespace: 'shop', name: 'web' }
const destinations: readonly (readonly [string, object | undefined, number?])[] = [
  ['web.shop', service],
  ['web.shop:80', service, 80],
  ['web.shop.svc.clusterset.local:80', service, 80],
  ['web.shop.svc.clusterset.local.', service],
  ['10.1.2.5', { kind: 'address', address: '10.1.2.5' }],
  ['10.1.2.5:8080', { kind: 'address', address: '10.1.2.5' }, 8080],
  ['fd00::5', { kind: 'address', address: 'fd00::5' }],
  ['[fd00::5]:80', { kind: 'address', address: 'fd00::5' }, 80],
  ['east/shop/web-0.1:80', { kind: 'pod', cluster: 'east', namespace: 'shop', name: 'web-0.1' }, 80],
  ['web', undefined],
  ['web.shop.svc.cluster.local', undefined],
  ['web.shop:0', undefined],
  ['web.shop:99999', undefined],
  ['east/shop', undefined],
  ['Web.shop', undefined],
]

suite('what is asked', () => {
  for (const [text, destination, port] of destinations)
    test(`${text} is ${destination === undefined ? 'refused' : JSON.stringify(destination)}`, () => {
      const parsed = parseDestination(text)
      assert.deepEqual(parsed.ok ? parsed.value : undefined, destination === undefined ? undefined : { destination, port })
    })

  for (const [text, wanted] of [
    ['shop/client', { namespace: 'shop', name: 'client' }],
    ['pod/client', { namespace: 'here', name: 'client' }],
    ['client', { namespace: 'here', name: 'client' }],
    ['a/b/c', undefined],
    ['shop/', undefined],
  ] as const)
    test(`the source ${text} is ${JSON.stringify(wanted)}`, () => {
      const parsed = parseSource(text, 'here')
      assert.deepEqual(parsed.ok ? parsed.value : undefined, wanted)
    })
})
