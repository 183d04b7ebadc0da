// What gateways meet in bad times, with their own programs and without Kubernetes: partitions, one-way paths, a NAT that forgets, programs
// that are killed over and over, lies, and clocks that jump.
import assert from 'node:assert/strict'
import { fileURLToPath } from 'node:url'
import type { GatewayEndpoint } from '#crds/gateway-endpoint.ts'
import { leases } from '#lib/kube/kinds.ts'
import { PrivateKey } from '#lib/net/keys.ts'
import { leaseName } from '../../gateway/election/role.ts'
import { eventually } from '../kit/eventually.ts'
import type { Machines } from '../kit/netns.ts'
import { kernelHasWireGuard, machines, noMachines, processesIn } from '../kit/netns.ts'
import type { PlainFleet, PlainGateway } from '../kit/plain-gateways.ts'
import { meshed, plainFleet } from '../kit/plain-gateways.ts'

suite('gateways in hard times', function () {
  this.timeout(120_000)
  let rig: Machines
  let fleet: PlainFleet
  let east: PlainGateway
  let west: PlainGateway
  let north: PlainGateway
  const jumps = '/run/clock'

  suiteSetup(async () => {
    assert.equal(noMachines(), undefined)
    rig = machines('hard')
    fleet = await plainFleet(rig)
    ;[east, west, north] = [await fleet.add(), await fleet.add(), await fleet.add({ pod: 'none' })]
    const jumping = fileURLToPath(import.meta.resolve('../kit/clock-jump.ts'))
    for (const one of fleet.gateways) {
      await one.machine.sh(`echo 0 > ${jumps}`)
      one.start('gateway', { NODE_OPTIONS: `--import=${jumping}`, JUMP_FILE: jumps })
    }
    for (const one of [east, west]) one.start('agent')
    await meshed(fleet.gateways, 60_000)
  })
  setup(() => meshed(fleet.gateways))
  suiteTeardown(async () => {
    await fleet[Symbol.asyncDispose]()
    await rig[Symbol.asyncDispose]()
  })

  /** What the router drops of what passes it. */
  const drop = (...matches: readonly string[]) =>
    fleet.wan.sh(`nft -f - <<'NFT'
table ip fault
delete table ip fault
table ip fault {
  chain forward {
    type filter hook forward priority 0; policy accept;
${matches.map((match) => `    ${match} drop`).join('\n')}
  }
}
NFT`)
  const heal = () => fleet.wan.sh('nft delete table ip fault')
  const between = (a: PlainGateway, b: PlainGateway) => `ip saddr ${a.address} ip daddr ${b.address}`
  const link = (from: PlainGateway, to: PlainGateway) => {
    const { state, reason } = from.connectionTo(to) ?? {}
    return `${state ?? 'none'} ${reason ?? ''}`.trim()
  }
  /** ms until a ping from pod to pod is answered. */
  async function answeredAfter(): Promise<number> {
    const at = performance.now()
    await eventually(() => east.pod.sh(`ping -c 1 -W 0.2 ${west.podAddress}`).then(() => undefined), 20_000, 1)
    return performance.now() - at
  }
  const pings = (count: number) => east.pod.sh(`ping -i 0.05 -c ${count} -W 1 -q ${west.podAddress} || true`)
  /** A machine with much else to do loses some by itself; a cable that is made anew loses more than these. */
  function goesOn(answers: string): void {
    const [, sent, received] = /(\d+) packets transmitted, (\d+) received/.exec(answers) ?? assert.fail(answers)
    assert.ok(Number(received) >= 0.95 * Number(sent), answers)
  }
  const refused = (one: PlainGateway) =>
    one.published()?.status?.conditions?.find(({ type }) => type === 'PeersAccepted')?.message ?? ''
  const lease = (one: PlainGateway) => one.api.read(leases, { namespace: 'tombolo-system', name: leaseName })?.spec

  test('where packets pass one way alone both ends mark it down, each with what it sees, and the others go on', async () => {
    await drop(between(east, west))
    try {
      await eventually(() => {
        assert.equal(link(east, west), 'Error OneWay')
        assert.equal(link(west, east), 'Error FellSilent')
      }, 10_000)
      assert.deepEqual([link(east, north), link(west, north), link(north, east)], ['Connected', 'Connected', 'Connected'])
    } finally {
      await heal()
    }
    await meshed(fleet.gateways)
  })

  for (const [seconds, withinMs] of [
    [5, 2_000],
    // The session is over after 15 s without an answer; a new one is tried every 5 s and a bit.
    [25, 8_000],
  ] as const)
    test(`a partition of ${seconds} s is over within ${withinMs / 1000} s after its end`, async () => {
      await drop(between(east, west), between(west, east))
      await eventually(() => assert.match(`${link(east, west)} ${link(west, east)}`, /Error.*Error/), 10_000)
      await east.machine.sh(`sleep ${seconds - 2}`)
      await heal()
      const ms = await answeredAfter()
      assert.ok(ms < withinMs, `answered after ${Math.round(ms)} ms`)
    })

  test('a NAT that gives a flow another port is felt for less than 2 s', async () => {
    // Without state, so that what the old port was good for is gone at once.
    const natted = (port: number) =>
      fleet.wan.sh(`nft -f - <<'NFT'
table ip nat
delete table ip nat
table ip nat {
  chain prerouting {
    type filter hook prerouting priority raw; policy accept;
    ip saddr ${east.address} udp sport 51820 ip daddr ${west.address} ip saddr set 172.29.255.9 udp sport set ${port} notrack
    ip saddr ${west.address} ip daddr 172.29.255.9 udp dport ${port} ip daddr set ${east.address} udp dport set 51820 notrack accept
    ip saddr ${west.address} ip daddr { ${east.address}, 172.29.255.9 } drop
  }
}
NFT`)
    try {
      for (const port of [40_001, 40_002, 40_003]) {
        await natted(port)
        const ms = await answeredAfter()
        assert.ok(ms < 2_000, `answered after ${Math.round(ms)} ms`)
      }
      await eventually(() => assert.equal(west.connectionTo(east)?.address, '172.29.255.9:40003'))
    } finally {
      await fleet.wan.sh('nft delete table ip nat')
    }
    await answeredAfter()
  })

  if (!kernelHasWireGuard())
    test('a wireguard-go that is killed over and over comes back with all its cables each time', async () => {
      const key = east.published()?.spec.wireguard.publicKey
      for (let n = 0; n < 4; n++) {
        const [daemon] = processesIn(east.machine).filter(({ command }) => command === 'wireguard-go')
        assert.ok(daemon !== undefined)
        process.kill(daemon.pid, 'SIGKILL')
        const ms = await answeredAfter()
        assert.ok(ms < 15_000, `answered after ${Math.round(ms)} ms`)
      }
      assert.equal(east.published()?.spec.wireguard.publicKey, key)
      await meshed(fleet.gateways)
    })

  test('a gateway that is killed over and over finds its cables again, and ends none before it has heard all of the apiserver', async () => {
    const pinging = pings(300)
    const carrier = () => processesIn(east.machine).find(({ command }) => command === 'wireguard-go')?.pid
    const before = carrier()
    for (let n = 0; n < 2; n++) {
      await east.stop('gateway', 'SIGKILL')
      // It comes back to an apiserver that does not tell it who there is.
      const mute = east.api.fault(
        ({ verb, plural }) => verb === 'list' && plural === 'gatewayendpoints',
        { do: 'silence' },
        1_000,
      )
      east.start('gateway', { JUMP_FILE: jumps })
      await east.machine.sh('sleep 4')
      mute()
    }
    assert.equal(carrier(), before)
    goesOn(await pinging)
    await east.stop('gateway', 'SIGKILL')
    const holder = lease(east)?.holderIdentity
    east.start('gateway', {
      NODE_OPTIONS: `--import=${fileURLToPath(import.meta.resolve('../kit/clock-jump.ts'))}`,
      JUMP_FILE: jumps,
    })
    // The lead of the one that was killed is its own when it was written so.
    await eventually(() => {
      assert.notEqual(lease(east)?.holderIdentity, holder)
      assert.equal(east.published()?.status?.term, lease(east)?.leaseTransitions)
    }, 60_000)
    await meshed(fleet.gateways, 60_000)
  })

  test('clocks that jump by ten minutes, forth and back, cost no packet and no lead', async () => {
    const term = () => [east, west].map((one) => [one.published()?.status?.role, one.published()?.status?.term])
    const before = term()
    const pinging = pings(240)
    for (const [one, ms] of [
      [east, 600_000],
      [east, 0],
      [west, -600_000],
      [west, 0],
    ] as const) {
      await one.machine.sh(`echo ${ms} > ${jumps}`)
      await east.machine.sh('sleep 3')
    }
    goesOn(await pinging)
    assert.deepEqual(term(), before)
    await meshed(fleet.gateways)
  })

  type Said = GatewayEndpoint
  const said = (change: Partial<Said['spec']>) => (s: Said) => ({ ...s, spec: { ...s.spec, ...change } })
  const at = (address: string, port: number) => said({ candidates: [{ type: 'NodeInternal', address, port }] })
  const lies: readonly (readonly [string, () => (s: Said) => Said, RegExp])[] = [
    ['an address among its own pods', () => at('10.103.0.1', 51_820), /among pods|pods or services|candidate/],
    ['an address of the loopback', () => at('127.0.0.1', 51_820), /./],
    ['an address that is none', () => at('300.1.2.3', 51_820), /candidates/],
    ['port 0', () => at('172.29.3.1', 0), /port/],
    [
      'a key that another member uses',
      () => said({ wireguard: { publicKey: west.published()?.spec.wireguard.publicKey ?? '' } }),
      /already another gateway/,
    ],
    [
      'a key of ours',
      () => said({ wireguard: { publicKey: east.published()?.spec.wireguard.publicKey ?? '' } }),
      /already another/,
    ],
    ['no key', () => said({ wireguard: { publicKey: 'none' } }), /publicKey/],
    ['the id of another member', () => said({ clusterID: west.id as Said['spec']['clusterID'] }), /./],
  ]
  for (const [what, lie, says] of lies)
    test(`a peer that announces ${what} is left out and named, and the others are not touched`, async () => {
      const pinging = pings(60)
      fleet.forge(north, lie())
      try {
        await eventually(() => {
          assert.equal(east.connectionTo(north), undefined)
          assert.match(refused(east), says)
          assert.match(refused(east), /c3-/)
        })
        assert.deepEqual([link(east, west), link(west, east)], ['Connected', 'Connected'])
        goesOn(await pinging)
      } finally {
        fleet.forge(north, (same) => same)
      }
      await meshed(fleet.gateways)
    })

  test('a peer that comes to announce another key than it has is not heard under it, and is again under its own', async () => {
    fleet.forge(north, said({ wireguard: { publicKey: PrivateKey.generate().publicKey } }))
    await eventually(() => assert.equal(link(east, north), 'Error NothingHeard'), 30_000)
    assert.equal(link(east, west), 'Connected')
    fleet.forge(north, (same) => same)
    await meshed(fleet.gateways)
  })

  // The last one: there is a copy from here on.
  test('of a gateway and its copy the one that started later is taken; both and their peer say so', async () => {
    const copy = await fleet.add({ like: east })
    copy.start('gateway')
    copy.start('agent')
    await eventually(() => {
      assert.match(refused(west), /c1-.*two gateways speak with its key/)
      assert.match(refused(copy), /c2-.*hears another gateway with the key of this one/)
      assert.match(refused(east), /c2-.*takes another gateway for this one/)
      assert.match(refused(east), /c3-.*takes another gateway for this one/)
      assert.deepEqual([east.connectionTo(west), link(copy, west), link(west, copy)], [undefined, 'Connected', 'Connected'])
    }, 90_000)
    const echoes = async (one: PlainGateway) =>
      Number(/^Icmp: \d.*$/m.exec(await one.pod.sh('cat /proc/net/snmp'))?.[0].split(' ')[9])
    await eventually(() => west.pod.sh(`ping -c 1 -W 1 ${east.podAddress}`).then(() => undefined), 40_000)
    const before = [await echoes(east), await echoes(copy)] as const
    assert.match(await west.pod.sh(`ping -i 0.2 -c 25 -W 1 -q ${east.podAddress}`), / 0% packet loss/)
    assert.deepEqual([(await echoes(east)) - before[0], (await echoes(copy)) - before[1]], [0, 25])
    await copy.stop('gateway')
    await east.stop('gateway')
    east.start('gateway')
    await meshed(
      fleet.gateways.filter((one) => one !== copy),
      60_000,
    )
  })
})
