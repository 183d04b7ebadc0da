import assert from 'node:assert/strict'
import { goodSnapshot } from '#test/kit/snapshot.ts'
import { notProbed } from './probed.ts'
import { parseNetwork } from './networks.ts'
import type { Exec } from './probe.ts'
import { probe } from './index.ts'

const { signal } = new AbortController()
const unprobed = { ...goodSnapshot, probed: notProbed }
const next = '\n=== next ===\n'
const printed = [
  '[{"ifname":"eth0","mtu":1500,"flags":["UP"]},{"ifname":"tmb-wg","mtu":1420,"flags":["UP"]}]',
  '[{"ifname":"eth0","addr_info":[{"local":"192.0.2.1","prefixlen":24}]}]',
  '[{"priority":7300,"table":"7300","protocol":"98"},{"priority":0,"table":"local","protocol":"kernel"}]',
  '[]',
  '[{"dst":"10.2.0.0/16","dev":"tmb-wg","table":"7300","metric":10},{"dst":"10.1.2.0/24","dev":"vx-tombolo","table":"7301","metric":20}]',
  '',
  'table inet tombolo-agent\ntable ip kube-proxy\ntable inet tombolo-gateway',
  'HTTP/1.0 200 OK\r\nContent-Length: 8\r\n\r\nnftables',
].join(next)

suite('probes', () => {
  test('read of a node its devices, our rules and routes, the packet filters and the mode of kube-proxy', () => {
    assert.deepEqual(parseNetwork({ node: 'east-1' }, ['192.0.2.1'], printed), {
      node: 'east-1',
      links: [
        { name: 'eth0', mtu: 1500 },
        { name: 'tmb-wg', mtu: 1420 },
      ],
      underlay: { name: 'eth0', mtu: 1500 },
      nftTables: ['tombolo-agent', 'tombolo-gateway'],
      rules: [{ family: 'IPv4', priority: 7300, table: 7300 }],
      routes: [
        { to: '10.2.0.0/16', table: 7300, metric: 10, target: { kind: 'device', dev: 'tmb-wg' } },
        { to: '10.1.2.0/24', table: 7301, metric: 20, target: { kind: 'device', dev: 'vx-tombolo' } },
      ],
      proxyMode: 'nftables',
    })
  })

  const ran: string[] = []
  const exec: Exec = ({ pod }, command) => {
    const [program = ''] = command
    const about = program === 'bash' ? 'network' : command.includes('vx-tombolo') ? 'overlay' : 'names'
    ran.push(`${about} in ${pod}`)
    if (about === 'network') return pod.endsWith('east-1') ? Promise.resolve(printed) : Promise.reject(new Error('no such pod'))
    // Each hears whom it was told to listen for; the gateway hears nobody.
    if (about === 'overlay') return Promise.resolve(JSON.stringify(pod.endsWith('east-1') ? [] : command.slice(-1)))
    return Promise.resolve('[null,"ENOTFOUND"]')
  }

  test('of a subject are those that its checks look at, and add nothing else', async () => {
    ran.length = 0
    const seen = await probe(unprobed, ['dns'], exec, signal)
    assert.deepEqual(ran, ['names in tombolo-agent-east-1'])
    assert.deepEqual(seen.probed, {
      ...notProbed,
      names: [
        { asked: 'tombolo-dns', server: '10.101.0.53', node: 'east-1', failure: undefined },
        { asked: 'cluster DNS', server: '10.101.0.10', node: 'east-1', failure: 'ENOTFOUND' },
      ],
    })
  })

  test('name the node that could not be asked, and keep what the others said', async () => {
    const { probed } = await probe(unprobed, ['kube-proxy'], exec, signal)
    assert.deepEqual(
      probed.networks.map((n) => n.node),
      ['east-1'],
    )
    assert.deepEqual(probed.failed, [{ what: 'node east-2', why: 'no such pod' }])
  })

  test('try the overlay between gateways and other nodes, both ways at the same time', async () => {
    ran.length = 0
    const { probed } = await probe(unprobed, ['firewall'], exec, signal)
    assert.deepEqual(ran.filter((r) => r.startsWith('overlay')).length, 2)
    assert.deepEqual(probed.overlay, [
      { from: 'east-2', to: 'east-1', heard: false },
      { from: 'east-1', to: 'east-2', heard: true },
    ])
  })

  test('are none in a cluster that is no member', async () => {
    const seen = { ...unprobed, member: undefined }
    assert.equal(await probe(seen, ['dns'], exec, signal), seen)
  })

  test('end when they are told to', async () => {
    const stop = new AbortController()
    const never: Exec = () => {
      stop.abort(new Error('stopped'))
      return Promise.reject(new Error('cut'))
    }
    await assert.rejects(probe(unprobed, ['dns'], never, stop.signal), /stopped/)
  })
})
