// The contract of cable drivers, held by a real charon on a machine of its own; and between two machines what only IPsec has: who is
// believed, what outlives a charon, what a change of keys costs, and that nothing is seen on the way.
import assert from 'node:assert/strict'
import { vici, ViciRefused } from '#lib/host/vici/client.ts'
import { textOf } from '#lib/host/vici/message.ts'
import { parseXfrmPolicies, parseXfrmStates } from '#lib/host/xfrm.ts'
import { tunnelAddress } from '#lib/net/keys.ts'
import type { Logger } from '#lib/std/log.ts'
import { logger } from '#lib/std/log.ts'
import { cableDriverContract } from '#test/kit/cable-contract.ts'
import { cidrs } from '#test/kit/gateway.ts'
import { ipsecMachine, killCharon, putCredentials, sessionsOn } from '#test/kit/ipsec-machines.ts'
import { testCA } from '#test/kit/test-ca.ts'
import type { Cable, CableDriver } from '../../gateway/cable/driver.ts'
import { socketFile } from '../../gateway/cable/ipsec/charon.ts'
import { ipsec } from '../../gateway/cable/ipsec/driver.ts'
import { cableDevices, espNumber } from '../../gateway/data-plane.ts'
import { eventually } from '../kit/eventually.ts'
import type { Machine, Machines } from '../kit/netns.ts'
import { findStrongSwan, kernelHasEsp, machines, noMachines, processesIn } from '../kit/netns.ts'

const { signal } = new AbortController()

const inKernel = kernelHasEsp()

