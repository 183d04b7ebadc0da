// That packet filters change under traffic without a packet that meets none, by a kernel: flows that begin while a table is replaced over
// and over all keep their source, which another program would masquerade.
//
//   near ─ router ─ far
import assert from 'node:assert/strict'
import { nothing, planNetwork, applyNetwork, readNetwork } from '#lib/host/network.ts'
import type { NftTable } from '#lib/host/nft.ts'
import { chain } from '#lib/host/nft.ts'
import type { Machine, Machines } from '../kit/netns.ts'
import { machines, noMachines } from '../kit/netns.ts'

/** On a busy machine a change takes a third of a second. */
const forMs = 20_000
const { signal } = new AbortController()
const far = '10.7.2.2'

/** As `keepSource` of the agent writes it; `others` come and go beside what the flows need. */
const keeping = (...others: readonly string[]): NftTable => ({
  name: 'kept',
  chains: [
    chain('keep-source', 'nat', 'postrouting', 'srcnat - 10', [
      `ip saddr { 10.7.1.0/24 } ip daddr { ${['10.7.2.0/24', ...others].join(', ')} } snat ip prefix to ip saddr map { 10.7.1.0/24 : 10.7.1.0/24 }`,
    ]),
    chain('only-to', 'filter', 'forward', 'filter', [
      `ip daddr { ${['10.7.1.0/24', '10.7.2.0/24', ...others].join(', ')} } accept`,
      'drop',
    ]),
  ],
})

/** A datagram from another port each time, until `forMs` are over; prints how many. */
const send = `
const { createSocket } = require('node:dgram')
const end = Date.now() + ${forMs}
let sent = 0
const one = () => new Promise((done) => {
  const socket = createSocket('udp4')
  socket.send('x', 9, '${far}', () => { sent++; socket.close(done) })
})
const rest = () => new Promise((done) => setTimeout(done, 2))
const some = async () => { while (Date.now() < end) { await Promise.all(Array.from({ length: 8 }, one)); await rest() } }
some().then(() => console.log(sent))
`

suite('packet filters that change', function () {
  this.timeout(60_000)
  let rig: Machines
  let router: Machine
  let ends: readonly [Machine, Machine]

  suiteSetup(async () => {
    assert.equal(noMachines(), undefined)
    rig = machines('nft')
    router = await rig.add('router')
    const [near, beyond] = [await rig.add('near'), await rig.add('far')]
    ends = [near, beyond]
    for (const [number, machine] of [[1, near] as const, [2, beyond] as const]) {
      await rig.join(router, `to-${number}`, machine, 'eth0')
      await router.sh(`ip addr add 10.7.${number}.1/24 dev to-${number}`)
      await machine.sh(`ip addr add 10.7.${number}.2/24 dev eth0; ip route add default via 10.7.${number}.1`)
    }
    await router.sh(
      "sysctl -qw net.ipv4.ip_forward=1; nft 'table ip cni { chain out { type nat hook postrouting priority srcnat; ip saddr 10.7.1.0/24 masquerade; }; }'",
    )
  })
  suiteTeardown(() => rig[Symbol.asyncDispose]())

  const bring = async (...nft: readonly NftTable[]): Promise<number> => {
    const owned = { links: [], tables: ['kept'], route: () => false, rule: () => false }
    const changes = planNetwork(await readNetwork(router.host, owned, [], signal), { ...nothing, nft })
    await applyNetwork(router.host, changes, signal)
    return changes.length
  }

  test('no flow that begins meanwhile is lost, or seen from another address', async () => {
    const [near, beyond] = ends
    // Counted before any program could be too slow for them.
    await beyond.sh(
      `nft 'table ip seen { chain in { type filter hook prerouting priority raw; ip saddr 10.7.1.2 udp dport 9 counter drop; udp dport 9 counter drop; }; }'`,
    )
    await bring(keeping())
    assert.equal(await bring(keeping()), 0, 'what was made is known again')
    const sending = near.host.run(process.execPath, ['-e', send], {}, AbortSignal.timeout(50_000))
    let [changed, isOver] = [0, false]
    void sending.then(() => (isOver = true))
    while (!isOver) changed += await bring(changed % 2 === 0 ? keeping('10.8.0.0/16') : keeping())
    const sent = Number(await sending)
    const seen = [...(await beyond.sh('nft list table ip seen')).matchAll(/counter packets (\d+)/g)].map(([, n]) => Number(n))
    process.stdout.write(`      ${sent} flows, ${changed} changes\n`)
    assert.ok(changed > 50 && sent > 5_000)
    assert.deepEqual(seen, [sent, 0])
  })

  test('what was made is taken away whole', async () => {
    await bring()
    assert.doesNotMatch(await router.sh('nft list ruleset'), /kept/)
  })
})
