import assert from 'node:assert/strict'
import fc from 'fast-check'
import { cidrs, keyOf } from '#test/kit/gateway.ts'
import { testCA } from '#test/kit/test-ca.ts'
import { readCertificate } from '#lib/pki/certificate.ts'
import type { Cable } from '../driver.ts'
import type { Connection, Credentials } from './connection.ts'
import { connectionOf, readName } from './connection.ts'
import { isMoving, planConnections, planSessions } from './plan.ts'
import type { SessionFacts, SessionStep, Wait } from './plan.ts'
import type { ChildState, SessionState } from './reading.ts'
import { withLost } from './reading.ts'

const ca = testCA()
const der = (pem: string) => readCertificate(pem)?.raw ?? assert.fail()
const ours = ca.issue('n1.east.gateway.tombolo.dev')
const credentials: Credentials = { own: { dnsName: ours.dnsName, certificate: der(ours.certificate) }, roots: [der(ca.root)] }
const theirs = ca.issue('n1.west.gateway.tombolo.dev')
// Keys are in an order: who calls first follows from it.
const [low = assert.fail(), high = assert.fail()] = [keyOf('one'), keyOf('other')].toSorted()

const cable = (change: Partial<Cable> = {}): Cable => ({
  publicKey: high,
  candidates: [{ address: '192.0.2.2', port: 4500 }],
  cidrs: cidrs('10.242.0.0/16', 'fd00:242::/32'),
  ipsec: { dnsName: theirs.dnsName, certificate: theirs.certificate, own: cidrs('10.241.0.0/16') },
  ...change,
})
const charons = { port: 4500, esp: 'charon' } as const
const connection = (change: Partial<Cable> = {}, us = low): Connection =>
  connectionOf(cable(change), us, credentials, charons) ?? assert.fail()

let ids = 0
const child = (of: Connection, name: string, change: Partial<ChildState> = {}): ChildState => ({
  ...(of.children.get(name) ?? { local: [], remote: [] }),
  ...{ id: `c${ids++}`, name, state: 'INSTALLED', spis: `a${ids} b${ids}`, ageSeconds: 10, rxBytes: 0, txBytes: 0 },
  ...change,
})
const session = (of: Connection, change: Partial<SessionState> = {}): SessionState => ({
  ...{ id: `s${ids++}`, connection: of.name, state: 'ESTABLISHED', spi: `spi${ids}`, ageSeconds: 10 },
  ...{ address: '192.0.2.2:4500', busy: false, children: [...of.children.keys()].map((name) => child(of, name)) },
  ...change,
})
const plan = (facts: Partial<SessionFacts>) =>
  planSessions({ us: low, want: [connection()], sessions: [], waits: new Map(), now: 0, ...facts })
const text = (steps: readonly SessionStep[]) =>
  steps.map((step) => (step.do === 'initiate' ? `initiate ${step.child ?? 'session'}` : `${step.do} ${step.id}`))

