import assert from 'node:assert/strict'
import type { CIDR } from '#lib/net/cidr.ts'
import type { ClusterID } from '#lib/net/cluster-id.ts'
import type { Spec } from '#test/kit/joining.ts'
import { askedOf } from '#test/kit/joining.ts'
import type { Fleetwide } from './fit.ts'
import { misfitOf } from './fit.ts'

const member = (id: string, ...podCIDRs: readonly string[]) => ({ clusterID: id as ClusterID, podCIDRs: podCIDRs as CIDR[] })
const fleet: Fleetwide = { version: '0.3.2', cables: ['wireguard'], members: [member('east', '10.1.0.0/16')] }

suite('whether a cluster fits into a fleet', () => {
  const cases: readonly (readonly [string, Spec, RegExp | undefined, Partial<Fleetwide>?])[] = [
    ['of the broker’s version it does', { version: '0.3.2' }, undefined],
    ['of the minor version before', { version: '0.2.9' }, undefined],
    ['of the minor version after, also before it is released', { version: '0.4.0-rc.1' }, undefined],
    [
      'two behind it does not, before 1.0 either',
      { version: '0.1.0' },
      /spec\.version of "west" is "0\.1\.0", want 0\.2 to 0\.4: the broker runs 0\.3\.2.*Use the tombolo of 0\.3\.2/,
    ],
    [
      'two ahead the broker has to follow first',
      { version: '0.5.0' },
      /is "0\.5\.0".*Bring the broker forward first \(tombolo upgrade/,
    ],
    ['another major version', { version: '1.3.2' }, /is "1\.3\.2".*Bring the broker forward/],
    ['a word is no version', { version: 'latest' }, /is "latest", want a version such as 0\.3\.2/],
    ['nor is nothing', { version: '' }, /is "", want a version/],
    ['a broker of no version compares nothing', { version: '7.0.0' }, undefined, { version: 'dev' }],
    [
      'without a cable driver of the fleet it does not',
      { version: '0.3.2', capabilities: ['cable/vxlan', 'ip/v4'] },
      /spec\.capabilities of "west" names the cable drivers vxlan, want one of wireguard \(spec\.join\.cables of the Fleet\)/,
    ],
    ['nor with none at all', { version: '0.3.2', capabilities: [] }, /names the cable drivers none/],
    ['one in common is enough', { version: '0.3.2', capabilities: ['cable/ipsec', 'cable/wireguard', 'ip/v4'] }, undefined],
    [
      'addresses that it cannot carry',
      { version: '0.3.2', capabilities: ['cable/wireguard', 'ip/v4'], pods: ['10.2.0.0/16', 'fd00:2::/64'] },
      /lacks ip\/v6, want it for fd00:2::\/64.*--pod-cidr/,
    ],
    [
      'of a family that nobody else has',
      { version: '0.3.2', pods: ['fd00:2::/64'] },
      /spec\.podCIDRs of "west" are IPv6, want IPv4.*reach none/,
    ],
    [
      'that somebody else has too',
      { version: '0.3.2', pods: ['fd00:2::/64'] },
      undefined,
      { members: [...fleet.members, member('dual', '10.3.0.0/16', 'fd00:3::/64')] },
    ],
    ['the first of a fleet', { version: '0.3.2', pods: ['fd00:2::/64'] }, undefined, { members: [] }],
  ]
  for (const [name, spec, want, more] of cases)
    test(name, () => {
      const found = misfitOf(askedOf('west', spec), { ...fleet, ...more })
      if (want === undefined) assert.equal(found, undefined)
      else assert.match(found?.message ?? 'it fits', want)
    })
})
