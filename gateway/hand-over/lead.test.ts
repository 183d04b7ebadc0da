import assert from 'node:assert/strict'
import fc from 'fast-check'
import type { Claim } from '../engine.ts'
import type { Lead, LeadFacts, SiblingSays } from './lead.ts'
import { advance, newcomer, publishable, spoken } from './lead.ts'

const active = (term: number): Claim => ({ role: 'Active', term })
const standby = (term: number): Claim => ({ role: 'Standby', term })
const other = (claim: Claim, change: Partial<SiblingSays> = {}): SiblingSays => ({
  ...{ node: 'n2', claim, carrying: false, silentMs: 100 },
  ...change,
})
const facts = (claim: Claim, sibling?: SiblingSays, change: Partial<LeadFacts> = {}): LeadFacts => ({
  ...{ claim, holder: undefined, siblings: sibling === undefined ? [] : [sibling], turned: 0, published: -1, now: 1_000 },
  ...change,
})
const to = { node: 'n2', term: 4 }
const taking: Lead = { at: 'Taking', term: 4, before: 3, from: 'n2', since: 900 }
const announcing: Lead = { at: 'Announcing', term: 4, from: 'n2', since: 900 }
const leading: Lead = { at: 'Leading', term: 3 }
const holding: Lead = { at: 'Holding', term: 3, to, since: 900 }
const given: Lead = { at: 'Given', term: 3, to, since: 900 }

suite('how the lead passes', () => {
  const cases: readonly (readonly [string, Lead, LeadFacts, Lead['at']])[] = [
    ['who has the Lease and hears no other leader leads at once', newcomer, facts(active(4)), 'Leading'],
    ['who has it from one that is there takes it', { at: 'Standby', term: 3 }, facts(active(4), other(active(3))), 'Taking'],
    [
      'who has it from one that is gone leads at once',
      { at: 'Standby', term: 3 },
      facts(active(4), other(active(3), { silentMs: 700 })),
      'Leading',
    ],
    ['it waits for the old one to stop', taking, facts(active(4), other(active(3))), 'Taking'],
    ['and has heard of it', taking, facts(active(4), other(standby(4))), 'Announcing'],
    ['an old stop is none', taking, facts(active(4), other(standby(3))), 'Taking'],
    [
      'it waits for one that says nothing a while longer',
      taking,
      facts(active(4), other(active(3), { silentMs: 700 })),
      'Taking',
    ],
    ['but not for ever', taking, facts(active(4), other(active(3)), { now: 2_401 }), 'Leading'],
    ['it waits for other clusters to turn', announcing, facts(active(4), undefined, { turned: 3 }), 'Announcing'],
    ['and carries when all have', announcing, facts(active(4), undefined, { turned: 4 }), 'Leading'],
    ['or there is none', announcing, facts(active(4), undefined, { turned: Infinity }), 'Leading'],
    ['one that does not turn holds nobody up', announcing, facts(active(4), undefined, { now: 1_901 }), 'Leading'],
    ['what was lost on the way is another’s', announcing, facts(standby(5)), 'Standby'],
    ['one that leads stops for one of a higher term', leading, facts(active(3), other(active(4))), 'Holding'],
    ['also when the Lease tells first', leading, facts(standby(4), other(standby(3)), { holder: 'n2' }), 'Holding'],
    [
      'one that carries already gets what comes at once',
      leading,
      facts(active(3), other(active(4), { carrying: true })),
      'Given',
    ],
    ['one of a lower term is nothing to it', leading, facts(active(3), other(active(2))), 'Leading'],
    [
      'one that was taken over by nobody who is heard stands by',
      leading,
      facts(standby(4), other(standby(3), { silentMs: 700 }), { holder: 'n2' }),
      'Standby',
    ],
    ['what comes waits until the new one carries', holding, facts(active(3), other(active(4))), 'Holding'],
    ['and is passed on then', holding, facts(active(3), other(active(4), { carrying: true })), 'Given'],
    ['also for the one that comes after that one', holding, facts(active(3), other(active(5), { carrying: true })), 'Given'],
    ['if it died, while there is one to come', holding, facts(active(3), other(active(4), { silentMs: 700 })), 'Holding'],
    ['but not for ever', holding, facts(active(3), other(active(4)), { now: 3_401 }), 'Standby'],
    ['who has the Lease again leads on', holding, facts(active(5), other(standby(5))), 'Leading'],
    ['it passes on while nodes may not have heard', given, facts(standby(4), other(active(4)), { now: 20_000 }), 'Given'],
    ['and a while longer', given, facts(standby(4), other(active(4)), { published: 4 }), 'Given'],
    ['then it stands by', given, facts(standby(4), other(active(4)), { published: 4, now: 20_000 }), 'Standby'],
    ['who gets it back takes it back', given, facts(active(5), other(active(4))), 'Taking'],
    ['what the Lease said before it was given counts no more', { at: 'Standby', term: 4 }, facts(active(3)), 'Standby'],
  ]
  for (const [name, before, known, at] of cases) test(name, () => assert.equal(advance(before, known).at, at))

  test('what changes nothing is the same value', () => {
    const same = (lead: Lead, sibling: Claim) => assert.equal(advance(lead, facts(active(lead.term), other(sibling))), lead)
    same(taking, active(3))
    for (const lead of [announcing, leading]) same(lead, standby(3))
    for (const lead of [holding, given]) same(lead, active(4))
  })

  test('other clusters are never told that nobody leads, and nodes neither', () => {
    assert.deepEqual([spoken(holding).others, spoken(taking).others], [active(3), standby(3)])
    assert.deepEqual([publishable(given, 3), publishable(given, 4), publishable(holding, 4)], [undefined, standby(4), undefined])
  })
})

