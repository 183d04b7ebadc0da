// A member and its broker, with the real client and controllers in between; only the apiservers are the test's.
import assert from 'node:assert/strict'
import { allocation } from '#crds/allocation.ts'
import { allocationName, memberNamespace, systemNamespace } from '#crds/places.ts'
import { kube } from '#lib/kube/client.ts'
import { reflect } from '#lib/kube/reflector.ts'
import { cell } from '#lib/std/cell.ts'
import { logger } from '#lib/std/log.ts'
import { pause } from '#lib/std/pause.ts'
import type { ApiServer } from '#test/kit/apiserver.ts'
import { apiserver } from '#test/kit/apiserver.ts'
import { eventually } from '#test/kit/eventually.ts'
import type { Cluster } from '#test/kit/services.ts'
import { allocationOf } from '#test/kit/services.ts'
import { keepInSync } from './door.ts'
import type { HeldRemoval } from './removal.ts'
import { syncedAllocation } from './synced.ts'

const log = logger('door', 'silent')
const clusters = ['east', 'west', 'north'] as const

suite('Allocations that the broker has no more', () => {
  let local: ApiServer
  let broker: ApiServer
  let accepted: ReturnType<typeof cell<readonly string[]>>
  let held: readonly HeldRemoval[]
  let end: () => Promise<void>
  const copies = () => clusters.filter((name) => local.read(allocation, { namespace: systemNamespace, name }) !== undefined)
  const forget = (...some: readonly Cluster[]) => {
    for (const cluster of some) broker.remove(allocation, { namespace: memberNamespace(cluster), name: allocationName })
  }
  /** As east. */
  function start(): void {
    const stop = new AbortController()
    const [at, remote] = [kube(local.connection, log), kube(broker.connection, log)]
    const here = reflect(at, allocation, { namespace: systemNamespace }, stop.signal).store
    const sides = { local: at, broker: remote, here, atBroker: reflect(remote, allocation, {}, stop.signal).store }
    const told = { refused: () => undefined, held: (now: readonly HeldRemoval[]) => (held = now) }
    const running = keepInSync(syncedAllocation, 'east', { ...sides, allocations: here }, accepted, told, log, stop.signal)
    end = async () => {
      stop.abort()
      await running
      await Promise.all([at, remote].map((client) => client[Symbol.asyncDispose]()))
    }
  }
  setup(async () => {
    ;[local, broker] = await Promise.all([apiserver(), apiserver()])
    accepted = cell<readonly string[]>([])
    held = []
    for (const cluster of clusters) {
      const metadata = { namespace: memberNamespace(cluster), name: allocationName }
      broker.put(allocation, { ...allocationOf(cluster), metadata })
    }
    start()
    await eventually(() => assert.deepEqual(copies(), clusters))
  })
  teardown(async () => {
    await end()
    await Promise.all([local, broker].map((server) => server[Symbol.asyncDispose]()))
  })
  const whileDown = async (act: () => void) => {
    await end()
    act()
    start()
  }

  test('go at once when the watch tells it, this cluster’s own too', async () => {
    forget('north', 'east')
    await eventually(() => assert.deepEqual(copies(), ['west']))
    assert.deepEqual(held, [])
  })

  test('one goes at a start: it was revoked meanwhile', async () => {
    await whileDown(() => forget('north'))
    await eventually(() => assert.deepEqual(copies(), ['east', 'west']))
  })

  test('stay while the broker has forgotten this cluster itself, until a person accepts it', async () => {
    await whileDown(() => forget('north', 'east'))
    await eventually(() =>
      assert.deepEqual(
        held.map(({ here, lost, source }) => [here, lost, source]),
        [[3, 2, 'the broker']],
      ),
    )
    await pause(100, AbortSignal.timeout(5000))
    assert.deepEqual(copies(), clusters)
    accepted.set(held.map(({ token }) => token))
    await eventually(() => assert.deepEqual([copies(), held], [['west'], []]))
  })
})