suite('connections for charon', () => {
  test('say who is believed, and carry what both sides have a family for', () => {
    const { name, message, children } = connection()
    assert.deepEqual(message.remote, {
      auth: 'pubkey',
      id: theirs.dnsName,
      certs: [der(theirs.certificate)],
      cacerts: [der(ca.root)],
    })
    assert.deepEqual(children.get('net'), { local: ['10.241.0.0/16'], remote: ['10.242.0.0/16'] })
    assert.deepEqual(readName(name)?.publicKey, high)
    assert.equal(readName(name)?.port, 4500)
  })

  test('carry the pulse alone where there is nothing to carry', () => {
    assert.deepEqual([...connection({ cidrs: [] }).children.keys()], ['pulse'])
    assert.deepEqual([...connection({ cidrs: cidrs('fd00:242::/32') }).children.keys()], ['pulse'])
  })

  test('belong to one interface where the kernel does ESP, and only there', () => {
    const numbers = (esp: 'kernel' | 'charon') => connectionOf(cable(), low, credentials, { port: 4500, esp })?.message.children
    assert.match(
      JSON.stringify(numbers('kernel')),
      /"pulse":{[^}]*"if_id_in":"7300","if_id_out":"7300"}.*"net":{[^}]*"if_id_in":"7300"/,
    )
    assert.doesNotMatch(JSON.stringify(numbers('charon')), /if_id/)
  })

  test('there is none to who has no certificate', () => {
    const { ipsec: _, ...bare } = cable()
    assert.equal(connectionOf(bare, low, credentials, charons), undefined)
    const bad = { ipsec: { dnsName: 'x', certificate: 'none', own: [] } }
    assert.equal(connectionOf(cable(bad), low, credentials, charons), undefined)
  })

  test('have another name when a session must be another, and the same when only selectors change', () => {
    const renewed = ca.issue(theirs.dnsName, { key: theirs.key, hours: 9 })
    const other = ca.issue(theirs.dnsName)
    const is = (issued: { readonly certificate: string }) => ({
      ipsec: { dnsName: theirs.dnsName, own: cidrs('10.241.0.0/16'), certificate: issued.certificate },
    })
    const before = connection()
    assert.equal(connection({ cidrs: [] }).name, before.name)
    for (const change of [is(renewed), is(other), { candidates: [{ address: '192.0.2.3', port: 4500 }] } as const])
      assert.notEqual(connection(change).name, before.name)
    assert.equal(readName(connection(is(renewed)).name)?.certified, readName(before.name)?.certified)
    assert.notEqual(readName(connection(is(other)).name)?.certified, readName(before.name)?.certified)
  })

  test('names of others are nobody’s', () => {
    for (const name of ['', 'c.1', '(unnamed)', 'x.a.1.b']) assert.equal(readName(name), undefined)
  })

  test('are loaded where they differ, and what else is there goes, with all that charon remembers of it', () => {
    const want = connection()
    const have = { name: want.name, addresses: [], children: want.children }
    assert.deepEqual(planConnections([want], [have]), { unload: [], forget: false, load: [] })
    assert.deepEqual(planConnections([want], [{ ...have, children: new Map() }]).load, [want])
    const stranger = { ...have, name: 'stranger' }
    assert.deepEqual(planConnections([want], [have, stranger]), { unload: ['stranger'], forget: true, load: [want] })
  })
})