/** One gateway of the cluster, with what it heard last from the others. */
type Gateway = {
  lead: Lead
  claim: Claim
  heard: Map<string, SiblingSays & { readonly at: number }>
  turned: number
  dead: boolean
}
type Letter = { readonly due: number; readonly deliver: (now: number) => void }

/**
 * Three gateways and one of another cluster, which send what they are to say every 50 ms and with each change; a letter takes `delay` to arrive.
 * `onTick` is told all that is so every 5 ms.
 */
function play(
  delay: () => number,
  until: number,
  act: (now: number, world: World) => void,
  onTick: (world: World, now: number) => void,
) {
  const names = ['n1', 'n2', 'n3']
  const gateways = new Map<string, Gateway>(
    names.map((name) => {
      const lead: Lead = name === 'n1' ? { at: 'Leading', term: 1 } : { at: 'Standby', term: 1 }
      return [name, { lead, claim: name === 'n1' ? active(1) : standby(1), heard: new Map(), turned: 1, dead: false }]
    }),
  )
  const world: World = { gateways, far: { node: 'n1', term: 1 } }
  const letters: Letter[] = []
  const newestAt = new Map<string, number>()
  const post = (way: string, now: number, deliver: Letter['deliver']) => {
    // What is sent later on a way arrives later, as in a cable.
    const due = Math.max(now + delay(), (newestAt.get(way) ?? 0) + 0.01)
    newestAt.set(way, due)
    letters.push({ due, deliver })
  }
  const sendFrom = (name: string, now: number) => {
    const { lead, dead } = gateways.get(name) ?? assert.fail()
    if (dead) return
    const { siblings, others, carrying } = spoken(lead)
    for (const [to, gateway] of gateways)
      if (to !== name)
        post(`${name} ${to}`, now, (at) => gateway.heard.set(name, { node: name, claim: siblings, carrying, silentMs: 0, at }))
    post(`${name} far`, now, (at) => {
      if (others.role !== 'Active' || others.term <= world.far.term) return
      world.far = { node: name, term: others.term }
      sendFar(at)
    })
  }
  const sendFar = (now: number) => {
    const { term } = world.far
    for (const [to, gateway] of gateways) post(`far ${to}`, now, () => (gateway.turned = term))
  }
  for (let now = 0; now <= until; now += 5) {
    act(now, world)
    for (const letter of letters.filter(({ due }) => due <= now)) {
      letters.splice(letters.indexOf(letter), 1)
      letter.deliver(now)
    }
    for (const [name, gateway] of gateways) {
      if (gateway.dead) continue
      const siblings = [...gateway.heard.values()].map((s) => ({ ...s, silentMs: now - s.at }))
      const published = Math.max(...[...gateways.values()].map((g) => (g.lead.at === 'Leading' ? g.lead.term : 0)))
      const { claim, turned } = gateway
      const next = advance(gateway.lead, { claim, holder: undefined, siblings, turned, published, now })
      const isNews = next !== gateway.lead
      gateway.lead = next
      if (isNews || now % 50 === 0) sendFrom(name, now)
    }
    if (now % 50 === 0) sendFar(now)
    onTick(world, now)
  }
  return world
}
type World = { readonly gateways: ReadonlyMap<string, Gateway>; far: { readonly node: string; readonly term: number } }

/** `name` takes the Lease; the others see that some time later, or not at all before the pulse tells. */
const give = (world: World, name: string, term: number) => {
  for (const [node, gateway] of world.gateways) if (node === name) gateway.claim = active(term)
}
const leaders = (world: World) => [...world.gateways].filter(([, g]) => !g.dead && g.lead.at === 'Leading').map(([name]) => name)

/** One after the other of an endless stream. */
const from = (stream: fc.Stream<number>) => () => [...stream.take(1)][0] ?? 1

suite('the lead between several gateways', () => {
  const delays = fc.infiniteStream(fc.integer({ min: 1, max: 60 }))
  const successors = fc.array(fc.constantFrom('n1', 'n2', 'n3'), { minLength: 1, maxLength: 5 })

  test('whoever sends into its cables is the one whose packets are taken, however often the lead passes', () =>
    fc.assert(
      fc.property(delays, successors, (delay, chosen) => {
        const passes = chosen.filter((name, i) => name !== (chosen[i - 1] ?? 'n1'))
        const world = play(
          from(delay),
          (passes.length + 1) * 2_000,
          (now, w) => {
            const nth = now / 2_000 - 1
            if (passes[nth] !== undefined) give(w, passes[nth], nth + 2)
          },
          (w, now) => {
            for (const name of leaders(w)) assert.equal(w.far.node, name, `${name} sends at ${now} and is not taken`)
          },
        )
        assert.deepEqual(leaders(world), [passes.at(-1) ?? 'n1'])
      }),
      { numRuns: 60 },
    ))

  test('whenever one of them dies on the way, one leads in the end, and it is the one that is taken', () =>
    fc.assert(
      fc.property(delays, fc.constantFrom('n1', 'n2'), fc.integer({ min: 0, max: 60 }), (delay, victim, after) => {
        const world = play(
          from(delay),
          8_000,
          (now, w) => {
            if (now === 1_000) give(w, 'n2', 2)
            const gateway = w.gateways.get(victim)
            if (now === 1_000 + 5 * after && gateway !== undefined) gateway.dead = true
            // As the third one does that misses the leader.
            if (now === 3_000 && victim === 'n2') give(w, 'n3', 3)
          },
          () => undefined,
        )
        const expected = victim === 'n2' ? 'n3' : 'n2'
        assert.deepEqual([leaders(world), world.far.node], [[expected], expected])
      }),
      { numRuns: 60 },
    ))
})
