import assert from 'node:assert/strict'
import { kube } from '#lib/kube/client.ts'
import { leases } from '#lib/kube/kinds.ts'
import { cell } from '#lib/std/cell.ts'
import { logger } from '#lib/std/log.ts'
import { apiserver } from '#test/kit/apiserver.ts'
import { eventually } from '#test/kit/eventually.ts'
import { standWhile } from './stand.ts'

const quiet = logger('test', 'silent')
const key = { namespace: 'tombolo-system', name: 'lead' }

suite('standing for election', () => {
  test('one who is not fit leaves the lead to another, gives it back when it becomes unfit, and has it again when alone and fit', async () => {
    await using server = await apiserver()
    await using api = kube(server.connection, quiet)
    const stop = new AbortController()
    const fit = { a: cell(false), b: cell(true) }
    const stand = (identity: 'a' | 'b') =>
      standWhile(
        fit[identity],
        { kube: api, ...key, identity, leaseSeconds: 30, renewSeconds: 0.1, onChange: () => undefined },
        stop.signal,
      )
    const holder = () => server.read(leases, key)?.spec?.holderIdentity
    const standing = [stand('a'), stand('b')]
    try {
      await eventually(() => assert.equal(holder(), 'b'))
      fit.a.set(true)
      // Far sooner than the 30 s of the Lease: it is given back.
      fit.b.set(false)
      await eventually(() => assert.equal(holder(), 'a'))
      fit.a.set(false)
      await eventually(() => assert.equal(holder(), ''))
      fit.a.set(true)
      await eventually(() => assert.equal(holder(), 'a'))
    } finally {
      stop.abort()
      await Promise.all(standing)
    }
    assert.equal(holder(), '', 'who ends gives it back as well')
  })

  test('one who never was fit ends all the same', async () => {
    await using server = await apiserver()
    await using api = kube(server.connection, quiet)
    const stop = new AbortController()
    const standing = standWhile(
      cell(false),
      { kube: api, ...key, identity: 'a', leaseSeconds: 3, renewSeconds: 1, onChange: () => undefined },
      stop.signal,
    )
    stop.abort()
    await standing
    assert.equal(server.requests.length, 0)
  })
})
