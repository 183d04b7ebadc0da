import assert from 'node:assert/strict'
import type { KubeObject } from '#lib/kube/object.ts'
import { parseLocalSlice, parsePolicy, parseService } from './exported.ts'

const object = (kind: string, rest: object, metadata: object = {}): KubeObject => ({
  apiVersion: 'any/v1',
  kind,
  metadata: { name: 'web', namespace: 'shop', ...metadata },
  ...rest,
})

suite('what stands behind an export', () => {
  test('a Service with what Kubernetes fills in', () => {
    assert.deepEqual(
      parseService(
        object('Service', {
          spec: { ports: [{ port: 80 }, { name: 'dns', port: 53, protocol: 'UDP', targetPort: 'named' }], clusterIP: 'None' },
        }),
      ),
      {
        namespace: 'shop',
        name: 'web',
        type: 'ClusterIP',
        addresses: [],
        selector: {},
        ports: [
          { name: '', port: 80, protocol: 'TCP', target: 80 },
          { name: 'dns', port: 53, protocol: 'UDP', target: 'named' },
        ],
      },
    )
  })

  test('a slice says which pod is behind an endpoint, and takes unknown readiness for ready', () => {
    const endpoints = [
      { addresses: ['10.1.0.5'], conditions: { ready: false }, targetRef: { kind: 'Pod', name: 'web-1' } },
      { addresses: ['10.1.0.6'] },
    ]
    const labels = { 'kubernetes.io/service-name': 'web' }
    assert.deepEqual(parseLocalSlice(object('EndpointSlice', { endpoints }, { labels })), {
      service: 'web',
      endpoints: [
        { address: '10.1.0.5', ready: false, pod: 'web-1' },
        { address: '10.1.0.6', ready: true, pod: undefined },
      ],
    })
    assert.deepEqual(parseLocalSlice(object('EndpointSlice', { endpoints: null }, { labels }))?.endpoints, [])
  })

  const policies: readonly (readonly [string, object, unknown])[] = [
    ['restricts ingress when it names no types', { podSelector: {} }, []],
    ['restricts no ingress when it names egress alone', { podSelector: {}, policyTypes: ['Egress'] }, undefined],
    [
      'has blocks of addresses and peers by selector',
      {
        ingress: [
          { from: [{ ipBlock: { cidr: '10.0.0.0/8', except: ['10.1.0.0/16'] } }, { podSelector: {} }], ports: [{ port: 80 }] },
        ],
      },
      [
        {
          from: [{ block: { cidr: '10.0.0.0/8', except: ['10.1.0.0/16'] } }, { block: undefined }],
          ports: [{ protocol: 'TCP', port: 80, endPort: undefined }],
        },
      ],
    ],
    ['with an empty rule lets everybody in', { ingress: [{}] }, [{ from: [], ports: [] }]],
  ]
  for (const [name, spec, want] of policies)
    test(`a NetworkPolicy ${name}`, () => assert.deepEqual(parsePolicy(object('NetworkPolicy', { spec }))?.ingress, want))
})
