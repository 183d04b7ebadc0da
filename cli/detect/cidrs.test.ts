import assert from 'node:assert/strict'
import fc from 'fast-check'
import type { CIDR } from '#lib/net/cidr.ts'
import { contains, parseCIDR } from '#lib/net/cidr.ts'
import type { Evidence } from './cidrs.ts'
import { cover, podCIDRsOf, serviceCIDRsOf } from './cidrs.ts'

const nothing: Evidence = {
  controlPlaneArgs: [],
  kubeadm: undefined,
  kubeProxy: undefined,
  nodeCIDRs: [],
  serviceCIDRs: [],
}
const kubeadm = 'kind: ClusterConfiguration\nnetworking:\n  podSubnet: 10.8.0.0/16\n  serviceSubnet: 10.96.0.0/12\n'

suite('addresses of a cluster', () => {
  const pods: readonly (readonly [string, Partial<Evidence>, string | undefined])[] = [
    ['are unknown without evidence', {}, undefined],
    [
      'are the controller manager’s before all else',
      { controlPlaneArgs: ['kube-controller-manager', '--cluster-cidr=10.1.0.0/16,fd00:1::/48'], kubeadm },
      '10.1.0.0/16,fd00:1::/48',
    ],
    ['are kubeadm’s', { kubeadm, nodeCIDRs: ['10.8.0.0/24'] }, '10.8.0.0/16'],
    ['are kube-proxy’s', { kubeProxy: 'clusterCIDR: 10.9.0.0/16', nodeCIDRs: ['10.9.0.0/24'] }, '10.9.0.0/16'],
    ['are not taken from an empty setting', { kubeProxy: 'clusterCIDR: ""', nodeCIDRs: ['10.9.0.0/24'] }, '10.9.0.0/24'],
    ['are not taken from YAML that is none', { kubeadm: '{', nodeCIDRs: ['10.9.0.0/24'] }, '10.9.0.0/24'],
    [
      'are the cover of the nodes’ blocks, a family each',
      { nodeCIDRs: ['10.241.1.0/24', 'fd00:1:0:1::/64', '10.241.2.0/24', 'fd00:1:0:2::/64'] },
      '10.241.0.0/22,fd00:1::/62',
    ],
    ['are asked for when the nodes’ blocks lie far apart', { nodeCIDRs: ['10.1.0.0/24', '172.16.0.0/24'] }, undefined],
  ]
  for (const [name, evidence, want] of pods)
    test(`pods: ${name}`, () => assert.equal(podCIDRsOf({ ...nothing, ...evidence })?.cidrs.join(','), want))

  const services: readonly (readonly [string, Partial<Evidence>, string | undefined])[] = [
    ['are unknown without evidence', { nodeCIDRs: ['10.9.0.0/24'] }, undefined],
    [
      'are those of the API',
      { serviceCIDRs: ['10.91.0.0/16', 'fd00:91::/108', '10.91.0.0/16'], kubeadm },
      '10.91.0.0/16,fd00:91::/108',
    ],
    ['are the apiserver’s', { controlPlaneArgs: ['--service-cluster-ip-range=10.92.0.0/16'], kubeadm }, '10.92.0.0/16'],
    ['are kubeadm’s', { kubeadm }, '10.96.0.0/12'],
  ]
  for (const [name, evidence, want] of services)
    test(`services: ${name}`, () => assert.equal(serviceCIDRsOf({ ...nothing, ...evidence })?.cidrs.join(','), want))

  test('a cover contains every block, and no smaller one does', () => {
    const block = fc.tuple(fc.integer({ min: 0, max: 0xffffff }), fc.integer({ min: 8, max: 24 })).map(([top, prefix]) => {
      const bits = (top * 256 - ((top * 256) % 2 ** (32 - prefix))) >>> 0
      return `${[24, 16, 8, 0].map((s) => (bits >>> s) & 255).join('.')}/${prefix}` as CIDR
    })
    fc.assert(
      fc.property(fc.array(block, { minLength: 1, maxLength: 6 }), (blocks) => {
        const around = cover(blocks)
        assert.ok(parseCIDR(around).ok)
        assert.ok(blocks.every((b) => contains(around, b)))
        const prefix = Number(around.split('/')[1])
        const [first = ''] = blocks
        const smaller = cover([`${first.split('/')[0] ?? ''}/32` as CIDR])
        assert.ok(contains(around, smaller))
        if (!blocks.includes(around))
          for (const half of halves(around, prefix)) assert.ok(!blocks.every((b) => contains(half, b)), half)
      }),
    )
  })
})

function halves(cidr: CIDR, prefix: number): CIDR[] {
  const [a = 0, b = 0, c = 0, d = 0] = (cidr.split('/')[0] ?? '').split('.').map(Number)
  const bits = ((a << 24) | (b << 16) | (c << 8) | d) >>> 0
  return [bits, (bits + 2 ** (31 - prefix)) >>> 0].map(
    (n) => `${[24, 16, 8, 0].map((s) => (n >>> s) & 255).join('.')}/${prefix + 1}` as CIDR,
  )
}
