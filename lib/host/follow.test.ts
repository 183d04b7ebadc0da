import assert from 'node:assert/strict'
import { logger } from '#lib/std/log.ts'
import { eventually } from '#test/kit/eventually.ts'
import { followNetwork } from './follow.ts'
import type { Host } from './host.ts'

suite('following a node’s network', () => {
  let stop: AbortController
  let changes: number
  let others: number
  let running: Map<string, { readonly say: (line: string) => void; readonly end: () => void }>
  let done: Promise<void>
  const started: string[] = []

  const start: Host['start'] = (command, args, { onLine }) => {
    const { promise, resolve } = Promise.withResolvers<string>()
    const line = [command, ...args].join(' ')
    started.push(line)
    running.set(command, { say: (text) => onLine?.(text), end: () => resolve('signal SIGKILL') })
    return {
      ended: promise,
      [Symbol.asyncDispose]: () => {
        running.delete(command)
        return Promise.resolve()
      },
    }
  }
  const say = (command: string, line: string) => running.get(command)?.say(line)

  setup(() => {
    stop = new AbortController()
    changes = 0
    others = 0
    running = new Map()
    started.length = 0
    const followed = { links: ['tmb-wg'], tables: ['tombolo'] }
    const heard = { ours: () => changes++, others: () => others++ }
    done = followNetwork({ host: { start }, followed, log: logger('test', 'silent') }, heard, stop.signal)
  })
  teardown(async () => {
    stop.abort()
    await done
    assert.equal(running.size, 0, 'nothing is left running')
  })

  const ours: readonly (readonly [string, string])[] = [
    ['ip', 'Deleted 10.242.0.0/16 dev vx-tombolo table 7301 proto 98 metric 10'],
    ['ip', 'Deleted 98:	from all to 10.9.0.0/16 lookup 7300 proto 98'],
    ['ip', '12: tmb-wg: <POINTOPOINT,NOARP> mtu 1400 qdisc fq_codel state DOWN group default'],
    ['ip', 'Deleted 12: tmb-wg    inet6 fd74:6f6d::1/32 scope global'],
    ['nft', 'delete table inet tombolo'],
  ]
  for (const [command, line] of ours)
    test(`tells of: ${line}`, async () => {
      say(command, line)
      await eventually(() => assert.equal(changes, 1))
    })

  const ofTheMachine: readonly (readonly [string, string])[] = [
    ['an address that a pod brings', '31: vethab12    inet 10.242.2.1/32 scope global vethab12'],
    ['one that goes', 'Deleted 2: eth0    inet6 fd00::2/64 scope global'],
    ['the size of packets', '2: eth0@if5: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1496 qdisc noqueue state UP group default'],
  ]
  for (const [what, line] of ofTheMachine)
    test(`tells of the machine: ${what}`, async () => {
      say('ip', line)
      await eventually(() => assert.equal(others, 1))
      assert.equal(changes, 0)
    })

  test('tells not of what is others’, and of many changes once', async () => {
    say('ip', 'Deleted 10.241.3.0/24 via 172.29.1.3 dev eth0')
    say('ip', '31: vethab12@if2: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500')
    say('ip', '10.98.0.0/16 dev eth0 proto 980')
    say('nft', 'delete table inet tombolo-of-another')
    say('nft', 'delete table ip kube-proxy')
    await new Promise((resolve) => setTimeout(resolve, 700))
    assert.deepEqual([changes, others], [0, 1])
    for (let n = 0; n < 100; n++) say('nft', 'delete table inet tombolo')
    await new Promise((resolve) => setTimeout(resolve, 1_300))
    assert.equal(changes, 1)
  })

  test('starts what ended again, and has the node looked at for what happened meanwhile', async () => {
    running.get('ip')?.end()
    await eventually(() => assert.equal(started.filter((line) => line.startsWith('ip ')).length, 2))
    await eventually(() => assert.equal(changes, 1))
  })
})
