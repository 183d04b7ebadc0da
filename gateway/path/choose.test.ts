import assert from 'node:assert/strict'
import fc from 'fast-check'
import type { Choice, Evidence, Standing, Way } from './choose.ts'
import { choose, firstWay, pathTiming, sameAddress } from './choose.ts'

const [first, second] = [
  { address: '192.0.2.1', port: 51820 },
  { address: '203.0.113.9', port: 4242 },
] as const
const addresses = [first, second] as const
const straightTo = (at: { readonly address: string; readonly port: number }): Way => ({ to: 'address', at })
const through = (name: string): Way => ({ to: 'relay', name })

const seen = (change: Partial<Evidence>): Evidence => ({
  now: 0,
  link: 'Connecting',
  at: undefined,
  addresses,
  relays: [],
  answered: undefined,
  leads: true,
  ...change,
})
const stands = (change: Partial<Standing>): Standing => ({ ...firstWay(addresses, 0), ...change })

suite('the way of a cable', () => {
  const relays = [
    { name: 'far', rttMs: 80 },
    { name: 'near', rttMs: 20 },
  ]
  const rows: readonly (readonly [string, Standing, Evidence, Choice['do'], Way])[] = [
    [
      'stays with an address that answers',
      stands({}),
      seen({ link: 'Connected', at: straightTo(first) }),
      'stay',
      straightTo(first),
    ],
    ['waits for a first answer', stands({}), seen({ now: 1900, relays }), 'stay', straightTo(first)],
    ['goes through the nearest relay when none comes', stands({}), seen({ now: 2100, relays }), 'steer', through('near')],
    [
      'without a relay goes to the next address, in the time of a handshake',
      stands({}),
      seen({ now: 6000 }),
      'steer',
      straightTo(second),
    ],
    ['and stays until then', stands({}), seen({ now: 5900 }), 'stay', straightTo(first)],
    [
      'goes through a relay once an address that answered fell silent',
      stands({ reason: 'Answers' }),
      seen({ now: 90_000, link: 'Error', relays }),
      'steer',
      through('near'),
    ],
    [
      'follows the far end to a relay',
      stands({ reason: 'Answers' }),
      seen({ now: 90_000, link: 'Connected', at: through('far'), relays }),
      'stay',
      through('far'),
    ],
    [
      'and straight',
      stands({ way: through('near') }),
      seen({ now: 90_000, link: 'Connected', at: straightTo(second), relays }),
      'stay',
      straightTo(second),
    ],
    [
      'goes straight where a probe was answered',
      stands({ way: through('near') }),
      seen({ now: 9000, link: 'Connected', at: through('near'), relays, answered: second }),
      'steer',
      straightTo(second),
    ],
    [
      'is not led back by what was on its way through the relay',
      stands({ reason: 'Answers', since: 9000 }),
      seen({ now: 9300, link: 'Connected', at: through('near'), relays }),
      'steer',
      straightTo(first),
    ],
    [
      'of two ends that chose two relays, the one that chooses stays while the other may come',
      stands({ way: through('near'), probeAt: 90_000 }),
      seen({ now: 5000, link: 'Connected', at: through('far'), relays }),
      'steer',
      through('near'),
    ],
    [
      'and follows where the other does not hear it',
      stands({ way: through('near'), probeAt: 90_000 }),
      seen({ now: 6000, link: 'Connected', at: through('far'), relays }),
      'stay',
      through('far'),
    ],
    [
      'takes no relay that failed while there is another',
      stands({ relaysFailed: [{ name: 'near', times: 1, until: 120_000 }] }),
      seen({ now: 2100, relays }),
      'steer',
      through('far'),
    ],
    [
      'and takes it again after its time',
      stands({ since: 120_000, relaysFailed: [{ name: 'near', times: 1, until: 120_000 }] }),
      seen({ now: 122_100, relays }),
      'steer',
      through('near'),
    ],
    [
      'takes another relay when its own is gone',
      stands({ way: through('gone') }),
      seen({ now: 500, link: 'Connected', relays }),
      'steer',
      through('near'),
    ],
    [
      'tries an address again when there is no relay any more',
      stands({ way: through('gone') }),
      seen({ now: 500, link: 'Error' }),
      'steer',
      straightTo(first),
    ],
    [
      'probes when it is time',
      stands({ way: through('near'), probeAt: 15_000 }),
      seen({ now: 15_000, link: 'Connected', at: through('near'), relays }),
      'probe',
      through('near'),
    ],
    [
      'of two ends that chose two relays, the one that does not choose follows',
      stands({ way: through('near'), probeAt: 90_000 }),
      seen({ now: 5000, link: 'Connected', at: through('far'), relays, leads: false }),
      'stay',
      through('far'),
    ],
  ]
  for (const [name, standing, evidence, act, way] of rows)
    test(name, () => {
      const choice = choose(standing, evidence)
      assert.deepEqual([choice.do, choice.standing.way], [act, way])
    })

  test('never is a relay that is not there, or an address that nobody named and nothing came from', () => {
    const name = fc.constantFrom('a', 'b', 'c')
    const at = fc.option(fc.oneof(name.map(through), fc.constantFrom(first, second).map(straightTo)), { nil: undefined })
    const evidence = fc.record({
      step: fc.integer({ min: 1, max: 20_000 }),
      link: fc.constantFrom('Connecting' as const, 'Connected' as const, 'Error' as const),
      at,
      relays: fc.uniqueArray(fc.tuple(name, fc.integer({ min: 1, max: 300 })), { selector: ([n]) => n }),
      answered: fc.option(fc.constantFrom(first, second), { nil: undefined }),
      leads: fc.boolean(),
    })
    fc.assert(
      fc.property(fc.array(evidence, { maxLength: 60 }), (walk) => {
        let standing = firstWay(addresses, 0)
        let now = 0
        for (const { step, relays: pairs, ...rest } of walk) {
          now += step
          const there = pairs.map(([relay, rttMs]) => ({ name: relay, rttMs }))
          const choice = choose(standing, seen({ ...rest, now, relays: there }))
          const { way } = choice.standing
          if (choice.do === 'steer' && way.to === 'relay')
            assert.ok(there.some((r) => r.name === way.name) || rest.link === 'Connected')
          if (way.to === 'address') assert.ok(addresses.some((a) => sameAddress(a, way.at)))
          if (choice.do === 'probe') assert.equal(way.to, 'relay')
          assert.ok(choice.standing.probeAt <= now + pathTiming.mostProbeEveryMs)
          standing = choice.standing
        }
      }),
      { numRuns: 500 },
    )
  })
})

