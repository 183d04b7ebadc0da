// The contract of cable drivers, held by the kernel's WireGuard where it has it, and by a real wireguard-go elsewhere: each test has a
// namespace of its own. And what only two machines can
// show: that a pre-shared key comes onto a cable without a packet lost, and that a cable without it does not come up.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { PresharedKey, tunnelAddress } from '#lib/net/keys.ts'
import { logger } from '#lib/std/log.ts'
import type { CableDriver } from '../../gateway/cable/driver.ts'
import { wireguard } from '../../gateway/cable/wireguard/driver.ts'
import { cableDriverContract } from '#test/kit/cable-contract.ts'
import { eventually } from '../kit/eventually.ts'
import type { Machine, Machines } from '../kit/netns.ts'
import { kernelHasWireGuard, machines, noMachines, processesIn } from '../kit/netns.ts'
import { wireguardMachine } from '#test/kit/wireguard-machines.ts'

const { signal } = new AbortController()
const inKernel = kernelHasWireGuard()

suite(`cables over WireGuard, ${inKernel ? 'the kernel’s' : 'with a real wireguard-go'}`, function () {
  this.timeout(60_000)
  let rig: Machines
  let count = 0

  suiteSetup(() => {
    assert.equal(noMachines(), undefined)
    rig = machines('cable')
  })
  suiteTeardown(() => rig[Symbol.asyncDispose]())

  cableDriverContract(
    wireguard,
    async () => {
      const machine = await rig.add(`m${count++}`)
      const kill = async () => {
        for (const { pid, command } of processesIn(machine)) if (command === 'wireguard-go') process.kill(pid, 'SIGKILL')
        await eventually(async () => {
          await machine.sh('! test -e /sys/class/net/tmb-wg')
        })
      }
      return wireguardMachine({ host: machine.host, stateDir: machine.dir, kill: inKernel ? undefined : kill }, () =>
        Promise.resolve(),
      )
    },
    5,
  )

  test('on a disk that is full a gateway is who it was, and none that would be another one is made up', async () => {
    const machine = await rig.add(`m${count++}`)
    const { host, dir } = machine
    const start = () =>
      wireguard(
        {
          host,
          device: 'tmb-wg',
          stateDir: `${dir}/state`,
          port: 51820,
          underlays: ['lo'],
          mtu: 1400,
          onLost: () => undefined,
          log: logger('test', 'silent'),
        },
        signal,
      )
    await machine.sh(`mkdir -p ${dir} && mount -t tmpfs -o size=16k tmpfs ${dir} && mkdir ${dir}/state`)
    const fill = () => machine.sh(`dd if=/dev/zero of=${dir}/full bs=1k 2>/dev/null || true`)
    await fill()
    await assert.rejects(start(), /ENOSPC/)
    await assert.rejects(start(), /ENOSPC/, 'what was begun is taken for no key')
    await machine.sh(`rm ${dir}/full`)
    const { publicKey } = await start()
    await fill()
    const again = await start()
    assert.equal(again.publicKey, publicKey)
    await again.set([], signal)
    await again[Symbol.asyncDispose]()
  })

  suite('between two machines', () => {
    type End = { readonly machine: Machine; readonly address: string; readonly driver: CableDriver }
    let east: End
    let west: End
    const [key, other] = [PresharedKey.of(randomBytes(32)), PresharedKey.of(randomBytes(32))]

    async function end(machine: Machine, address: string): Promise<End> {
      await machine.sh(`ip addr add ${address}/24 dev wan`)
      const { host, dir: stateDir } = machine
      const options = {
        host,
        device: 'tmb-wg',
        stateDir,
        port: 51820,
        underlays: ['wan'],
        mtu: 1400,
        onLost: () => undefined,
        log: logger('test', 'silent'),
      }
      const driver = await wireguard(options, signal)
      await driver.set([], signal)
      await machine.sh('ip -6 route add fd74:6f6d::/32 dev tmb-wg')
      return { machine, address, driver }
    }
    setup(async () => {
      const [a, b] = [await rig.add(`m${count++}`), await rig.add(`m${count++}`)]
      await rig.join(a, 'wan', b, 'wan')
      east = await end(a, '192.0.2.1')
      west = await end(b, '192.0.2.2')
    })
    teardown(async () => {
      for (const { driver } of [east, west]) await driver[Symbol.asyncDispose]()
    })
    const connect = (from: End, to: End, presharedKey: PresharedKey | undefined) =>
      from.driver.set(
        [
          {
            publicKey: to.driver.publicKey,
            candidates: [{ address: to.address, port: 51820 }],
            cidrs: [],
            ...(presharedKey === undefined ? {} : { presharedKey }),
          },
        ],
        signal,
      )
    const ping = (options: string) => east.machine.sh(`ping -6 ${options} ${tunnelAddress(west.driver.publicKey)}`)
    const handshakes = async () => (await east.driver.read(signal))[0]?.handshakeAt ?? 0

    test('a pre-shared key is introduced on one end and then on the other, and no packet is lost', async () => {
      await connect(east, west, undefined)
      await connect(west, east, undefined)
      await ping('-c 1 -W 5')
      const pings = ping('-i 0.05 -c 100 -W 2 -q')
      await connect(east, west, key)
      await east.machine.sh('sleep 1')
      await connect(west, east, key)
      assert.match(await pings, / 0% packet loss/)
    })

    test('a pre-shared key is changed for the next on one end and then on the other, and no packet is lost, also not when the next session begins', async function () {
      this.timeout(240_000)
      await connect(east, west, key)
      await connect(west, east, key)
      await ping('-c 1 -W 5')
      const began = await handshakes()
      // WireGuard makes a new session after 120 s, or after 180 where both ends began the last one; every 5 ms, for longer than that.
      const file = `${east.machine.dir}/pings`
      const pings = `${east.machine.dir}/pings.pid`
      await east.machine.sh(
        `ping -6 -i 0.005 -w 200 -q ${tunnelAddress(west.driver.publicKey)} > ${file} 2>&1 & echo $! > ${pings}`,
      )
      await east.machine.sh('sleep 1')
      await connect(east, west, other)
      await east.machine.sh('sleep 3')
      await connect(west, east, other)
      const printed = async () => (await east.machine.host.read(file, signal)) ?? ''
      await eventually(
        async () => assert.ok((await handshakes()) > began + 100_000, 'a session was made with the new key'),
        200_000,
        500,
      )
      await east.machine.sh(`sleep 2; kill -INT $(cat ${pings})`)
      await eventually(async () => assert.match(await printed(), /packets transmitted/))
      const said = await printed()
      const [, sent = '0', received = '0'] = /(\d+) packets transmitted, (\d+) received/.exec(said) ?? []
      console.log(`      changing a pre-shared key: ${Number(sent) - Number(received)} of ${sent} packets lost`)
      assert.ok(Number(sent) > 5_000, said)
      // Of a ping that ends by its time, the last may be on its way.
      assert.ok(Number(sent) - Number(received) <= 1, said)
    })

    test('with the same key on both ends a new session comes up, and with another one or none it does not', async () => {
      await connect(east, west, key)
      await connect(west, east, key)
      await ping('-c 1 -W 5')
      assert.ok((await handshakes()) > 0)
      for (const wrong of [other, undefined]) {
        await connect(west, east, wrong)
        // Another session: the cable is taken away and comes back.
        await east.driver.set([], signal)
        await connect(east, west, key)
        await assert.rejects(ping('-c 2 -i 0.2 -W 1'))
        assert.equal(await handshakes(), 0)
      }
    })
  })
})
