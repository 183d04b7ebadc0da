import assert from 'node:assert/strict'
import { serverNames } from './server-names.ts'

suite('the names by which members reach the broker', () => {
  const at = (seconds: number) => new Date(seconds * 1000)
  const world = (known: Record<string, readonly string[]>) => {
    const asked: string[] = []
    const names = serverNames((name) => {
      asked.push(name)
      const addresses = known[name]
      return addresses === undefined ? Promise.reject(new Error(`ENOTFOUND ${name}`)) : Promise.resolve(addresses)
    })
    return { asked, names, known }
  }

  test('are asked for once a minute, also those that nobody knows', async () => {
    const { asked, names } = world({ 'hub.example': ['192.0.2.1'] })
    const want = ['hub.example', 'nowhere.example', 'hub.example']
    for (const seconds of [0, 59])
      assert.deepEqual(
        [...(await names(want, at(seconds)))],
        [
          ['hub.example', ['192.0.2.1']],
          ['nowhere.example', []],
        ],
      )
    assert.deepEqual(asked, ['hub.example', 'nowhere.example'])
    await names(want, at(60))
    assert.equal(asked.length, 4)
  })

  test('keep the addresses that were last known while nobody answers, and take over new ones', async () => {
    const { names, known } = world({ 'hub.example': ['192.0.2.1'] })
    const of = async (seconds: number) => (await names(['hub.example'], at(seconds))).get('hub.example')
    assert.deepEqual(await of(0), ['192.0.2.1'])
    delete known['hub.example']
    assert.deepEqual(await of(100), ['192.0.2.1'])
    known['hub.example'] = ['192.0.2.2', '2001:db8::2']
    assert.deepEqual(await of(200), ['192.0.2.2', '2001:db8::2'])
  })

  test('are bounded, in number and in addresses, and nothing stays of those that are no longer asked for', async () => {
    const many = Array.from({ length: 100 }, (_, i) => `192.0.2.${i}`)
    const { asked, names } = world({ 'hub.example': many })
    assert.equal((await names(['hub.example'], at(0))).get('hub.example')?.length, 16)
    const all = Array.from({ length: 100 }, (_, i) => `n${i}.example`)
    assert.equal((await names(all, at(1))).size, 16)
    assert.equal(asked.length, 17)
    await names(['hub.example'], at(2))
    assert.equal(asked.length, 18)
  })

  test('a DNS that never answers costs two seconds and no more', async function () {
    this.timeout(10_000)
    const began = performance.now()
    // RFC 6761: a name that no DNS server knows; here there may be none at all.
    assert.deepEqual([...(await serverNames()(['hub.invalid'], at(0)))], [['hub.invalid', []]])
    assert.ok(performance.now() - began < 3000)
  })
})
