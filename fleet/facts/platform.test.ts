import assert from 'node:assert/strict'
import type { KubeObject } from '#lib/kube/object.ts'
import { addressesOf, parseKubeProxy, parseNode } from './platform.ts'

suite('the cluster around us', () => {
  const proxies: readonly (readonly [string | undefined, unknown])[] = [
    [undefined, undefined],
    ['{', undefined],
    ['mode: ""', { mode: 'iptables', masqueradeAll: false }],
    ['mode: nftables\niptables: {masqueradeAll: true}', { mode: 'nftables', masqueradeAll: false }],
    ['mode: iptables\niptables: {masqueradeAll: true}', { mode: 'iptables', masqueradeAll: true }],
    ['mode: ipvs', { mode: 'ipvs', masqueradeAll: false }],
  ]
  for (const [text, want] of proxies)
    test(`kube-proxy configured as ${JSON.stringify(text)}`, () => assert.deepEqual(parseKubeProxy(text), want))

  test('a node says where it is, what it is and whether it is a gateway that serves', () => {
    const node: KubeObject = {
      apiVersion: 'v1',
      kind: 'Node',
      metadata: { name: 'n1', labels: { 'tombolo.dev/gateway': 'true', 'tombolo.dev/gateway-drained': 'true' } },
      spec: { podCIDRs: ['10.1.1.0/24'], unschedulable: true },
      status: {
        conditions: [{ type: 'Ready', status: 'True' }],
        addresses: [
          { type: 'InternalIP', address: '192.0.2.1' },
          { type: 'Hostname', address: 'n1' },
        ],
        nodeInfo: { architecture: 'amd64', kubeletVersion: 'v1.36.1' },
      },
    }
    assert.deepEqual(parseNode(node), {
      name: 'n1',
      ready: true,
      gateway: true,
      drained: true,
      cordoned: true,
      addresses: ['192.0.2.1'],
      podCIDRs: ['10.1.1.0/24'],
      arch: 'amd64',
      kubelet: 'v1.36.1',
    })
  })

  test('a headless Service has no address', () => {
    const service = (spec: unknown): KubeObject => ({ apiVersion: 'v1', kind: 'Service', metadata: { name: 's' }, spec })
    assert.deepEqual(
      [{ clusterIP: 'None' }, { clusterIP: '10.0.0.1' }, { clusterIPs: ['10.0.0.1', 'fd00::1'] }, 7].map((spec) =>
        addressesOf(service(spec)),
      ),
      [[], ['10.0.0.1'], ['10.0.0.1', 'fd00::1'], undefined],
    )
  })
})
