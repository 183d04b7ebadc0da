import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ApiServer } from '#test/kit/apiserver.ts'
import { apiserver } from '#test/kit/apiserver.ts'
import { eventually } from '#test/kit/eventually.ts'
import { cell } from '#lib/std/cell.ts'
import { logger } from '#lib/std/log.ts'
import type { Kube } from './client.ts'
import { kube } from './client.ts'
import { leases } from './kinds.ts'
import type { Leadership } from './lease.ts'
import { elect, whileLeading } from './lease.ts'

const quiet = logger('test', 'silent')

suite('lease', () => {
  let server: ApiServer
  let client: Kube
  let stop: AbortController
  setup(async () => {
    server = await apiserver()
    client = kube(server.connection, quiet)
    stop = new AbortController()
  })
  teardown(async () => {
    stop.abort()
    await client[Symbol.asyncDispose]()
    await server[Symbol.asyncDispose]()
  })

  const options = (identity: string, said: string[], over: Kube = client) => ({
    kube: over,
    namespace: 'n',
    name: 'lead',
    identity,
    leaseSeconds: 1,
    renewSeconds: 0.1,
    onChange: ({ role, holder, term }: Leadership) => said.push(`${role} of ${holder ?? 'nobody'} in term ${term}`),
  })

  test('writes both times with six digits', async () => {
    const running = elect(options('a', []), stop.signal)
    await eventually(() => {
      const spec = server.read(leases, { namespace: 'n', name: 'lead' })?.spec
      assert.match(`${spec?.acquireTime ?? ''} ${spec?.renewTime ?? ''}`, /^\S+\.\d{6}Z \S+\.\d{6}Z$/)
    })
    stop.abort()
    await running
  })

  test('a leader that cannot renew steps down by its own clock, also while the request hangs; then leads again', async () => {
    for (const fault of [{ do: 'silence' }, { do: 'reset' }, { do: 'status', code: 500 }] as const) {
      const said: string[] = []
      const own = new AbortController()
      const running = elect(options('a', said), own.signal)
      await eventually(() => assert.equal(said.length, 1))
      const heal = server.fault(({ plural }) => plural === 'leases', fault, Infinity)
      const cut = performance.now()
      await eventually(() => assert.match(said[1] ?? '', /^follower of nobody/))
      assert.ok(performance.now() - cut <= 1150, 'the lead must end within leaseSeconds')
      heal()
      await eventually(() => assert.match(said[2] ?? '', /^leader of a/))
      own.abort()
      await running
    }
  })

  test('when the leader is cut off, the other leads soon, but not before the first has stepped down', async () => {
    const said: string[] = []
    const as = (identity: string) => kube({ ...server.connection, token: () => Promise.resolve(identity) }, quiet)
    await using clientA = as('a')
    await using clientB = as('b')
    const say =
      (identity: string) =>
      ({ role }: Leadership) =>
        said.push(`${identity} ${role}`)
    const a = elect({ ...options('a', [], clientA), onChange: say('a') }, stop.signal)
    await eventually(() => assert.deepEqual(said, ['a leader']))
    const b = elect({ ...options('b', [], clientB), onChange: say('b') }, stop.signal)
    await eventually(() => assert.deepEqual(said, ['a leader', 'b follower']))
    server.fault(({ token }) => token === 'a', { do: 'silence' }, Infinity)
    const cut = performance.now()
    await eventually(() => assert.deepEqual(said, ['a leader', 'b follower', 'a follower', 'b leader']))
    assert.ok(performance.now() - cut < 1500, 'lease and renewal time')
    stop.abort()
    await Promise.all([a, b])
  })

  test('who is known to be gone is not waited for, and what it still writes does not bring the lead back', async () => {
    const gone = cell<string | undefined>(undefined)
    const said: string[] = []
    const long = { leaseSeconds: 60, renewSeconds: 0.2 }
    const a = elect({ ...options('a', said), ...long }, stop.signal)
    await eventually(() => assert.deepEqual(said, ['leader of a in term 0']))
    const heard: string[] = []
    const b = elect({ ...options('b', heard), ...long, renewSeconds: 20, gone }, stop.signal)
    await eventually(() => assert.deepEqual(heard, ['follower of a in term 0']))
    gone.set('a')
    await eventually(() => assert.equal(heard[1], 'leader of b in term 1'))
    await eventually(() => assert.equal(said.at(-1), 'follower of b in term 1'))
    stop.abort()
    await Promise.all([a, b])
  })

  test('who would not lead follows, and takes no lead, free or run out, until it would; one that leads goes on', async () => {
    let stands = false
    const said: string[] = []
    const running = elect({ ...options('a', said), stands: () => stands }, stop.signal)
    const own = new AbortController()
    await eventually(() => assert.deepEqual(said, ['follower of nobody in term 0']))
    const other = elect(options('b', []), own.signal)
    await eventually(() => assert.equal(said.at(-1), 'follower of b in term 0'))
    own.abort()
    await other
    await sleep(300)
    assert.equal(said.at(-1), 'follower of nobody in term 0')
    stands = true
    await eventually(() => assert.equal(said.at(-1), 'leader of a in term 1'))
    stands = false
    await sleep(1_200)
    assert.equal(said.at(-1), 'leader of a in term 1')
    stop.abort()
    await running
  })

  test('an answer that got lost does not cost the lead', async () => {
    const said: string[] = []
    const running = elect(options('a', said), stop.signal)
    await eventually(() => assert.equal(said.length, 1))
    server.fault(({ verb }) => verb === 'update', { do: 'lose-answer' }, 3)
    await sleep(1500)
    assert.deepEqual(said, ['leader of a in term 0'])
    stop.abort()
    await running
  })

  test('who is told to stop while its claim is on the way gives back what the claim brings', async () => {
    const own = new AbortController()
    const said: string[] = []
    const slow: Kube = {
      ...client,
      create: async (kind, wanted, how, signal) => {
        const made = await client.create(kind, wanted, how, signal)
        own.abort()
        signal.throwIfAborted()
        return made
      },
    }
    await elect(options('a', said, slow), own.signal)
    assert.equal(server.read(leases, { namespace: 'n', name: 'lead' })?.spec?.holderIdentity, '')
    assert.deepEqual(said, [], 'it does not begin what it must end at once')
  })

  test('a Lease that is made anew begins at the term it is told', async () => {
    const said: string[] = []
    const running = elect({ ...options('a', said), firstTerm: () => 7 }, stop.signal)
    await eventually(() => assert.deepEqual(said, ['leader of a in term 7']))
    stop.abort()
    await running
  })

  test('work that needs the lead starts with it, is told when it is lost, and ends with the signal', async () => {
    const said: string[] = []
    const running = whileLeading(
      options('a', []),
      async (signal, term) => {
        said.push(`start ${term}`)
        await sleep(60_000, undefined, { signal }).catch(() => undefined)
        said.push('end')
      },
      stop.signal,
    )
    await eventually(() => assert.deepEqual(said, ['start 0']))
    const heal = server.fault(({ plural }) => plural === 'leases', { do: 'reset' }, Infinity)
    await eventually(() => assert.deepEqual(said, ['start 0', 'end']))
    heal()
    await eventually(() => assert.equal(said.length, 3))
    stop.abort()
    await running
    assert.equal(said.at(-1), 'end')
  })

  test('work that fails ends the candidacy with its error, and the lead is given back', async () => {
    const running = whileLeading(options('a', []), () => Promise.reject(new Error('broken')), stop.signal)
    await assert.rejects(running, /broken/)
    assert.equal(server.read(leases, { namespace: 'n', name: 'lead' })?.spec?.holderIdentity, '')
  })
})
