import assert from 'node:assert/strict'
import type { Message } from './message.ts'
import { claimOf, echoFor, hear, isDoubled, isMeasured, linkState, lossOf, newSession, timing } from './session.ts'
import type { Session } from './session.ts'

const self = 'aa'.repeat(8)
const message = (sequence: number, change: Partial<Message> = {}): Message => ({
  clusterID: 'west',
  node: 'n1',
  bootID: 'bb'.repeat(8),
  claim: { role: 'Active', term: 1 },
  standing: 'Ready',
  carrying: false,
  cutOff: false,
  doubled: false,
  sequence,
  sentAt: 0,
  echo: undefined,
  takes: undefined,
  ...change,
})
/** An echo of what we sent at `sentAt`, after it waited `heldFor` there. */
const echo = (sentAt: number, heldFor = 0, bootID = self) => ({ bootID, sentAt, heldFor })
const hearAll = (session: Session, ...heard: readonly (readonly [number, Message])[]): Session =>
  heard.reduce((s, [at, m]) => hear(s, m, self, at), session)

suite('a session with a peer', () => {
  test('connects when an echo proves that it hears us, and knows the round trip without the time it waited there', () => {
    const session = hearAll(newSession(0), [100, message(1, { echo: echo(40, 50) })])
    assert.deepEqual(linkState(session, 100), { state: 'Connected', rttMs: 10 })
  })

  test('has measured the path after a quarter of a minute of echoes, of which the shortest counts', () => {
    const heard = (count: number) =>
      hearAll(
        newSession(0),
        ...Array.from({ length: count }, (_, i): [number, Message] => {
          const at = (i + 1) * timing.everyMs
          return [at, message(i + 1, { echo: echo(at - (i === 0 ? 90 : 10)) })]
        }),
      )
    assert.deepEqual(linkState(heard(1), timing.everyMs), { state: 'Connected', rttMs: 90 })
    const quarter = 15_000 / timing.everyMs
    assert.deepEqual([isMeasured(heard(quarter - 1)), isMeasured(heard(quarter))], [false, true])
    assert.deepEqual(linkState(heard(quarter), 15_000), { state: 'Connected', rttMs: 10 })
  })

  test('knows since when the peer says that it is cut off, of one process', () => {
    const cut = (sequence: number, bootID = 'bb'.repeat(8)) => message(sequence, { cutOff: true, bootID })
    const since = (...heard: Parameters<typeof hearAll>[1][]) => hearAll(newSession(0), ...heard).cutOffSince
    assert.deepEqual(
      [
        since([100, cut(1)], [350, cut(2)]),
        since([100, cut(1)], [350, message(2)]),
        since([100, cut(1)], [350, message(2)], [600, cut(3)]),
        since([100, cut(1)], [350, cut(1, 'dd'.repeat(8))]),
      ],
      [100, undefined, 600, 350],
    )
  })

  test('is not connected by hearing alone: the way to the peer may be shut', () => {
    const session = hearAll(newSession(0), [20_000, message(1)])
    assert.match(JSON.stringify(linkState(session, 20_100)), /ours do not arrive there/)
  })

  test('an echo of another process of ours proves nothing', () => {
    const session = hearAll(newSession(0), [100, message(1, { echo: echo(40, 0, 'cc'.repeat(8)) })])
    assert.equal(linkState(session, 100).state, 'Connecting')
  })

  test('an echo from the future or from long ago proves nothing', () => {
    for (const sentAt of [200, 100_000 - timing.deadMs])
      assert.equal(
        linkState(hearAll(newSession(99_000), [100_000, message(1, { echo: echo(sentAt === 200 ? 100_200 : sentAt) })]), 100_000)
          .state,
        'Connecting',
      )
  })

  test('is dead soon after the last proof, and says what to look at', () => {
    const session = hearAll(newSession(0), [100, message(1, { echo: echo(90) })])
    assert.equal(linkState(session, 100 + timing.deadMs).state, 'Connected')
    assert.match(JSON.stringify(linkState(session, 101 + timing.deadMs + timing.deadMs)), /nothing heard from it/)
    assert.match(JSON.stringify(linkState(newSession(0), timing.patienceMs + 1)), /check that UDP reaches its address/)
  })

  test('a late packet changes nothing; a restarted peer counts from anew', () => {
    const session = hearAll(newSession(0), [100, message(5, { claim: { role: 'Standby', term: 2 } })])
    assert.equal(hear(session, message(4), self, 110), session)
    const restarted = hear(session, message(1, { bootID: 'dd'.repeat(8), claim: { role: 'Active', term: 3 } }), self, 120)
    assert.deepEqual(claimOf(restarted), { role: 'Active', term: 3 })
  })

  suite('with a peer of which there are two, one a copy of the other', () => {
    const [old, young] = ['bb'.repeat(8), 'ee'.repeat(8)]
    /** The old one began at 0 of our clock, the young one at 60 s. */
    const of = (bootID: string, at: number, sequence: number): [number, Message] => [
      at,
      message(sequence, { bootID, sentAt: at - (bootID === old ? 0 : 60_000) }),
    ]
    const both = [of(old, 70_000, 900), of(young, 70_100, 40), of(old, 73_000, 901), of(young, 73_100, 41), of(old, 74_000, 902)]

    test('takes the one that began later, whichever speaks last, and knows of the other', () => {
      const session = hearAll(newSession(0), ...both)
      assert.equal(session.heard?.message.bootID, young)
      assert.equal(isDoubled(session, 74_000), true)
      assert.equal(isDoubled(session, 74_000 + 700_000), false)
    })

    test('takes none for a copy that has just ended, of which something was still on its way', () => {
      const session = hearAll(newSession(0), ...both.slice(0, 2), of(old, 70_200, 901))
      assert.deepEqual([session.heard?.message.bootID, isDoubled(session, 70_300)], [young, false])
    })

    test('one that is echoed to as another that began later is the older of two; what was before it is not', () => {
      const echoing = (bootID: string, sentAt: number) => message(1, { echo: { bootID, sentAt, heldFor: 10 } })
      const heard = (m: Message) => hear(newSession(0), m, self, 80_000).displaced
      assert.deepEqual(
        [heard(echoing(self, 79_000)), heard(echoing(young, 20_000)), heard(echoing(old, 500_000))],
        [false, true, false],
      )
    })
  })

  test('counts what did not come', () => {
    const session = hearAll(newSession(0), [0, message(1)], [1, message(2)], [2, message(5)])
    assert.equal(lossOf(session), 2 / 5)
    assert.equal(lossOf(newSession(0)), 0)
  })

  test('echoes the newest message with the time it waited, and an old one not at all', () => {
    const session = hearAll(newSession(0), [100, message(1, { sentAt: 7 })])
    assert.deepEqual(echoFor(session, 130), { bootID: 'bb'.repeat(8), sentAt: 7, heldFor: 30 })
    assert.equal(echoFor(session, 101 + timing.deadMs), undefined)
    assert.equal(echoFor(newSession(0), 0), undefined)
  })
})