/** A world of one cable, looked at four times a second. `straight`: what passes between the two, from when on. */
function live(
  straight: (at: number) => 'passes' | 'is cut' | 'answers probes alone',
  relaysAt: (at: number) => readonly { readonly name: string; readonly rttMs: number; readonly carries: boolean }[],
  ms: number,
) {
  let standing = firstWay([first], 0)
  let [passedAt, answered, probing] = [-Infinity, false, -Infinity]
  const history: { readonly at: number; readonly way: Way['to']; readonly passes: boolean; readonly steered: boolean }[] = []
  for (let now = 0; now <= ms; now += 250) {
    const { way } = standing
    const relays = relaysAt(now)
    const passes = way.to === 'relay' ? relays.some((r) => r.name === way.name && r.carries) : straight(now) === 'passes'
    if (passes) passedAt = now
    answered = standing.way.to === 'relay' && now - probing < pathTiming.probeMs && straight(now) !== 'is cut'
    const link = now - passedAt <= 1500 ? 'Connected' : passedAt === -Infinity && now < 10_000 ? 'Connecting' : 'Error'
    const choice = choose(
      standing,
      seen({
        now,
        link,
        at: standing.way,
        addresses: [first],
        relays,
        answered: answered ? first : undefined,
      }),
    )
    if (choice.do === 'probe') probing = now
    history.push({ at: now, way: choice.standing.way.to, passes, steered: choice.do === 'steer' })
    standing = choice.standing
  }
  return history
}

