import assert from 'node:assert/strict'
import type { FakeHost } from '#lib/host/fake.ts'
import { fakeHost } from '#lib/host/fake.ts'
import { tunnelAddress } from '#lib/net/keys.ts'
import { logger } from '#lib/std/log.ts'
import { cidrs, keyOf } from '#test/kit/gateway.ts'
import { wireguardMachine } from '#test/kit/wireguard-machines.ts'
import { cableDriverContract } from '#test/kit/cable-contract.ts'
import type { Cable } from '../driver.ts'
import { wireguard } from './driver.ts'

const stateDir = '/var/lib/tombolo'
const { signal } = new AbortController()

suite('cables over WireGuard, on a machine made of text', function () {
  this.timeout(60_000)

  for (const kernelWireGuard of [true, false])
    suite(kernelWireGuard ? 'whose kernel has WireGuard' : 'whose kernel has none', () => {
      const onMachine = () => {
        const host = fakeHost({ kernelWireGuard })
        const kill = kernelWireGuard
          ? undefined
          : async () => {
              host.kill('tmb-wg')
              await Promise.resolve()
            }
        return Promise.resolve(wireguardMachine({ host, stateDir, kill }, () => Promise.resolve()))
      }
      cableDriverContract(wireguard, onMachine, 40)
    })

  const make = async (host: FakeHost, onLost = () => undefined) =>
    wireguard(
      { host, device: 'tmb-wg', stateDir, port: 51820, underlays: ['eth0'], mtu: 1420, onLost, log: logger('test', 'silent') },
      signal,
    )
  const cable: Cable = {
    publicKey: keyOf('west/n1'),
    candidates: [{ address: '192.0.2.1', port: 51820 }],
    cidrs: cidrs('10.242.0.0/16'),
  }

  test('one cable is one device, one address of a family and one peer', async () => {
    for (const [kernelWireGuard, kind] of [
      [true, 'wireguard'],
      [false, 'tun'],
    ] as const) {
      const host = fakeHost({ kernelWireGuard })
      const driver = await make(host)
      await driver.set([cable], signal)
      assert.equal(
        host.print(),
        [
          'address tmb-wg 192.0.0.8/32',
          `address tmb-wg ${tunnelAddress(driver.publicKey)}/32`,
          `link tmb-wg ${kind} mtu 1420 up`,
          `peer tmb-wg ${cable.publicKey} 192.0.2.1:51820 allowed 10.242.0.0/16,${tunnelAddress(cable.publicKey)}/128`,
        ].join('\n'),
      )
      assert.match(driver.about, kernelWireGuard ? /kernel/ : /wireguard-go/)
    }
  })

  test('with another key the device has its address, and no longer that of the key before', async () => {
    const host = fakeHost({ kernelWireGuard: true })
    const before = await make(host)
    await before.set([cable], signal)
    await before[Symbol.asyncDispose]()
    await host.remove(`${stateDir}/wireguard.key`, signal)
    const driver = await make(host)
    await driver.set([cable], signal)
    assert.notEqual(driver.publicKey, before.publicKey)
    const addresses = host
      .print()
      .split('\n')
      .filter((line) => line.startsWith('address '))
    assert.deepEqual(addresses, ['address tmb-wg 192.0.0.8/32', `address tmb-wg ${tunnelAddress(driver.publicKey)}/32`])
  })

  test('no argument of a program shows the private key', async () => {
    const host = fakeHost({ kernelWireGuard: true })
    await (await make(host)).set([cable], signal)
    const key = host.files.get(`${stateDir}/wireguard.key`)?.content.trim() ?? ''
    assert.equal(key.length, 44)
    assert.ok(host.ran.every((line) => !line.includes(key)))
  })

  test('a peer that answers from elsewhere is left there', async () => {
    const host = fakeHost()
    const driver = await make(host)
    await driver.set([cable], signal)
    host.handshake('tmb-wg', cable.publicKey, '203.0.113.9:4242', Date.now())
    await driver.set([cable], signal)
    assert.equal((await driver.read(signal))[0]?.address, '203.0.113.9:4242')
  })

  test('a wireguard-go that dies is told, and the next set starts another', async () => {
    const host = fakeHost()
    let lost = 0
    const driver = await make(host, () => {
      lost++
    })
    await driver.set([cable], signal)
    host.kill('tmb-wg')
    await new Promise(setImmediate)
    assert.equal(lost, 1)
    await driver.set([cable], signal)
    assert.equal(host.ran.filter((line) => line === 'wireguard-go -f tmb-wg').length, 2)
  })

  test('what a dead wireguard-go left in the way is put aside', async () => {
    const host = fakeHost()
    await host.run('ip', ['link', 'add', 'tmb-wg', 'type', 'dummy'], {}, signal)
    const driver = await make(host)
    await driver.set([cable], signal)
    assert.match(host.print(), /link tmb-wg tun mtu 1420 up/)
  })

  test('a node that refuses IPv6 to new devices gives it to this one', async () => {
    const host = fakeHost()
    const driver = await make(host)
    await driver.set([], signal)
    await host.write('/proc/sys/net/ipv6/conf/tmb-wg/disable_ipv6', '1', {}, signal)
    await driver.set([], signal)
    assert.match(host.print(), /sysctl net\/ipv6\/conf\/tmb-wg\/disable_ipv6=0/)
  })
})
