import assert from 'node:assert/strict'
import fc from 'fast-check'
import { fingerprint, newIdentity, publicIdentity } from '#lib/identity/identity.ts'
import type { CIDR } from '#lib/net/cidr.ts'
import { overlaps } from '#lib/net/cidr.ts'
import { formatIP } from '#lib/net/ip.ts'
import { reservedIn } from '#lib/net/reserved.ts'
import type { Spec } from '#test/kit/joining.ts'
import { askedOf, joiner } from '#test/kit/joining.ts'
import type { Asked, Ground, Taken } from './admit.ts'
import { admit, admitAll, takenBy } from './admit.ts'

// One for all: whose keys they are is judged elsewhere (judge.ts).
const identity = publicIdentity(joiner('x').identity)
const asked = (id: string, spec: Spec): Asked => ({ ...askedOf(id, spec), identity })
const ground = (more: Partial<Ground> = {}): Ground => ({
  taken: takenBy(asked('east', { pods: ['10.1.0.0/16', 'fd00:1::/48'], services: ['10.91.0.0/16'] })),
  gateways: [],
  broker: { identity: undefined, addresses: [] },
  pools: undefined,
  ...more,
})
const nothing: Ground = { taken: [], gateways: [], broker: { identity: undefined, addresses: [] }, pools: undefined }
const left = (cidr: string, by: string | undefined = fingerprint(identity)): Taken => ({
  cidr: cidr as CIDR,
  by: { clusterID: 'gone', clusterUID: 'uid-gone' },
  since: 'released',
  identity: by,
  as: `${cidr} of "gone", which left`,
})

const broker: Ground['broker'] = {
  identity: fingerprint(publicIdentity(joiner('hub').identity)),
  addresses: [
    { cidr: '192.168.9.9/32' as CIDR, as: '192.168.9.9 of its apiserver' },
    { cidr: '10.96.4.7/32' as CIDR, as: '10.96.4.7 of one of its nodes' },
  ],
}

