import assert from 'node:assert/strict'
import fc from 'fast-check'
import type { JoinRequest } from '#crds/join-request.ts'
import type { Member } from '#crds/member.ts'
import type { CIDR } from '#lib/net/cidr.ts'
import { overlaps } from '#lib/net/cidr.ts'
import type { ClusterID } from '#lib/net/cluster-id.ts'
import { admitAll } from './admit.ts'

type Spec = { id: string; uid?: string; pods: string[]; services?: string[] }

const memberSpec = ({ id, uid = `uid-${id}`, pods, services = [] }: Spec): Member['spec'] => ({
  clusterID: id as ClusterID,
  clusterUID: uid,
  podCIDRs: pods as CIDR[],
  serviceCIDRs: services as CIDR[],
})

const request = (spec: Spec, createdAt = '2026-01-01T00:00:00Z', name = spec.id): JoinRequest => ({
  apiVersion: 'tombolo.dev/v1alpha1',
  kind: 'JoinRequest',
  metadata: { name, namespace: 'tombolo-join', creationTimestamp: createdAt },
  spec: { ...memberSpec({ services: ['10.101.0.0/16'], ...spec }), version: '0.1.0' },
})

const east = memberSpec({ id: 'east', pods: ['10.1.0.0/16', 'fd00:1::/48'], services: ['10.91.0.0/16'] })

suite('admission of a cluster', () => {
  const cases: readonly (readonly [string, JoinRequest, 'Admitted' | RegExp])[] = [
    ['with addresses of its own is granted', request({ id: 'west', pods: ['10.2.0.0/16'] }), 'Admitted'],
    [
      'that is a member with these addresses already is granted again',
      request({ id: 'east', pods: ['fd00:1::/48', '10.1.0.0/16'], services: ['10.91.0.0/16'] }),
      'Admitted',
    ],
    [
      'under an id of another cluster is refused',
      request({ id: 'east', uid: 'another', pods: ['10.2.0.0/16'] }),
      /"east" belongs to another cluster.*uid-east.*another.*Choose another id/,
    ],
    [
      'that is a member with other addresses is refused',
      request({ id: 'east', pods: ['10.3.0.0/16'] }),
      /10\.1\.0\.0\/16.*now asks for 10\.3\.0\.0\/16.*leave first/,
    ],
    ['under an id that is no DNS label is refused', request({ id: 'East', pods: ['10.2.0.0/16'] }), /spec\.clusterID.*DNS label/],
    [
      'in a request of another name is refused',
      request({ id: 'west', pods: ['10.2.0.0/16'] }, undefined, 'north'),
      /named "north" but asks for cluster id "west"/,
    ],
    [
      'whose pod CIDR overlaps a pod CIDR is refused with both names',
      request({ id: 'west', pods: ['10.1.128.0/17'] }),
      /pod CIDR 10\.1\.128\.0\/17 of "west" overlaps pod CIDR 10\.1\.0\.0\/16 of member "east".*--pod-cidr/,
    ],
    [
      'whose IPv6 pod CIDR overlaps is refused',
      request({ id: 'west', pods: ['10.2.0.0/16', 'fd00:1:0:5::/64'] }),
      /fd00:1:0:5::\/64 of "west" overlaps pod CIDR fd00:1::\/48/,
    ],
    [
      'whose service CIDR overlaps a service CIDR is refused',
      request({ id: 'west', pods: ['10.2.0.0/16'], services: ['10.91.4.0/22'] }),
      /service CIDR 10\.91\.4\.0\/22 of "west" overlaps service CIDR 10\.91\.0\.0\/16 of member "east"/,
    ],
    [
      'whose service CIDR overlaps a pod CIDR is refused',
      request({ id: 'west', pods: ['10.2.0.0/16'], services: ['10.0.0.0/15'] }),
      /service CIDR 10\.0\.0\.0\/15 of "west" overlaps pod CIDR 10\.1\.0\.0\/16/,
    ],
    [
      'whose own ranges overlap is refused',
      request({ id: 'west', pods: ['10.2.0.0/16'], services: ['10.2.3.0/24'] }),
      /10\.2\.0\.0\/16 and service CIDR 10\.2\.3\.0\/24 of "west" overlap each other/,
    ],
    ['that announces everything is refused', request({ id: 'west', pods: ['0.0.0.0/0'] }), /no cluster may announce/],
    ['that announces metadata services is refused', request({ id: 'west', pods: ['169.254.0.0/17'] }), /link-local/],
    ['that announces our tunnel addresses is refused', request({ id: 'west', pods: ['fd74:6f6d:1::/48'] }), /own tunnel/],
    [
      'with host bits in a CIDR is refused with the network it meant',
      request({ id: 'west', pods: ['10.2.3.4/16'] }),
      /10\.2\.3\.4\/16.*canonical form/,
    ],
  ]
  for (const [name, asking, want] of cases)
    test(name, () => {
      const [answer] = admitAll([asking], [east])
      assert.ok(answer !== undefined)
      const said = answer.decision.state === 'Admitted' ? 'Admitted' : answer.decision.message
      if (want === 'Admitted') assert.equal(said, 'Admitted')
      else assert.match(said, want)
    })

  test('of two requests that overlap, the older one is admitted', () => {
    const older = request({ id: 'west', pods: ['10.2.0.0/16'] }, '2026-01-01T00:00:00Z')
    const younger = request({ id: 'north', pods: ['10.2.0.0/17'], services: ['10.102.0.0/16'] }, '2026-01-01T00:00:01Z')
    for (const order of [
      [older, younger],
      [younger, older],
    ])
      assert.deepEqual(
        admitAll(order, [east]).map(({ request: r, decision }) => [r.metadata.name, decision.state]),
        [
          ['west', 'Admitted'],
          ['north', 'Refused'],
        ],
      )
  })

  test('whatever is asked in whatever order, no two members overlap and the answer does not depend on the order', () => {
    const asking = fc
      .uniqueArray(
        fc.record({ id: fc.stringMatching(/^[a-z]{1,3}$/), block: fc.nat(7), wide: fc.boolean(), second: fc.nat(2) }),
        { selector: (r) => r.id, minLength: 2, maxLength: 10 },
      )
      .map((all) =>
        all.map(({ id, block, wide, second }) =>
          request(
            { id, pods: [wide ? `10.${block & 6}.0.0/15` : `10.${block}.0.0/16`], services: [`10.${100 + block}.0.0/16`] },
            `2026-01-01T00:00:0${second}Z`,
          ),
        ),
      )
    fc.assert(
      fc.property(
        asking.chain((all) => fc.tuple(fc.constant(all), fc.shuffledSubarray(all, { minLength: all.length }))),
        ([all, shuffled]) => {
          const answers = admitAll(shuffled, [])
          const admitted = answers.flatMap(({ decision }) => (decision.state === 'Admitted' ? [decision.spec] : []))
          assert.ok(admitted.length > 0, 'the oldest has nobody to overlap with')
          for (const [i, a] of admitted.entries())
            for (const b of admitted.slice(i + 1))
              for (const x of [...a.podCIDRs, ...a.serviceCIDRs])
                for (const y of [...b.podCIDRs, ...b.serviceCIDRs]) assert.ok(!overlaps(x, y), `${x} ${y}`)
          assert.deepEqual(answers, admitAll(all, []))
        },
      ),
    )
  })
})