suite('sessions of charon', () => {
  test('are begun by the end with the lower key at once, and by the other when it has waited', () => {
    assert.deepEqual(text(plan({}).steps), ['initiate session'])
    const want = [connection({ publicKey: low }, high)]
    const first = plan({ us: high, want })
    assert.deepEqual(text(first.steps), [])
    assert.deepEqual(text(plan({ us: high, want, waits: first.waits, now: 1_000 }).steps), ['initiate session'])
  })

  test('are called again ever more seldom, and not while a call is under way', () => {
    let waits: ReadonlyMap<string, Wait> = new Map()
    const calls = Array.from({ length: 600 }, (_, n) => n * 100).filter((now) => {
      const next = plan({ waits, now })
      waits = next.waits
      return next.steps.length > 0
    })
    assert.deepEqual(
      calls.slice(1).map((at, n) => at - (calls[n] ?? 0)),
      [500, 1_000, 2_000, 4_000, 8_000, 10_000, 10_000, 10_000, 10_000],
    )
    assert.deepEqual(text(plan({ sessions: [session(connection(), { state: 'CONNECTING' })] }).steps), [])
  })

  test('get their children, one request at a time', () => {
    const bare = { children: [] }
    assert.deepEqual(text(plan({ sessions: [session(connection(), bare)] }).steps), ['initiate pulse', 'initiate net'])
    assert.deepEqual(text(plan({ sessions: [session(connection(), { ...bare, busy: true })] }).steps), [])
  })

  test('are left alone when all is there, also while keys are changed', () => {
    const of = connection()
    for (const state of ['INSTALLED', 'REKEYING']) {
      const { steps, waits } = plan({
        sessions: [session(of, { children: ['pulse', 'net'].map((n) => child(of, n, { state })) })],
      })
      assert.deepEqual([steps, waits.size], [[], 0])
    }
  })

  test('of two with one gateway the newer stays, and of two of one age the one that both ends choose', () => {
    const of = connection()
    const [old, young] = [session(of), session(of, { ageSeconds: 4 })]
    assert.deepEqual(text(plan({ sessions: [old, young] }).steps), [`end session ${old.id}`])
    const [a, b] = [session(of, { spi: 'aa' }), session(of, { spi: 'bb' })]
    assert.deepEqual(text(plan({ sessions: [a, b] }).steps), [`end session ${b.id}`])
  })

  test('of two the younger is not ended before the other end could say what it is for', () => {
    const of = connection()
    const [old, young] = [session(of), session(of, { ageSeconds: 1, children: [] })]
    const { steps, againMs } = plan({ sessions: [old, young] })
    assert.deepEqual(steps, [])
    assert.ok(againMs <= 500, 'but it is looked after')
  })

  test('that are superseded end when all of the new one is up', () => {
    const old = session(connection({ candidates: [{ address: '192.0.2.9', port: 4500 }] }))
    assert.deepEqual(text(plan({ sessions: [old] }).steps), ['initiate session'])
    const coming = session(connection(), { children: [] })
    assert.deepEqual(text(plan({ sessions: [old, coming] }).steps), ['initiate pulse', 'initiate net'])
    assert.deepEqual(text(plan({ sessions: [old, session(connection())] }).steps), [`end session ${old.id}`])
  })

  test('that another key was good for end at once', () => {
    const other = ca.issue(theirs.dnsName)
    const was = session(
      connection({ ipsec: { dnsName: theirs.dnsName, certificate: other.certificate, own: cidrs('10.241.0.0/16') } }),
    )
    assert.deepEqual(text(plan({ sessions: [was] }).steps), [`end session ${was.id}`, 'initiate session'])
  })

  test('that carry more than they may and cannot be told so end at once', () => {
    const old = session(connection({ candidates: [{ address: '192.0.2.9', port: 4500 }] }))
    const want = [connection({ cidrs: [] })]
    assert.deepEqual(text(plan({ want, sessions: [old] }).steps), [`end session ${old.id}`, 'initiate session'])
  })

  test('with gateways that are gone end', () => {
    const gone = session(connection())
    assert.deepEqual(text(plan({ want: [], sessions: [gone, { ...gone, id: 'x', connection: '(unnamed)' }] }).steps), [
      `end session ${gone.id}`,
    ])
  })

  test('a child that carries less than it should is kept until the whole one is there', () => {
    const of = connection({ cidrs: cidrs('10.242.0.0/16', '10.243.0.0/16') })
    const part = child(connection(), 'net')
    const pulse = child(of, 'pulse')
    assert.deepEqual(text(plan({ want: [of], sessions: [session(of, { children: [pulse, part] })] }).steps), ['initiate net'])
    const whole = child(of, 'net')
    assert.deepEqual(text(plan({ want: [of], sessions: [session(of, { children: [pulse, part, whole] })] }).steps), [
      `end child ${part.id}`,
    ])
  })

  test('a child that carries what it may no longer ends when its successor is there, and soon in any case', () => {
    const of = connection()
    const much = child(connection({ cidrs: cidrs('10.242.0.0/16', '10.243.0.0/16') }), 'net')
    const facts = { sessions: [session(of, { children: [child(of, 'pulse'), much] })] }
    const first = plan(facts)
    assert.deepEqual(text(first.steps), ['initiate net'])
    assert.deepEqual(text(plan({ ...facts, waits: first.waits, now: 400 }).steps), [])
    assert.ok(text(plan({ ...facts, waits: first.waits, now: 500 }).steps).includes(`end child ${much.id}`))
  })

  test('a child whose addresses move to another gateway ends when it is up there, and soon in any case', () => {
    const [from, to] = [connection({ cidrs: [] }), connection({ publicKey: keyOf('third') })]
    const net = child(connection(), 'net')
    const before = session(from, { children: [child(from, 'pulse'), net] })
    const want = [from, to]
    const after = session(to, { children: [child(to, 'pulse')] })
    const facts = { us: '' as typeof low, want, sessions: [before, after] }
    const first = plan(facts)
    assert.deepEqual(text(first.steps), ['initiate net'])
    assert.ok(first.againMs <= 500)
    assert.deepEqual(text(plan({ ...facts, sessions: [before, session(to)], waits: first.waits }).steps), [`end child ${net.id}`])
    assert.ok(text(plan({ ...facts, waits: first.waits, now: 500 }).steps).includes(`end child ${net.id}`))
    assert.ok(isMoving(facts))
    assert.ok(!isMoving({ want, sessions: [before, session(to)] }), 'it is up there')
    assert.ok(!isMoving({ want, sessions: [session(from), after] }), 'nobody else carries it any more')
    assert.ok(!isMoving({ want: [connection()], sessions: [before] }), 'it is wanted where it is')
  })

  test('a child that charon has and the kernel lacks is made anew, and ends', () => {
    const of = connection()
    const [pulse, net] = ['pulse', 'net'].map((name) => child(of, name, { spis: `${name}1 ${name}2` })) as [
      ChildState,
      ChildState,
    ]
    const before = [session(of, { children: [pulse, net] })]
    const seen = (there: readonly string[], now = before) => withLost(now, new Set(there), before)
    const whole = ['pulse1', 'pulse2', 'net1', 'net2']
    assert.deepEqual(seen(whole), before)
    assert.deepEqual(text(plan({ sessions: seen(whole.slice(1)) }).steps), ['initiate pulse', `end child ${pulse.id}`])
    assert.deepEqual(text(plan({ sessions: seen(whole.slice(0, 3)) }).steps), ['initiate net', `end child ${net.id}`])
    // One that came after the kernel was read, and one that charon has taken out itself.
    const young = child(of, 'net')
    const [later] = seen(whole.slice(0, 2), [session(of, { children: [pulse, { ...net, state: 'DELETING' }, young] })])
    assert.deepEqual(
      later?.children.map(({ state }) => state),
      ['INSTALLED', 'DELETING', 'INSTALLED'],
    )
  })

  test('a child of a kind that is no longer carried ends', () => {
    const of = connection({ cidrs: [] })
    const net = child(connection(), 'net')
    assert.deepEqual(text(plan({ want: [of], sessions: [session(of, { children: [child(of, 'pulse'), net] })] }).steps), [
      `end child ${net.id}`,
    ])
  })

  test('from any mess to one session with its children, and then nothing more is done', () => {
    const of = connection()
    const old = connection({ candidates: [{ address: '192.0.2.9', port: 4500 }] })
    const some = fc.array(
      fc.record({
        name: fc.constantFrom(of.name, old.name, '(unnamed)'),
        state: fc.constantFrom('CONNECTING', 'ESTABLISHED', 'DELETING'),
        age: fc.nat(20),
        children: fc.array(fc.constantFrom('pulse', 'net'), { maxLength: 4 }),
      }),
      { maxLength: 4 },
    )
    fc.assert(
      fc.property(some, (messy) => {
        let sessions: readonly SessionState[] = messy.map(({ name, state, age, children }) =>
          session(of, { connection: name, state, ageSeconds: age, children: children.map((c) => child(of, c)) }),
        )
        let waits: ReadonlyMap<string, Wait> = new Map()
        for (let now = 0; now < 60_000; now += 1_000) {
          const next = plan({ want: [of], sessions, waits, now })
          waits = next.waits
          sessions = next.steps
            .reduce(obey(of), sessions)
            .filter((s) => s.state === 'ESTABLISHED')
            .map((s) => ({ ...s, ageSeconds: s.ageSeconds + 1 }))
        }
        assert.deepEqual([plan({ want: [of], sessions, waits, now: 60_000 }).steps, waits.size], [[], 0])
        assert.deepEqual(
          sessions.filter((s) => s.connection === of.name).map((s) => s.children.map((c) => c.name).toSorted()),
          [['net', 'pulse']],
        )
      }),
    )
  })

  /** A charon, and a peer, that do as they are told. */
  const obey =
    (of: Connection) =>
    (sessions: readonly SessionState[], step: SessionStep): readonly SessionState[] => {
      switch (step.do) {
        case 'end session':
          return sessions.filter((s) => s.id !== step.id)
        case 'end child':
          return sessions.map((s) => ({ ...s, children: s.children.filter((c) => c.id !== step.id) }))
        case 'initiate': {
          const { child: name } = step
          if (name === undefined) return [...sessions, session(of, { ageSeconds: 0, children: [] })]
          const to = sessions.find((s) => s.connection === step.connection && s.state === 'ESTABLISHED')
          return sessions.map((s) => (s === to ? { ...s, children: [...s.children, child(of, name)] } : s))
        }
      }
    }
})