suite('admission of a cluster', () => {
  const west = (spec: Spec): Asked => asked('west', spec)
  const cases: readonly (readonly [string, Asked, 'Admitted' | RegExp, Partial<Ground>?])[] = [
    ['with addresses of its own is granted', west({ pods: ['10.2.0.0/16'] }), 'Admitted'],
    [
      'that is a member with these addresses already is granted again',
      asked('east', { pods: ['fd00:1::/48', '10.1.0.0/16'], services: ['10.91.0.0/16'] }),
      'Admitted',
    ],
    ['that is a member and asks for wider ones is granted', asked('east', { pods: ['10.0.0.0/15'] }), 'Admitted'],
    [
      'that is a copy of a member under another id is refused the same addresses',
      asked('north', { uid: 'uid-east', pods: ['10.1.0.0/16'] }),
      /overlaps pod CIDR 10\.1\.0\.0\/16 of member "east"/,
    ],
    [
      'whose pod CIDR overlaps a pod CIDR is refused with both names',
      west({ pods: ['10.1.128.0/17'] }),
      /pod CIDR 10\.1\.128\.0\/17 of "west" overlaps pod CIDR 10\.1\.0\.0\/16 of member "east".*--pod-cidr/,
    ],
    [
      'whose IPv6 pod CIDR overlaps is refused',
      west({ pods: ['10.2.0.0/16', 'fd00:1:0:5::/64'] }),
      /fd00:1:0:5::\/64 of "west" overlaps pod CIDR fd00:1::\/48/,
    ],
    [
      'whose service CIDR overlaps a service CIDR is refused',
      west({ pods: ['10.2.0.0/16'], services: ['10.91.4.0/22'] }),
      /service CIDR 10\.91\.4\.0\/22 of "west" overlaps service CIDR 10\.91\.0\.0\/16 of member "east"/,
    ],
    [
      'whose service CIDR overlaps a pod CIDR is refused',
      west({ pods: ['10.2.0.0/16'], services: ['10.0.0.0/15'] }),
      /service CIDR 10\.0\.0\.0\/15 of "west" overlaps pod CIDR 10\.1\.0\.0\/16/,
    ],
    [
      'whose own ranges overlap is refused',
      west({ pods: ['10.2.0.0/16'], services: ['10.2.3.0/24'] }),
      /10\.2\.0\.0\/16 and service CIDR 10\.2\.3\.0\/24 of "west" overlap each other/,
    ],
    ['that announces everything is refused', west({ pods: ['0.0.0.0/0'] }), /no cluster may announce/],
    ['that announces metadata services is refused', west({ pods: ['169.254.0.0/17'] }), /link-local/],
    ['that announces our tunnel addresses is refused', west({ pods: ['fd74:6f6d:1::/48'] }), /own tunnel/],
    [
      'whose pods would cover a gateway of another member is refused: its cables would break',
      west({ pods: ['192.168.0.0/16'] }),
      /192\.168\.0\.0\/16 of "west" contains 192\.168\.7\.1, where a gateway of member "east"/,
      { gateways: [{ clusterID: 'east', address: '192.168.7.1' }] },
    ],
    [
      'whose pods cover its own gateway is its own affair',
      west({ pods: ['192.168.0.0/16'] }),
      'Admitted',
      { gateways: [{ clusterID: 'west', address: '192.168.7.1' }] },
    ],
    [
      'outside the addresses of the fleet is refused',
      west({ pods: ['10.2.0.0/16'] }),
      /10\.2\.0\.0\/16 of "west" lies outside.*172\.16\.0\.0\/12/,
      { pools: ['172.16.0.0/12' as CIDR] },
    ],
    [
      'whose pods cover the broker’s apiserver is refused: members would look for the broker in a cable',
      west({ pods: ['192.168.0.0/16'] }),
      /192\.168\.0\.0\/16 of "west" contains 192\.168\.9\.9 of its apiserver, which is the broker's.*--pod-cidr/,
      { broker },
    ],
    [
      'whose Services cover a node of the broker’s is refused',
      west({ pods: ['10.2.0.0/16'], services: ['10.96.4.0/24'] }),
      /service CIDR 10\.96\.4\.0\/24 of "west" contains 10\.96\.4\.7 of one of its nodes/,
      { broker },
    ],
    [
      'that is the broker’s own, as the mark there shows, has its own addresses',
      asked('hub', { pods: ['10.2.0.0/16'], services: ['10.96.0.0/16'] }),
      'Admitted',
      { broker: { ...broker, identity: fingerprint(identity) } },
    ],
    [
      'that asks for addresses of one that left lately is refused for a while',
      west({ pods: ['10.7.0.0/16'] }),
      /overlaps 10\.7\.0\.0\/16 of "gone", which left/,
      { taken: [left('10.7.0.0/16')] },
    ],
    [
      'that left lately has its own addresses back at once by its keys, under another id too',
      asked('back', { uid: 'uid-gone', pods: ['10.7.0.0/16'] }),
      'Admitted',
      { taken: [left('10.7.0.0/16')] },
    ],
    [
      'that says it is one that left lately, and has other keys, waits',
      asked('back', { uid: 'uid-gone', pods: ['10.7.0.0/16'] }),
      /waits for 10\.7\.0\.0\/16 of "gone", which left/,
      { taken: [left('10.7.0.0/16', fingerprint(publicIdentity(newIdentity())))] },
    ],
    [
      'that left when nobody wrote down by which keys waits',
      asked('back', { uid: 'uid-gone', pods: ['10.7.0.0/16'] }),
      /waits for 10\.7\.0\.0\/16/,
      { taken: [{ ...left('10.7.0.0/16'), identity: undefined } as Taken] },
    ],
    [
      'that has the keys of one that left lately and is another, a copy, is refused',
      asked('copy', { uid: 'uid-copy', pods: ['10.7.0.0/16'] }),
      /overlaps 10\.7\.0\.0\/16 of "gone", which left/,
      { taken: [left('10.7.0.0/16')] },
    ],
  ]
  for (const [name, asking, want, more] of cases)
    test(name, () => {
      const decision = admit(asking, ground(more))
      const said = decision.state === 'Admitted' ? 'Admitted' : decision.message
      if (want === 'Admitted') assert.equal(said, 'Admitted')
      else assert.match(said, want)
    })

  test('of requests that overlap, the first is admitted', () => {
    const all = [asked('west', { pods: ['10.2.0.0/16'] }), asked('north', { pods: ['10.2.0.0/17'], services: ['10.102.0.0/16'] })]
    const [first, second] = all.map((spec) => ({ spec }))
    assert.ok(first !== undefined && second !== undefined)
    const stateOf = (waiting: readonly (typeof first)[]) => {
      const decisions = admitAll(
        [first, second].filter((one) => !waiting.includes(one)),
        waiting,
        ground(),
      )
      return [first, second].map((one) => decisions.get(one)?.state)
    }
    assert.deepEqual(stateOf([]), ['Admitted', 'Refused'])
    // Who is not approved yet keeps nobody out, and is told so.
    assert.deepEqual(stateOf([first]), ['Refused', 'Admitted'])
    assert.deepEqual(stateOf([first, second]), ['Admitted', 'Admitted'])
  })

  test('T3: of any lattice of prefixes, IPv4 and IPv6, whoever is let in has only its own: nothing of another’s, wider or narrower, and nothing reserved', () => {
    const cut = (bits: bigint, width: 32 | 128, prefix: number) => {
      const size = 1n << BigInt(width - prefix)
      return `${formatIP({ family: width === 32 ? 'IPv4' : 'IPv6', bits: bits - (bits % size) })}/${prefix}` as CIDR
    }
    // Few high bits, so that they meet; any length, so that they lie in one another. 0, 10, 100, 127, 169.254 and 224 are among them.
    const [first, second] = [fc.constantFrom(0n, 10n, 100n, 127n, 169n, 192n, 224n), fc.constantFrom(0n, 1n, 64n, 128n, 254n)]
    const v4 = fc
      .tuple(first, second, fc.nat(255), fc.integer({ min: 0, max: 32 }))
      .map(([a, b, c, prefix]) => cut((a << 24n) | (b << 16n) | BigInt(c << 8), 32, prefix))
    const v6 = fc
      .tuple(
        fc.constantFrom(0n, 0x64ff9bn, 0xfd000001n, 0xfd000002n, 0xfd746f6dn, 0xfe800000n, 0xff020000n),
        fc.nat(3),
        fc.integer({ min: 0, max: 128 }),
      )
      .map(([high, low, prefix]) => cut((high << 96n) | (BigInt(low) << 94n), 128, prefix))
    const block = fc.oneof(v4, v6)
    const asking = fc.array(fc.record({ pods: fc.uniqueArray(block, { minLength: 1, maxLength: 3 }), services: block }), {
      maxLength: 8,
    })
    fc.assert(
      fc.property(asking, (all) => {
        const specs = all.map(({ pods, services }, i) => ({ spec: asked(`c${i}`, { uid: `u${i}`, pods, services: [services] }) }))
        const judged = [...admitAll(specs, [], nothing)]
        const blocks = judged.flatMap(([, decision]) =>
          decision.state === 'Admitted' ? [[...decision.spec.podCIDRs, ...decision.spec.serviceCIDRs]] : [],
        )
        const flat = blocks.flat()
        for (const [i, x] of flat.entries()) {
          assert.equal(reservedIn(x), undefined, x)
          for (const y of flat.slice(i + 1)) assert.ok(!overlaps(x, y), `${x} ${y}`)
        }
        for (const [request, decision] of judged) {
          if (decision.state === 'Admitted') continue
          const own = [...request.spec.podCIDRs, ...request.spec.serviceCIDRs]
          const meets = (x: CIDR, i: number) => [...flat, ...own.slice(i + 1)].some((y) => overlaps(x, y))
          assert.ok(
            own.some((x, i) => reservedIn(x) !== undefined || meets(x, i)),
            `refused for nothing: ${own.join(' ')}`,
          )
        }
      }),
      { numRuns: 500 },
    )
  })

  test('whatever is asked in whatever order, no two members overlap and somebody gets in', () => {
    const asking = fc.uniqueArray(fc.record({ id: fc.stringMatching(/^[a-z]{1,3}$/), block: fc.nat(7), wide: fc.boolean() }), {
      selector: (r) => r.id,
      minLength: 2,
      maxLength: 10,
    })
    fc.assert(
      fc.property(asking, (all) => {
        const specs = all.map(({ id, block, wide }) => ({
          spec: asked(id, {
            pods: [wide ? `10.${block & 6}.0.0/15` : `10.${block}.0.0/16`],
            services: [`10.${100 + block}.0.0/16`],
          }),
        }))
        const admitted = [...admitAll(specs, [], nothing).values()].flatMap((decision) =>
          decision.state === 'Admitted' ? [decision.spec] : [],
        )
        assert.ok(admitted.length > 0, 'the first has nobody to overlap with')
        for (const [i, a] of admitted.entries())
          for (const b of admitted.slice(i + 1))
            for (const x of [...a.podCIDRs, ...a.serviceCIDRs])
              for (const y of [...b.podCIDRs, ...b.serviceCIDRs]) assert.ok(!overlaps(x, y), `${x} ${y}`)
      }),
    )
  })
})
