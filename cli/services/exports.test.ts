import assert from 'node:assert/strict'
import type { ServiceExport } from '#crds/service-export.ts'
import type { Service } from '#lib/kube/kinds.ts'
import { outcomeOf, unsupported, withdrawnFrom } from './exports.ts'

const service = (spec: object, labels: Record<string, string> = {}): Service => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'web', namespace: 'shop', labels },
  spec,
})

suite('what can never be exported', () => {
  test('a Service with an address or without can', () => {
    assert.equal(unsupported(service({ type: 'ClusterIP' })), undefined)
    assert.equal(unsupported(service({ clusterIP: 'None' })), undefined)
  })

  test('ExternalName cannot, and the remedy names what it points to', () => {
    const found = unsupported(service({ type: 'ExternalName', externalName: 'db.example.com' }))
    assert.match(found?.says ?? '', /shop\/web is of type ExternalName/)
    assert.match(found?.remedy ?? '', /db\.example\.com/)
  })

  test('what was made from an import cannot', () => {
    const labels = { 'app.kubernetes.io/managed-by': 'tombolo', 'multicluster.kubernetes.io/service-name': 'api' }
    assert.match(unsupported(service({}, labels))?.remedy ?? '', /^Export api in the cluster it comes from/)
  })
})

suite('how an export ends', () => {
  /** `Valid=True/Valid` a condition; the message is the reason in lower case. */
  const having = (...texts: readonly string[]): ServiceExport => {
    const conditions = texts.map((text) => {
      const [, type = '', status = '', reason = ''] = /^(\w+)=(\w+)\/(\w+)$/.exec(text) ?? []
      return { type, status, reason, message: reason.toLowerCase(), lastTransitionTime: '2026-01-02T00:00:00Z' }
    })
    const object = { apiVersion: 'multicluster.x-k8s.io/v1beta1', kind: 'ServiceExport', metadata: { name: 'web' } }
    return { ...object, status: { conditions } } as ServiceExport
  }
  const cases: readonly {
    readonly name: string
    readonly object: ServiceExport | undefined
    readonly service?: 'missing'
    readonly ends: object
  }[] = [
    { name: 'not before it is there', object: undefined, ends: { waiting: 'the ServiceExport is not there' } },
    {
      name: 'not before the operator looked at it',
      object: having(),
      ends: { waiting: 'the operator has not looked at it yet' },
    },
    {
      name: 'not before the broker holds it',
      object: having('Valid=True/Valid', 'Ready=False/Pending'),
      ends: { waiting: 'pending' },
    },
    {
      name: 'exported when the others can import it',
      object: having('Valid=True/Valid', 'Ready=True/Exported'),
      ends: { done: { kind: 'exported', message: 'exported' } },
    },
    {
      name: 'in conflict when the others differ',
      object: having('Valid=True/Valid', 'Ready=True/Exported', 'Conflict=True/PortConflict'),
      ends: { done: { kind: 'conflict', message: 'portconflict' } },
    },
    {
      name: 'early when the Service is still to come',
      object: having('Valid=False/NoService', 'Ready=False/Pending'),
      service: 'missing',
      ends: { done: { kind: 'early', message: 'noservice' } },
    },
    {
      name: 'not by what the operator said before it saw the Service',
      object: having('Valid=False/NoService', 'Ready=False/Pending'),
      ends: { waiting: 'noservice' },
    },
    {
      name: 'invalid when the operator says so',
      object: having('Valid=False/InvalidServiceType', 'Ready=False/Failed'),
      service: 'missing',
      ends: { done: { kind: 'invalid', message: 'invalidservicetype' } },
    },
  ]
  test('by what the operator says of those that may import it: not by what it said of others before', () => {
    const exported = (exportTo: string, says: string): ServiceExport => {
      const object = having('Valid=True/Valid', 'Ready=True/Exported', 'ImportersKnown=False/UnknownCluster')
      const conditions = object.status?.conditions?.map((c) => (c.type === 'Ready' ? { ...c, message: says } : c))
      const metadata = { ...object.metadata, annotations: { 'tombolo.dev/export-to': exportTo } }
      return { ...object, metadata, status: { conditions } }
    }
    const says = 'south and west can import the service'
    assert.deepEqual(outcomeOf(exported('west,south', says), 'there'), {
      done: { kind: 'exported', message: says, caution: 'unknowncluster' },
    })
    const before = 'the other clusters can import the service'
    assert.deepEqual(outcomeOf(exported('west,south', before), 'there'), {
      waiting: 'the operator has not told the fleet yet who may import it',
    })
  })

  for (const { name, object, service, ends } of cases)
    test(name, () => assert.deepEqual(outcomeOf(object, service ?? 'there'), ends))
})

test('an export is withdrawn when the import has nothing of this cluster, or is gone', () => {
  const item = (...clusters: readonly string[]) =>
    ({ status: { clusters: clusters.map((cluster) => ({ cluster })) } }) as Parameters<typeof withdrawnFrom>[0]
  assert.deepEqual(withdrawnFrom(undefined, 'east'), { done: true })
  assert.deepEqual(withdrawnFrom(item('west'), 'east'), { done: true })
  assert.deepEqual(withdrawnFrom(item('west', 'east'), 'east'), { waiting: 'the import still has the endpoints of east' })
})