suite(`cables over IPsec, with a real charon and ESP in ${inKernel ? 'the kernel' : 'user space'}`, function () {
  this.timeout(60_000)
  let rig: Machines
  let count = 0

  suiteSetup(() => {
    assert.equal(noMachines(), undefined)
    assert.notEqual(findStrongSwan(), undefined)
    rig = machines('ipsec')
  })
  suiteTeardown(() => rig[Symbol.asyncDispose]())

  cableDriverContract(ipsec, async () => ipsecMachine(await rig.add(`m${count++}`)), 3, 'none')

  suite('between two machines', () => {
    const ca = testCA()
    type End = {
      readonly machine: Machine
      readonly address: string
      readonly pods: string
      readonly driver: CableDriver
      /** What it says of itself to the other. */
      readonly issued: ReturnType<typeof ca.issue>
      readonly said: string[]
    }
    let east: End
    let west: End

    async function end(name: string, address: string, pods: string): Promise<End> {
      const machine = await rig.add(name)
      const said: string[] = []
      const issued = ca.issue(`n1.${name}.gateway.tombolo.dev`)
      await putCredentials(machine.host, machine.dir, issued, [ca.root])
      const options = {
        host: machine.host,
        device: cableDevices.ipsec,
        stateDir: machine.dir,
        port: 4500,
        underlays: ['wan', 'wan2'],
        mtu: 1400,
      }
      const driver = await ipsec({ ...options, onLost: () => said.push('lost'), log: listening(said) }, signal)
      await machine.sh(`ip addr add ${pods}.0.1/16 dev lo`)
      return { machine, address, pods, driver, issued, said }
    }
    const cableTo = (to: End, from: End, change: Partial<Cable> = {}): Cable => ({
      publicKey: to.driver.publicKey,
      candidates: [{ address: to.address, port: 4500 }],
      cidrs: cidrs(`${to.pods}.0.0/16`),
      ipsec: { ...to.issued, own: cidrs(`${from.pods}.0.0/16`) },
      ...change,
    })
    const connect = async (from: End, to: End, change: Partial<Cable> = {}) => {
      await from.driver.set([cableTo(to, from, change)], signal)
      await from.machine.sh(
        `ip route replace ${to.pods}.0.0/16 dev ${cableDevices.ipsec} src ${from.pods}.0.1; ip route replace ${tunnelAddress(to.driver.publicKey)}/128 dev ${cableDevices.ipsec}`,
      )
    }
    const ping = (from: End, to: End, options = '-c 1 -W 1') =>
      from.machine.sh(`ping -I ${from.pods}.0.1 ${options} ${to.pods}.0.1`)
    const pulse = (from: End, to: End) => from.machine.sh(`ping -6 -c 1 -W 1 ${tunnelAddress(to.driver.publicKey)}`)
    const up = () =>
      eventually(async () => {
        await Promise.all([ping(east, west), pulse(east, west), pulse(west, east)])
      })
    const sessions = async ({ machine }: End) => (await sessionsOn(machine.host)).filter(({ state }) => state === 'ESTABLISHED')

    suiteSetup(async () => {
      ;[east, west] = [await end('east', '192.0.2.1', '10.241'), await end('west', '192.0.2.2', '10.242')]
      await rig.join(east.machine, 'wan', west.machine, 'wan')
      for (const { machine, address } of [east, west]) await machine.sh(`ip addr add ${address}/24 dev wan`)
    })
    setup(async () => {
      await putCredentials(east.machine.host, east.machine.dir, east.issued, [ca.root])
      await connect(east, west)
      await connect(west, east)
      await up()
    })
    suiteTeardown(async () => {
      for (const { driver } of [east, west]) await driver[Symbol.asyncDispose]()
    })

    test('one session comes up, whoever calls, and carries what was admitted and nothing else', async () => {
      await eventually(async () => {
        for (const side of [east, west]) assert.equal((await sessions(side)).length, 1)
      })
      await west.machine.sh('ip addr add 10.7.0.1/32 dev lo')
      await east.machine.sh(`ip addr add 10.8.0.1/32 dev lo; ip route replace 10.7.0.1 dev ${cableDevices.ipsec}`)
      await assert.rejects(east.machine.sh('ping -c 1 -W 0.3 -I 10.241.0.1 10.7.0.1'))
      await assert.rejects(east.machine.sh('ping -c 1 -W 0.3 -I 10.8.0.1 10.242.0.1'))
      const [state] = await east.driver.read(signal)
      assert.equal(state?.address, '192.0.2.2:4500')
      assert.ok((state.handshakeAt ?? 0) > Date.now() - 60_000 && state.rxBytes > 0 && state.txBytes > 0)
    })

    test('what is sent is seen by nobody on the way', async () => {
      // Wherever a packet has its payload, 8 bytes in its middle are the marker. Kernels look no further than byte 255.
      const marked = (offset: number) => `@th,${offset},64 0x5a5a5a5a5a5a5a5a counter`
      await west.machine.sh(`nft add table netdev seen; nft -f - <<'NFT'
table netdev seen {
  chain wan {
    type filter hook ingress device "wan" priority 0; policy accept;
    ${marked(1024)}
    ${marked(1984)}
  }
}
NFT`)
      const seen = async () =>
        [...(await west.machine.sh('nft list table netdev seen')).matchAll(/counter packets (\d+)/g)].map(([, n]) => Number(n))
      await ping(east, west, '-c 20 -i 0.01 -W 1 -s 1000 -p 5a')
      assert.deepEqual(await seen(), [0, 0])
      await east.machine.sh(`ping -c 2 -i 0.1 -s 1000 -p 5a ${west.address}`)
      assert.deepEqual(await seen(), [2, 2], 'it would have been seen')
      await west.machine.sh('nft delete table netdev seen')
    })

    const hours = (n: number) => ca.issue('n1.east.gateway.tombolo.dev', { hours: n })
    for (const [who, wrong] of [
      ['another member', () => ca.issue('n1.north.gateway.tombolo.dev')],
      ['one whom another CA has certified', () => testCA().issue('n1.east.gateway.tombolo.dev')],
      ['one whose certificate is over', () => hours(-0.5)],
      ['one whose certificate is another than it published, as a revoked one is', () => hours(1)],
    ] as const)
      test(`${who} is not believed to be this gateway`, async () => {
        await east.driver.set([], signal)
        await eventually(async () => {
          assert.deepEqual([...(await sessions(east)), ...(await sessions(west))], [])
        })
        const issued = wrong()
        await putCredentials(east.machine.host, east.machine.dir, issued, [ca.root])
        // Even where the other end has been told of that certificate: it must be good itself.
        const expected = /over|CA/.test(who) ? { ipsec: { ...issued, own: cidrs('10.242.0.0/16') } } : {}
        await connect(west, east, expected)
        east.said.length = west.said.length = 0
        await connect(east, west)
        await eventually(() => {
          assert.ok([...east.said, ...west.said].some((line) => /AUTH_FAILED|AUTHENTICATION_FAILED/.test(line)))
        })
        // East may think for a moment that it has one, when it was west that called.
        assert.deepEqual(await sessions(west), [])
        await assert.rejects(ping(east, west, '-c 1 -W 0.3'))
      })

    test('a charon that is killed over and over, or whose device was taken, is started again by the next set, with all cables', async () => {
      for (const harm of [killCharon, killCharon, killCharon, takeAwayDevice]) {
        east.said.length = 0
        await harm(east.machine)
        if (harm === killCharon) await eventually(() => assert.ok(east.said.includes('lost')))
        await connect(east, west)
        await up()
        await eventually(async () => assert.equal((await sessions(west)).length, 1))
      }
    })

    test('where the socket of VICI is gone cables go on, are changed as before, and a charon that ends comes back with another', async () => {
      await east.machine.sh(`rm ${socketFile}`)
      await connect(east, west, { cidrs: cidrs('10.242.0.0/16', '10.7.0.0/16') })
      await connect(east, west)
      await up()
      await killCharon(east.machine)
      await connect(east, west)
      await up()
      await east.machine.sh(`test -S ${socketFile}`)
    })

    test('a charon that stands still and answers nothing is replaced', async () => {
      for (const { pid, command } of processesIn(east.machine)) if (command.startsWith('charon')) process.kill(pid, 'SIGSTOP')
      await connect(east, west)
      await up()
    })

    if (inKernel) ofTheKernel()

    test('a command or an event that charon does not have ends no conversation', async () => {
      using charon = vici(east.machine.host, socketFile)
      await assert.rejects(charon.command('no-such', {}, signal), ViciRefused)
      await assert.rejects(
        charon.list('list-sas', 'no-such', {}, () => undefined, signal),
        ViciRefused,
      )
      assert.equal(textOf(await charon.command('version', {}, signal), 'daemon'), 'charon-systemd')
    })

    test('a change of keys, of sessions and of what they carry, costs no packet', async () => {
      using charon = vici(east.machine.host, socketFile)
      const pings = ping(east, west, '-i 0.005 -c 400 -W 2 -q')
      for (const what of ['child', 'ike', 'child'] as const) {
        await east.machine.sh('sleep 0.3')
        const [session] = await sessions(east)
        assert.ok(session !== undefined)
        const which = what === 'ike' ? { 'ike-id': session.id } : { child: 'net' }
        await charon.command('rekey', which, signal)
      }
      await east.machine.sh('sleep 0.3')
      assert.match(await pings, / 0% packet loss/)
    })

    test('a renewed certificate takes over and costs no more than was on its way; nothing of the old session stays', async () => {
      const { key } = east.issued
      const renewed = ca.issue(east.issued.dnsName, { key, hours: 48 })
      const [before] = await sessions(west)
      const pings = ping(east, west, '-i 0.005 -c 400 -W 2 -q')
      await putCredentials(east.machine.host, east.machine.dir, renewed, [ca.root])
      await connect(east, west)
      // As it is heard of a moment later.
      await east.machine.sh('sleep 0.3')
      await connect(west, east, { ipsec: { ...renewed, own: cidrs('10.242.0.0/16') } })
      await eventually(async () => {
        const now = await sessions(west)
        assert.deepEqual([now.length, now[0]?.spi === before?.spi], [1, false])
      })
      // Who was called has the new children half a round trip before who called, and uses them.
      const [, sent, received] = /(\d+) packets transmitted, (\d+) received/.exec(await pings) ?? assert.fail()
      assert.ok(Number(sent) - Number(received) <= 2, `${received} of ${sent}`)
    })

    test('addresses move to a standby, from one that is there and from one that is gone', async () => {
      // West's view of two gateways of one cluster; both have its pod.
      const spare = await end('spare', '198.51.100.1', '10.241')
      try {
        await rig.join(spare.machine, 'wan', west.machine, 'wan2')
        await spare.machine.sh(`ip addr add ${spare.address}/24 dev wan`)
        await west.machine.sh('ip addr add 198.51.100.2/24 dev wan2')
        const carriedBy = async (active: End) => {
          const cables = [east, spare].map((to) => cableTo(to, west, to === active ? {} : { cidrs: [] }))
          await west.driver.set(cables, signal)
        }
        await carriedBy(east)
        await connect(spare, { ...west, address: '198.51.100.2' })
        await west.machine.sh(`ip route replace ${tunnelAddress(spare.driver.publicKey)}/128 dev ${cableDevices.ipsec}`)
        await eventually(async () => {
          await pulse(west, spare)
        })
        const pings = ping(west, east, '-i 0.005 -c 400 -W 2 -q')
        for (const active of [spare, east]) {
          await west.machine.sh('sleep 0.6')
          await carriedBy(active)
        }
        const [, sent, received] = /(\d+) packets transmitted, (\d+) received/.exec(await pings) ?? assert.fail()
        assert.ok(Number(sent) - Number(received) <= 2, `${received} of ${sent}`)
        await killCharon(east.machine)
        const at = performance.now()
        await carriedBy(spare)
        await eventually(async () => {
          await ping(west, east, '-c 1 -W 0.1')
        })
        assert.ok(performance.now() - at < 5_000, `after ${performance.now() - at} ms`)
      } finally {
        await spare.driver[Symbol.asyncDispose]()
      }
    })

    function ofTheKernel(): void {
      const xfrm = (what: 'state list nokeys' | 'policy list') => east.machine.sh(`ip xfrm ${what}`)
      const states = async () => parseXfrmStates(await xfrm('state list nokeys'), espNumber)
      const entries = (text: string) => text.match(/^src /gm)?.length ?? 0

      test('states and policies are in the kernel, all of them of our interface', async () => {
        assert.equal(east.driver.about, 'ipsec (kernel)')
        await eventually(async () => {
          // Two children, two directions; and a policy of each also for what is forwarded.
          assert.deepEqual([(await states()).length, entries(await xfrm('state list nokeys'))], [4, 4])
          const policies = await xfrm('policy list')
          assert.deepEqual(
            parseXfrmPolicies(policies, espNumber)
              .map(({ from, to, direction }) => `${direction} ${from} ${to}`)
              .filter((line) => line.includes('10.'))
              .toSorted(),
            ['fwd 10.242.0.0/16 10.241.0.0/16', 'in 10.242.0.0/16 10.241.0.0/16', 'out 10.241.0.0/16 10.242.0.0/16'],
          )
          // What is left are those of charon's own sockets.
          assert.equal(parseXfrmPolicies(policies, espNumber).length, 6)
          assert.equal(entries(policies) - 6, policies.match(/\tsocket (in|out) /g)?.length ?? 0)
        })
      })

      test('a packet for which there is a policy and no state makes the kernel ask for one, and never leaves in clear', async () => {
        await west.machine.sh(`nft add table netdev seen; nft -f - <<'NFT'
table netdev seen {
  chain wan {
    type filter hook ingress device "wan" priority 0; policy accept;
    ip daddr 10.242.0.0/16 counter
  }
}
NFT`)
        const seen = async () => Number(/counter packets (\d+)/.exec(await west.machine.sh('nft list table netdev seen'))?.[1])
        const asked = east.machine.sh('timeout 2 ip xfrm monitor acquire || true')
        await east.machine.sh('sleep 0.3; ip xfrm state flush')
        await assert.rejects(ping(east, west, '-c 2 -i 0.1 -W 0.1'))
        assert.match(await asked, /sel src 10\.241\.0\.1\/32 dst 10\.242\.0\.1\/32/)
        // Nobody calls set: the question alone brings other states.
        await eventually(async () => {
          await ping(east, west)
        })
        assert.equal(await seen(), 0)
        await east.machine.sh(`ip route add 10.242.99.0/24 via ${west.address}; ping -c 1 -W 0.2 10.242.99.1 || true`)
        assert.equal(await seen(), 1, 'it would have been seen')
        await east.machine.sh('ip route del 10.242.99.0/24')
        await west.machine.sh('nft delete table netdev seen')
      })

      test('without a session, too, packets end at the device', async () => {
        await east.driver.set([], signal)
        await eventually(async () => {
          assert.deepEqual([await states(), parseXfrmPolicies(await xfrm('policy list'), espNumber)], [[], []])
        })
        assert.match(await east.machine.sh('ping -c 1 -W 0.5 -I 10.241.0.1 10.242.0.1 2>&1 || true'), /Unreachable/)
      })

      test('what a charon that was killed left in the kernel is swept by the next', async () => {
        const before = await states()
        await killCharon(east.machine)
        assert.deepEqual(await states(), before, 'they are there')
        await connect(east, west)
        await up()
        await eventually(async () => {
          const now = await states()
          assert.equal(now.length, 4)
          assert.ok(now.every(({ spi }) => !before.some((b) => b.spi === spi)))
        })
      })
    }
  })
})

const takeAwayDevice = (machine: Machine) => machine.sh(`ip link del ${cableDevices.ipsec}`)

function listening(said: string[]): Logger {
  const quiet = logger('test', 'silent')
  const hear = (fields: object) => void said.push('detail' in fields ? String(fields.detail) : '')
  return {
    ...quiet,
    debug: hear,
    info: () => undefined,
    warn: () => undefined,
    error: () => undefined,
    child: () => listening(said),
  }
}
