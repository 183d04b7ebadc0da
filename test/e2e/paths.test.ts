// The ways of cables between real WireGuard devices, without Kubernetes: three sites behind routers, of which some translate addresses,
// and a network between them that lets UDP pass or not. What a relay and the network see is captured, and holds nothing in clear.
//
//   east-gw ─ east-nat ─┐
//   west-gw ─ west-nat ─┼─ wan ─ hub-gw (a relay, on port 443)
import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { PublicKey } from '#lib/net/keys.ts'
import { tunnelAddress } from '#lib/net/keys.ts'
import type { Daemon } from '#lib/host/host.ts'
import { eventually } from '../kit/eventually.ts'
import type { Machine, Machines } from '../kit/netns.ts'
import { machines, noMachines } from '../kit/netns.ts'
import type { PathLine, PathWant } from '../kit/path-main.ts'
import type { Issued } from '../kit/test-ca.ts'
import { testCA } from '../kit/test-ca.ts'

/** As a router at home does it; as one that gives each destination another port; none. */
type Nat = 'port kept' | 'port for each' | 'none'

const ca = testCA()
const port = 51820
const relayPort = 443
const marker = 'plainly-readable'

type Capture = { readonly size: number; readonly isClear: boolean }

type Site = {
  readonly id: string
  readonly machine: Machine
  readonly router: Machine
  readonly nat: Nat
  readonly certified: Issued
  /** Of the gateway itself, and of its site as others see it. */
  readonly address: string
  readonly outside: string
  line: PathLine | undefined
  /** The longest that the process stood still. */
  lagMs: number
  running: Daemon | undefined
}

/** Of 10,000, on the way back from the relay: those on their way in 20 ms, as the door that was left closes once. */
const mostLost = 5

