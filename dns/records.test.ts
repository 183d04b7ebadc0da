// What odd input makes of a service's names; the ordinary cases are in answer.test.ts.
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { childrenOf, headless, serviceTree, slice, virtual, zoneName } from '#test/kit/names.ts'
import type { Slice } from './pods.ts'
import type { Service } from './records.ts'
import type { Node } from './tree.ts'
import { fits } from './wire/name.ts'
import { recordText } from './wire/record.ts'

const settings = { zone: zoneName, ttl: 5 }
const pg = [{ name: 'pg', port: 5432 }]

/** Every record below a service, `@` being its own name, in the order of the alphabet; undefined when there is no such name. */
function names(service: Service, ...slices: readonly Slice[]): readonly string[] | undefined {
  const root = serviceTree(service, slices, settings)
  return root && [...walk(root, [])].sort()
}

function* walk(node: Node, path: readonly string[]): Generator<string> {
  const at = path.length === 0 ? '@' : path.join('.')
  for (const { data } of node.entries) {
    const text = recordText({ name: [], ttl: 0, data }).replace('. 0 IN ', '')
    yield `${at} ${text.replaceAll(/\S*\.(?=svc\.)svc\.clusterset\.local\./g, (name) => name.replace('.svc.clusterset.local.', ''))}`
  }
  for (const [label, child] of childrenOf(node)) yield* walk(child, [label, ...path])
}

suite('records of a service', () => {
  test('addresses that are none are left out, and one is written in one way only', () => {
    assert.deepEqual(names(virtual('web', ['10.42.0.7', '010.0.0.1', 'nonsense', '', 'FD00::1'])), [
      '@ A 10.42.0.7',
      '@ AAAA fd00::1',
    ])
  })

  test('ports that are none are left out', () => {
    const ports = [
      { port: 0 },
      { port: 65_536 },
      { name: 'a b', port: 80 },
      { name: 'HTTP', port: 81 },
      { name: 'x', protocol: 'T.P', port: 82 },
    ]
    assert.deepEqual(names(virtual('web', [], ports)), [
      '@ SRV 0 33 80 web.shop',
      '@ SRV 0 33 81 web.shop',
      '@ SRV 0 33 82 web.shop',
      '_http._tcp SRV 0 100 81 web.shop',
    ])
  })

  test('an import that was not filled in yet exists without records', () => {
    assert.deepEqual(names({ metadata: { name: 'web', namespace: 'shop' } }), [])
  })

  for (const name of ['a.b', 'UPPER', '-dash', 'x'.repeat(64), ''])
    test(`a service cannot be called ${JSON.stringify(name)}`, () => {
      assert.equal(names(virtual(name, ['10.42.0.7'])), undefined)
    })

  test('a host name that is no label is passed over for the address', () => {
    assert.deepEqual(names(headless('db'), slice('c-a', ['bad.host 10.1.0.1'])), ['10-1-0-1.c-a A 10.1.0.1', '@ A 10.1.0.1'])
  })

  test('a slice of no cluster is passed over', () => {
    assert.equal(names(headless('db'), { ...slice('', ['10.1.0.1']) }), undefined)
    assert.equal(names(headless('db'), { ...slice('a.b', ['10.1.0.1']) }), undefined)
  })

  test('an address of another family than its slice is passed over', () => {
    assert.equal(names(headless('db'), { ...slice('c-a', ['10.1.0.1']), addressType: 'IPv6' }), undefined)
    assert.equal(names(headless('db'), { ...slice('c-a', ['db.example.org']), addressType: 'FQDN' }), undefined)
  })

  test('an endpoint that is in two slices for a moment is one address and one target', () => {
    const twice = slice('c-a', ['db-0 10.1.0.1'], pg)
    assert.deepEqual(names(headless('db'), twice, twice), [
      '@ A 10.1.0.1',
      '@ SRV 0 100 5432 db-0.c-a.db.shop',
      '_pg._tcp SRV 0 100 5432 db-0.c-a.db.shop',
      'db-0.c-a A 10.1.0.1',
    ])
  })

  test('[mcs 34] a pod of both families is one name with both addresses', () => {
    assert.deepEqual(names(headless('db'), slice('c-a', ['db-0 10.1.0.1']), slice('c-a', ['db-0 fd00::1'])), [
      '@ A 10.1.0.1',
      '@ AAAA fd00::1',
      'db-0.c-a A 10.1.0.1',
      'db-0.c-a AAAA fd00::1',
    ])
  })

  test('pods of one port at different numbers are told apart', () => {
    assert.deepEqual(
      names(
        headless('db'),
        slice('c-a', ['db-0 10.1.0.1'], pg),
        slice('c-b', ['db-0 10.2.0.1'], [{ name: 'pg', port: 6432 }]),
      )?.filter((text) => text.startsWith('_')),
      ['_pg._tcp SRV 0 50 5432 db-0.c-a.db.shop', '_pg._tcp SRV 0 50 6432 db-0.c-b.db.shop'],
    )
  })

  test('[mcs 37] a name too long to be asked for is left out, and what points to it', () => {
    const label = 'x'.repeat(63)
    const service: Service = { metadata: { name: label, namespace: label }, spec: { type: 'Headless', ports: [] } }
    assert.deepEqual(names(service, slice(label, [`${label} 10.1.0.1`], pg)), ['@ A 10.1.0.1'])
  })

  test('whatever the objects hold, every name in the tree can be written on the wire', () => {
    const text = fc.oneof(fc.string({ maxLength: 70 }), fc.stringMatching(/^[a-z0-9-]{1,70}$/), fc.ipV4(), fc.ipV6())
    const port = fc.record({ name: text, protocol: text, port: fc.integer({ min: -1, max: 70_000 }) }, { requiredKeys: [] })
    const endpoint = fc.record({ addresses: fc.array(text, { maxLength: 3 }), hostname: text }, { requiredKeys: ['addresses'] })
    const anySlice = fc.record({
      metadata: fc.record({ labels: fc.record({ 'multicluster.kubernetes.io/source-cluster': text }) }),
      addressType: fc.constantFrom('IPv4', 'IPv6', 'FQDN'),
      ports: fc.array(port, { maxLength: 3 }),
      endpoints: fc.array(endpoint, { maxLength: 3 }),
    })
    fc.assert(
      fc.property(
        text,
        fc.constantFrom('ClusterSetIP' as const, 'Headless' as const),
        fc.array(text),
        fc.array(anySlice, { maxLength: 3 }),
        (name, type, ips, slices) => {
          const made = serviceTree({ metadata: { name, namespace: 'shop' }, spec: { type, ips, ports: [] } }, slices, settings)
          return made === undefined || allFit(made, [name, 'shop', 'svc', ...zoneName])
        },
      ),
      { numRuns: 500 },
    )
  })
})

const allFit = (node: Node, name: readonly string[]): boolean =>
  fits(name) &&
  node.entries.every(({ data }) => data.type !== 'SRV' || fits(data.target)) &&
  [...childrenOf(node)].every(([label, child]) => allFit(child, [label, ...name]))