suite('the way of a cable, over time', () => {
  const minutes = (n: number) => n * 60_000
  const always = () => [{ name: 'hub', rttMs: 20, carries: true }]

  test('straight packets that stop and come back, whenever they do: silent for less than 5 s, and back straight within 30 s', () => {
    fc.assert(
      fc.property(fc.integer({ min: 20_000, max: 120_000 }), fc.integer({ min: 2_000, max: 300_000 }), (from, long) => {
        const to = from + long
        const history = live((at) => (at >= from && at < to ? 'is cut' : 'passes'), always, to + minutes(2))
        assert.ok(history.every(({ passes, at }) => passes || (at >= from && at < from + 5_000)))
        const back = history.find(({ at, way }) => at >= to && way === 'address')
        assert.ok((back?.at ?? Infinity) - to <= 30_000, `${(back?.at ?? Infinity) - to} ms`)
        assert.ok(history.filter(({ steered }) => steered).length <= 2)
      }),
      { numRuns: 200 },
    )
  })

  test('UDP that never passes: on the relay within 3 s, and left alone there', () => {
    const history = live(() => 'is cut', always, minutes(30))
    assert.equal(history.filter(({ steered }) => steered).length, 1)
    assert.ok(history.every(({ at, way }) => at < 3_000 || way === 'relay'))
  })

  test('addresses that answer probes and carry nothing: tried at least every half a minute, at the cost of less than a tenth of the time', () => {
    const history = live(() => 'answers probes alone', always, minutes(60))
    const tried = history.filter(({ steered, way }) => steered && way === 'address').map(({ at }) => at)
    assert.ok(tried.length > 100 && tried.every((at, i) => i === 0 || at - (tried[i - 1] ?? 0) <= 30_000))
    const silent = history.filter(({ passes }) => !passes).length / history.length
    assert.ok(silent > 0 && silent < 0.1, `${silent}`)
  })

  test('and healed after any number of such tries: straight for good within 30 s', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1_000, max: 600_000 }), (healedAt) => {
        const history = live((at) => (at < healedAt ? 'answers probes alone' : 'passes'), always, healedAt + minutes(2))
        assert.ok(history.filter(({ at }) => at >= healedAt + 30_000).every(({ way, passes }) => way === 'address' && passes))
      }),
    )
  })

  test('without relays it goes on trying', () => {
    const history = live(
      (at) => (at < minutes(3) ? 'is cut' : 'passes'),
      () => [],
      minutes(4),
    )
    assert.ok(history.filter(({ at }) => at > minutes(3) + 500).every(({ passes }) => passes))
  })

  test('a nearer relay that carries nothing, whatever it says: tried ever more seldom, down to once in an hour', () => {
    const far = { name: 'far', rttMs: 90, carries: true }
    const silent = (hours: number) =>
      live(
        () => 'is cut',
        () => [far, { name: 'near', rttMs: 1, carries: false }],
        minutes(60 * hours),
      ).filter(({ passes }) => !passes).length / 4
    const [three, eight] = [silent(3), silent(8)]
    assert.ok(three > 6 && three < 75, `${three} s of three hours`)
    assert.ok(eight - three <= 5 * 9, `${eight - three} s of five more`)
  })

  test('one that carries only until it is chosen again is not chosen for ever longer either', () => {
    const far = { name: 'far', rttMs: 90, carries: true }
    const history = live(
      () => 'is cut',
      (at) => [far, { name: 'near', rttMs: 1, carries: at % minutes(2) < minutes(1) }],
      minutes(180),
    )
    assert.ok(history.filter(({ passes }) => !passes).length / 4 < 120)
  })

  test('the only relay is used again as soon as it carries, whatever it did before', () => {
    const history = live(
      () => 'is cut',
      (at) => [{ name: 'hub', rttMs: 20, carries: at < minutes(1) || at > minutes(31) }],
      minutes(32),
    )
    assert.ok(history.filter(({ at }) => at > minutes(31) + 15_000).every(({ passes }) => passes))
  })

  test('where none of several carries, each has its turn', () => {
    const names = ['a', 'b', 'c']
    for (const good of names) {
      const relays = (at: number) => names.map((name, i) => ({ name, rttMs: i, carries: at > minutes(20) && name === good }))
      const history = live(() => 'is cut', relays, minutes(22))
      assert.ok(history.at(-1)?.passes, good)
    }
  })
})
