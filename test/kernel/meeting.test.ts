// Inside the kernel of set-up: its cables with those of a gateway outside, on the machine's own kernel, which as a rule has neither
// WireGuard nor ESP and so runs both in user space.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import type { CableName } from '#crds/fields.ts'
import { tunnelAddress } from '#lib/net/keys.ts'
import type { CableDriver } from '../../gateway/cable/driver.ts'
import { cableSize } from '../../gateway/data-plane.ts'
import { eventually } from '../kit/eventually.ts'
import type { Machine, Machines } from '../kit/netns.ts'
import { machines } from '../kit/netns.ts'
import type { Meeting } from './meeting.ts'
import { attend, meetingVariable, publicKeyOf } from './meeting.ts'

const { signal } = new AbortController()

suite('a kernel that has WireGuard and ESP, and a gateway outside of it', function () {
  this.timeout(60_000)
  let rig: Machines
  let machine: Machine
  let meeting: Meeting
  let cables: ReadonlyMap<CableName, CableDriver>

  suiteSetup(async () => {
    meeting = JSON.parse(readFileSync(process.env[meetingVariable] ?? '', 'utf8')) as Meeting
    const { inside, outside, root } = meeting
    rig = machines('meeting')
    machine = await rig.add('inside')
    await rig.take(machine, inside.dev)
    cables = await attend(machine, inside, outside, root, signal)
  })
  suiteTeardown(async () => {
    for (const cable of cables.values()) await cable[Symbol.asyncDispose]()
    await rig[Symbol.asyncDispose]()
  })

  const ping = (to: string, options = '-c 1 -W 1') => machine.sh(`ping ${options} ${to}`)

  for (const kind of ['wireguard', 'ipsec'] as const) {
    test(`${kind} of the kernel and ${kind} outside carry packets to each other`, async () => {
      const { pods } = meeting.outside
      assert.equal(cables.get(kind)?.about, `${kind} (kernel)`)
      await eventually(() => ping(pods[kind]).then(() => undefined))
      // The largest that a cable takes, and so many that a lost one would show.
      const size = cableSize[kind].mtu - 28
      assert.match(await ping(pods[kind], `-i 0.01 -c 200 -W 2 -q -M do -s ${size}`), / 0% packet loss/)
      const [state] = (await cables.get(kind)?.read(signal)) ?? []
      assert.equal(state?.address?.split(':')[0], meeting.outside.address)
      assert.ok(state.handshakeAt !== undefined && state.rxBytes > 200 * size && state.txBytes > 200 * size)
    })

    test(`${kind} takes nothing from outside that was not admitted`, async () => {
      const other = meeting.outside.pods[kind === 'ipsec' ? 'wireguard' : 'ipsec']
      const device = cables.get(kind)?.device ?? ''
      await machine.sh(`ip route replace ${other}/32 dev ${device} table 99; ip rule add priority 99 to ${other} lookup 99`)
      try {
        await assert.rejects(ping(other, '-c 2 -i 0.2 -W 0.5'))
      } finally {
        await machine.sh('ip rule del priority 99')
      }
    })
  }

  test('tunnel addresses are reached through ESP, IPv6 within IPv4', async () => {
    await eventually(() => ping(tunnelAddress(publicKeyOf(meeting.outside))).then(() => undefined))
  })
})
