import assert from 'node:assert/strict'
import { membership, type Membership } from '#crds/membership.ts'
import { kube } from '#lib/kube/client.ts'
import { daemonSets } from '#lib/kube/kinds.ts'
import { logger } from '#lib/std/log.ts'
import { apiserver } from '#test/kit/apiserver.ts'
import { eventually } from '#test/kit/eventually.ts'
import { finalizer, leave } from './leave.ts'

const quiet = logger('test', 'silent')
const at = (name: string) => ({ namespace: 'tombolo-system', name })

suite('leaving', () => {
  test('cleans the nodes though somebody deletes what cleans them, and leaves the finalizers of others in place', async () => {
    await using server = await apiserver()
    await using api = kube(server.connection, quiet)
    const stop = new AbortController()
    const member = (finalizers: string[]) =>
      ({
        apiVersion: membership.apiVersion,
        kind: membership.kind,
        metadata: { ...at('membership'), finalizers },
        spec: { clusterID: 'east', image: 'tombolo' },
      }) as unknown as Membership
    const began = server.put(membership, member([finalizer]))
    const leaving = leave(api, began, () => Promise.resolve(), quiet, stop.signal)
    const cleanup = () => server.read(daemonSets, at('tombolo-cleanup'))
    await eventually(() => assert.ok(cleanup() !== undefined))
    server.put(membership, member([finalizer, 'example.com/theirs']))
    server.remove(daemonSets, at('tombolo-cleanup'))
    await eventually(() => assert.ok(cleanup() !== undefined))
    const there = cleanup()
    assert.ok(there !== undefined)
    const { generation = 1 } = there.metadata
    server.put(daemonSets, {
      ...there,
      status: { observedGeneration: generation, desiredNumberScheduled: 1, numberReady: 1 } as never,
    })
    await leaving
    assert.deepEqual(server.read(membership, at('membership'))?.metadata.finalizers, ['example.com/theirs'])
  })
})