suite('the ways of cables', function () {
  this.timeout(180_000)
  let rig: Machines
  let wan: Machine
  let sites: Site[]
  let count = 0

  suiteSetup(() => assert.equal(noMachines(), undefined))
  setup(async () => {
    rig = machines(`paths${'abcdefghijklmnop'[count++] ?? ''}`)
    wan = await rig.add('wan')
    await wan.sh('sysctl -qw net.ipv4.ip_forward=1')
    sites = []
  })
  teardown(async () => {
    for (const { running } of sites) await running?.[Symbol.asyncDispose]()
    await rig[Symbol.asyncDispose]()
  })

  async function site(id: string, nat: Nat): Promise<Site> {
    const number = sites.length + 1
    const [machine, router] = [await rig.add(`${id}-gw`), await rig.add(`${id}-nat`)]
    await rig.join(wan, `to-${id}`, router, 'out')
    await rig.join(router, 'in', machine, 'wan')
    const [address, outside] = [`10.9.${number}.2`, `203.0.113.${number * 16 + 2}`]
    await wan.sh(`ip addr add 203.0.113.${number * 16 + 1}/28 dev to-${id}`)
    await router.sh(
      `ip addr add ${outside}/28 dev out; ip addr add 10.9.${number}.1/24 dev in; ip route add default via 203.0.113.${number * 16 + 1}; sysctl -qw net.ipv4.ip_forward=1`,
    )
    const translate = {
      // One address for one: what comes is let in.
      none: `chain pre { type nat hook prerouting priority dstnat; iifname out dnat ip to ${address}; }
             chain post { type nat hook postrouting priority srcnat; oifname out snat ip to ${outside}; }`,
      'port kept': 'chain post { type nat hook postrouting priority srcnat; oifname out masquerade; }',
      'port for each': 'chain post { type nat hook postrouting priority srcnat; oifname out masquerade fully-random; }',
    }[nat]
    await router.sh(`cat > /run/nat.nft <<'END'
table inet nat {
${translate}
chain inward { type filter hook input priority filter; iifname out ct state new drop; }
chain onward { type filter hook forward priority filter; ${nat === 'none' ? '' : 'iifname out ct state new drop;'} }
}
END
nft -f /run/nat.nft`)
    await machine.sh(`ip addr add ${address}/24 dev wan; ip route add default via 10.9.${number}.1`)
    const certified = ca.issue(`n1.${id}.gateway.tombolo.dev`)
    const made: Site = { id, machine, router, nat, certified, address, outside, line: undefined, lagMs: 0, running: undefined }
    sites.push(made)
    return made
  }

  /** Two that are alike, and one that everybody reaches. */
  const twoAndHub = async (nat: Nat) => [await site('east', nat), await site('west', nat), await site('hub', 'none')] as const

  /** What it is told of others: where they are by their own word, and where they are heard. */
  const addressesOf = ({ address, outside, nat }: Site, reflexive: boolean): PathWant['peers'][number]['addresses'] =>
    nat === 'none'
      ? [{ address: outside, port }]
      : reflexive
        ? [
            { address, port },
            { address: outside, port, reflexive: true },
          ]
        : [{ address, port }]

  type Told = {
    readonly ways?: PathWant['ways']
    readonly relay?: Site
    readonly reflexive?: boolean
    readonly peers?: readonly Site[]
  }

  async function start(): Promise<void> {
    for (const one of sites) {
      mkdirSync(one.machine.dir, { recursive: true })
      one.running = one.machine.host.start(
        process.execPath,
        [join(import.meta.dirname, '../kit/path-main.ts'), one.machine.dir],
        {
          env: {},
          onLine: (line) => {
            if (!line.startsWith('{"publicKey"')) return
            one.line = JSON.parse(line) as PathLine
            one.lagMs = Math.max(one.lagMs, one.line.lagMs ?? 0)
          },
        },
      )
    }
    await until(() => sites.every(({ line }) => line !== undefined))
  }
  function tell({ ways = 'chosen', relay, reflexive = true, peers = sites }: Told): void {
    for (const one of sites) {
      const want: PathWant = {
        clusterID: one.id,
        node: 'n1',
        ways,
        relayPort,
        key: one.certified.key.pem(),
        pem: one.certified.certificate,
        root: ca.root,
        peers: peers
          .filter((other) => other !== one && peers.includes(one))
          .map((other) => ({
            publicKey: keyOf(other),
            clusterID: other.id,
            node: 'n1',
            dnsName: other.certified.dnsName,
            addresses: addressesOf(other, reflexive),
          })),
        relays:
          relay === undefined || relay === one
            ? []
            : [{ name: relay.id, dnsName: relay.certified.dnsName, places: [{ address: relay.outside, port: relayPort }] }],
        ...(relay === one ? { relayFor: sites.map((s) => [s.certified.dnsName, s.id] as const) } : {}),
      }
      writeFileSync(join(one.machine.dir, 'want.new'), JSON.stringify(want))
      renameSync(join(one.machine.dir, 'want.new'), join(one.machine.dir, 'want.json'))
    }
  }
  const keyOf = ({ line }: Site): PublicKey => line?.publicKey ?? assert.fail('it has no key yet')
  const until = (holds: () => boolean, ms?: number) =>
    eventually(() => assert.ok(holds(), JSON.stringify(sites.map((s) => s.line))), ms)
  const toward = (from: Site, to: Site) => from.line?.peers?.find((p) => p.clusterID === to.id)
  const isOn = (paths: readonly string[], a: Site, b: Site) => () =>
    [toward(a, b), toward(b, a)].every((p) => p?.state === 'Connected' && paths.includes(p.path ?? 'none'))
  const cutUDP = (from: Site, to: Site) =>
    wan.sh(
      `nft 'table inet cut { chain f { type filter hook forward priority 0; meta l4proto udp ip saddr ${from.outside} ip daddr ${to.outside} drop; meta l4proto udp ip saddr ${to.outside} ip daddr ${from.outside} drop; }; }'`,
    )
  const heal = () => wan.sh('nft delete table inet cut')
  const seconds = (since: number) => (performance.now() - since) / 1000

  /** `ping` with a payload that is easy to find; resolves with how many of how many came back. */
  async function pings(
    from: Site,
    to: Site,
    many: number,
    every = 0.05,
  ): Promise<{ readonly sent: number; readonly back: number }> {
    const pattern = Buffer.from(marker).toString('hex')
    const out = await from.machine.host.run(
      'sh',
      ['-c', `ping -6 -q -i ${every} -c ${many} -W 3 -s 200 -p ${pattern} ${tunnelAddress(keyOf(to))} || true`],
      {},
      AbortSignal.timeout(170_000),
    )
    const [, sent = '0', back = '0'] = /(\d+) packets transmitted, (\d+) received/.exec(out) ?? []
    return { sent: Number(sent), back: Number(back) }
  }
  /** What passes a device, or all of them, while `work` runs. Perl is on every Debian. */
  async function captured(machine: Machine, dev: string | undefined, work: () => Promise<void>): Promise<Capture> {
    mkdirSync(machine.dir, { recursive: true })
    const file = join(machine.dir, `${dev ?? 'all'}.packets`)
    const index = dev === undefined ? 0 : Number(/"ifindex":(\d+)/.exec(await machine.sh(`ip -j link show dev ${dev}`))?.[1])
    const program =
      'socket(S,17,3,unpack("n",pack("S",3))) or die $!; bind(S,pack("SnlSCCa8",17,3,$ARGV[1],0,0,0,"")) or die $!; open(F,">",$ARGV[0]); syswrite(F,"ready"); while(sysread(S,$b,65536)){syswrite(F,$b)}'
    const capture = machine.host.start('perl', ['-e', program, file, String(index)], {})
    await eventually(() => assert.ok(readFileSync(file).length > 0))
    await work()
    await capture[Symbol.asyncDispose]()
    const bytes = readFileSync(file)
    return { size: bytes.length, isClear: bytes.includes(marker) }
  }

  for (const nat of ['port kept', 'port for each'] as const)
    test(`one side behind NAT, with a ${nat}: straight, and no relay is needed`, async () => {
      const [east, west] = [await site('east', nat), await site('west', 'none')]
      await start()
      tell({})
      await until(isOn(['Direct', 'Reflexive'], east, west))
      assert.equal(toward(east, west)?.path, 'Direct')
    })

  test('both behind NAT that keeps the port: each is told where the other is heard, and they meet without a relay', async () => {
    const [east, west] = [await site('east', 'port kept'), await site('west', 'port kept')]
    await start()
    tell({})
    const began = performance.now()
    await until(isOn(['Reflexive'], east, west), 60_000)
    console.log(`      met after ${seconds(began).toFixed(1)} s`)
  })

  test('both behind NAT with a port for each: through the relay, which sees nothing in clear', async () => {
    const [east, west, hub] = await twoAndHub('port for each')
    await start()
    tell({ relay: hub, peers: [east, west] })
    const began = performance.now()
    await until(isOn(['Relay'], east, west), 30_000)
    console.log(`      connected after ${seconds(began).toFixed(1)} s, rtt ${toward(east, west)?.rttMs} ms`)
    let through = { sent: 0, back: 0 }
    const inner: Capture[] = []
    const atRelay = await captured(hub.machine, undefined, async () => {
      // On loopback lies what the relay gets to see inside of TLS; in the cable's device what it must not.
      inner[0] = await captured(east.machine, 'lo', async () => {
        inner[1] = await captured(west.machine, 'tmb-wg', async () => {
          through = await pings(east, west, 200)
        })
      })
    })
    console.log(
      `      ${through.back} of ${through.sent} pings through the relay; relay ${JSON.stringify(hub.line?.relay)}, longest standstill ${hub.lagMs} ms`,
    )
    assert.equal(through.back, through.sent)
    for (const { size } of [atRelay, ...inner]) assert.ok(size > 50_000, `${size}`)
    assert.deepEqual(
      [atRelay, ...inner].map(({ isClear }) => isClear),
      [false, false, true],
    )
    assert.equal(toward(west, east)?.path, 'Relay')
  })

  test('UDP between two is cut and healed: over the third within seconds, and back within 30 s, losing no more than what is on its way when the door closes', async () => {
    const [east, west, hub] = await twoAndHub('none')
    await start()
    tell({ relay: hub })
    await until(isOn(['Direct'], east, west))
    const { isClear } = await captured(wan, undefined, async () => {
      await cutUDP(east, west)
      const cutAt = performance.now()
      await until(() => [toward(east, west), toward(west, east)].some((p) => p?.state !== 'Connected'))
      await until(isOn(['Relay'], east, west), 30_000)
      console.log(`      over the relay ${seconds(cutAt).toFixed(1)} s after the cut, rtt ${toward(east, west)?.rttMs} ms`)
      const steady = pings(east, west, 700)
      const looked = await steady
      console.log(`      on the relay, with two looks for a way: ${looked.back} of ${looked.sent} pings came back`)
      assert.equal(looked.back, looked.sent)
      // Always some on the way through the relay when the cable leaves it.
      const across = pings(east, west, 10_000, 0.004)
      await heal()
      const healedAt = performance.now()
      await until(isOn(['Direct'], east, west), 40_000)
      const took = seconds(healedAt)
      const { sent, back } = await across
      console.log(`      straight again ${took.toFixed(1)} s after the healing; ${back} of ${sent} pings came back`)
      assert.ok(took <= 30)
      assert.ok(sent - back <= mostLost, `${sent - back} lost`)
    })
    assert.equal(isClear, false)
    const forwarded = hub.line?.relay?.forwarded ?? 0
    const after = await pings(east, west, 20)
    assert.equal(after.back, 20)
    assert.ok((hub.line?.relay?.forwarded ?? 0) - forwarded < 5, 'nothing goes through the relay any more')
  })

  test('no UDP at all, from the start: over TCP 443, and straight when UDP comes back', async () => {
    const [east, west, hub] = await twoAndHub('none')
    await wan.sh(`nft 'table inet cut { chain f { type filter hook forward priority 0; meta l4proto udp drop; }; }'`)
    await start()
    tell({ relay: hub, peers: [east, west] })
    const began = performance.now()
    await until(isOn(['Relay'], east, west), 30_000)
    console.log(`      connected after ${seconds(began).toFixed(1)} s`)
    await heal()
    const healedAt = performance.now()
    await until(isOn(['Direct'], east, west), 40_000)
    console.log(`      straight ${seconds(healedAt).toFixed(1)} s after the healing`)
    assert.ok(seconds(healedAt) <= 30)
  })

  test('both behind NAT that keeps the port, UDP cut and healed: they meet again within 30 s', async () => {
    const [east, west, hub] = await twoAndHub('port kept')
    await start()
    tell({ relay: hub, peers: [east, west] })
    await until(isOn(['Reflexive'], east, west), 90_000)
    await cutUDP(east, west)
    await until(isOn(['Relay'], east, west), 30_000)
    const across = pings(east, west, 800)
    await heal()
    const healedAt = performance.now()
    await until(isOn(['Reflexive'], east, west), 60_000)
    const took = seconds(healedAt)
    const { sent, back } = await across
    console.log(`      straight again ${took.toFixed(1)} s after the healing; ${back} of ${sent} pings came back`)
    assert.ok(took <= 30)
  })

  test('the relay ends: nobody hangs, and it is used again when it is back', async () => {
    const [east, west, hub] = await twoAndHub('port for each')
    await start()
    tell({ relay: hub, peers: [east, west] })
    await until(isOn(['Relay'], east, west), 30_000)
    await wan.sh(`nft 'table inet cut { chain f { type filter hook forward priority 0; ip daddr ${hub.outside} drop; }; }'`)
    await until(() => toward(east, west)?.state === 'Error', 30_000)
    await heal()
    await until(isOn(['Relay'], east, west), 60_000)
  })
})
