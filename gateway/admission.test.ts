import assert from 'node:assert/strict'
import fc from 'fast-check'
import { overlaps } from '#lib/net/cidr.ts'
import { cidrs } from '#test/kit/gateway.ts'
import { admit } from './admission.ts'

const ours = cidrs('10.241.0.0/16', '10.91.0.0/16', '172.29.1.1/32')
const says = (...blocks: readonly string[]) => admit(ours, [{ clusterID: 'west', podCIDRs: cidrs(...blocks) }]).refused[0]?.says

suite('addresses of other clusters', () => {
  test('those that are nobody else’s are taken', () => assert.equal(says('10.242.0.0/16', 'fd00:242::/48'), undefined))

  const refused: readonly (readonly [string, readonly string[], RegExp])[] = [
    ['our pods', ['10.241.7.0/24'], /overlaps 10\.241\.0\.0\/16 of this cluster/],
    ['our Services', ['10.88.0.0/13'], /overlaps 10\.91\.0\.0\/16/],
    ['the address of our node', ['172.16.0.0/12'], /overlaps 172\.29\.1\.1\/32/],
    ['everything', ['0.0.0.0/0'], /overlaps/],
    ['no address at all', ['0.1.0.0/16'], /not for pods/],
    ['loopback', ['127.1.0.0/16'], /not for pods/],
    ['link-local addresses, where a cloud’s metadata is', ['169.254.169.254/32'], /not for pods/],
    ['multicast', ['ff02::/16'], /not for pods/],
    ['the inside of our tunnels', ['fd74:6f6d:1::/48'], /not for pods/],
    ['one good block and one bad one', ['10.242.0.0/16', '10.241.0.0/24'], /10\.241\.0\.0\/24/],
  ]
  for (const [name, blocks, why] of refused)
    test(`a cluster that claims ${name} is refused whole, with the reason`, () => assert.match(says(...blocks) ?? 'taken', why))

  test('of two that overlap, every node takes the same one, in whatever order they are heard', () => {
    const [a, b] = [
      { clusterID: 'north', podCIDRs: cidrs('10.243.0.0/16') },
      { clusterID: 'west', podCIDRs: cidrs('10.243.128.0/17') },
    ]
    for (const heard of [
      [a, b],
      [b, a],
    ]) {
      const { remotes, refused } = admit(ours, heard)
      assert.deepEqual([remotes.map((r) => r.clusterID), refused.map((r) => r.about)], [['north'], ['west']])
    }
  })

  test('whatever is announced, no two blocks that are taken overlap, and none is ours', () => {
    const block = fc.tuple(fc.nat(255), fc.nat(255), fc.integer({ min: 9, max: 24 })).map(([b, c, prefix]) => {
      const bits = ((10 << 24) | (b << 16) | (c << 8)) >>> 0
      const network = (bits & (~0 << (32 - prefix))) >>> 0
      return `${network >>> 24}.${(network >>> 16) & 255}.${(network >>> 8) & 255}.${network & 255}/${prefix}`
    })
    const clusters = fc.array(fc.array(block, { minLength: 1, maxLength: 3 }), { maxLength: 6 })
    fc.assert(
      fc.property(clusters, (all) => {
        const { remotes } = admit(
          ours,
          all.map((blocks, i) => ({ clusterID: `c${i}`, podCIDRs: cidrs(...blocks) })),
        )
        const taken = remotes.flatMap((r) => r.podCIDRs.map((cidr) => ({ of: r.clusterID, cidr })))
        assert.ok(taken.every(({ cidr }) => !ours.some((own) => overlaps(own, cidr))))
        assert.ok(taken.every((x) => taken.every((y) => x.of === y.of || !overlaps(x.cidr, y.cidr))))
      }),
    )
  })
})
