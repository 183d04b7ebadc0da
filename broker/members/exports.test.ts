import assert from 'node:assert/strict'
import fc from 'fast-check'
import { maxExportNames } from '#crds/allocation.ts'
import type { ExportGrant } from '#crds/export-grant.ts'
import { whyNotExported } from '#crds/rules/export-name.ts'
import type { ClusterID } from '#lib/net/cluster-id.ts'
import { exportsOf } from './exports.ts'

type Spec = ExportGrant['spec']
const ids = ['east', 'west', 'north'] as ClusterID[]
const [east, west, north] = ids as [ClusterID, ClusterID, ClusterID]
/** `payments/db,api east,west`, or `payments/* east`. */
const grant = (text: string): { readonly spec: Spec } => {
  const [what = '', to = ''] = text.split(' ')
  const [namespace = '', services = ''] = what.split('/')
  const clusters = to.split(',').filter((id) => id !== '') as ClusterID[]
  return { spec: { namespace, clusters, ...(services === '*' ? {} : { services: services.split(',') }) } }
}
const seen = (id: ClusterID, ...grants: readonly string[]) => exportsOf(id, grants.map(grant), 'Allow')

suite('T5: what a member may export', () => {
  const cases: readonly (readonly [string, readonly string[], readonly string[], readonly string[]])[] = [
    ['without grants', [], [], []],
    ['what it is granted', ['payments/db,api east,west'], ['payments/api', 'payments/db'], []],
    ['what others are granted', ['payments/db west', 'payments/api north'], [], ['payments/api', 'payments/db']],
    ['a whole namespace', ['payments/* east'], ['payments/*'], []],
    ['a whole namespace of others, said once', ['payments/* west', 'payments/db north'], [], ['payments/*']],
    [
      'a service of a namespace that is granted to others',
      ['payments/* west', 'payments/db east'],
      ['payments/db'],
      ['payments/*'],
    ],
    ['a namespace of which others may export a service too', ['payments/* east', 'payments/db west'], ['payments/*'], []],
    ['what two grants name, each of them adding to it', ['payments/db west', 'payments/db east'], ['payments/db'], []],
    ['what nobody may', ['payments/db '], [], ['payments/db']],
  ]
  for (const [name, grants, granted, reserved] of cases)
    test(`is said of ${name}, whatever the order of the grants`, () => {
      for (const order of [grants, grants.toReversed()])
        assert.deepEqual(seen(east, ...order), { ungranted: 'Allow', granted, reserved })
    })

  test('names no others’ names where only what is granted may be exported', () =>
    assert.deepEqual(exportsOf(east, [grant('a/b west'), grant('a/c east')], 'Deny'), {
      ungranted: 'Deny',
      granted: ['a/c'],
      reserved: [],
    }))

  test('is closed, not open, where there are more names than an Allocation holds', () => {
    const many = Array.from({ length: maxExportNames + 1 }, (_, i) => grant(`a/s${i} west`))
    assert.deepEqual(exportsOf(east, [...many, grant('a/mine east')], 'Allow'), {
      ungranted: 'Deny',
      granted: ['a/mine'],
      reserved: [],
    })
    assert.equal(exportsOf(west, many, 'Allow').granted.length, maxExportNames)
  })

  test('is, for every name, what the grants say one by one', () => {
    const [namespaces, services] = [
      ['a', 'b'],
      ['x', 'y'],
    ] as const
    const anyGrant = fc.record({
      namespace: fc.constantFrom(...namespaces),
      services: fc.option(fc.uniqueArray(fc.constantFrom(...services), { minLength: 1 }), { nil: undefined }),
      clusters: fc.subarray([east, west, north]),
    })
    fc.assert(
      fc.property(fc.array(anyGrant), fc.constantFrom('Allow', 'Deny'), (specs, ungranted) => {
        const grants = specs.map(({ services: some, ...spec }) => ({
          spec: some === undefined ? spec : { ...spec, services: some },
        }))
        for (const id of ids)
          for (const namespace of namespaces)
            for (const name of services) {
              const naming = specs.filter((g) => g.namespace === namespace && (g.services?.includes(name) ?? true))
              const may = naming.length === 0 ? ungranted === 'Allow' : naming.some(({ clusters }) => clusters.includes(id))
              assert.equal(whyNotExported(exportsOf(id, grants, ungranted), { namespace, name }) === undefined, may)
            }
      }),
    )
  })
})
