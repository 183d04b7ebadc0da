import assert from 'node:assert/strict'
import fc from 'fast-check'
import type { Allocation } from '#crds/allocation.ts'
import type { AnnouncedPairKey, GatewayEndpoint } from '#crds/gateway-endpoint.ts'
import { maxEpoch } from '#crds/gateway-endpoint.ts'
import type { Identity } from '#lib/identity/identity.ts'
import { newIdentity, publicIdentity } from '#lib/identity/identity.ts'
import { derivePairKey, printPairKey } from '#lib/identity/pair-key.ts'
import type { ClusterID } from '#lib/net/cluster-id.ts'
import type { Handshakes } from '../../gateway/pair-keys.ts'
import { announcementOf, heldIDs, keyFor } from '../../gateway/pair-keys.ts'
import type { KeptPairKey, PairKeys, PairKeysSeen } from './plan.ts'
import { firstDue, planPairKeys, printNotes, readPairKeys } from './plan.ts'

const [east, west, other] = [newIdentity(), newIdentity(), newIdentity()]
const keyOf = (own: Identity, ownID: string, peer: Identity, peerID: string, epoch = 1) => {
  const key = derivePairKey(
    { clusterID: ownID, agreementKey: own.agreement },
    { clusterID: peerID, agreementKey: peer.agreement.publicKey },
    epoch,
  )
  return key.ok ? key.value : assert.fail()
}
const ours = keyOf(east, 'east', west, 'west')
const second = keyOf(east, 'east', west, 'west', 2)
const seventh = keyOf(east, 'east', west, 'west', 7)
const kept = { epoch: 1, since: 0, asked: undefined } as const
const dayMs = 86_400_000

type Announcement = Omit<AnnouncedPairKey, 'clusterID'>
type Word = { readonly state?: 'Admitted' | 'Quarantined'; readonly identity?: Identity | undefined }
const allocationOf = (clusterID: string, { state = 'Admitted', identity }: Word): Allocation =>
  ({
    spec: { clusterID, state, ...(identity === undefined ? {} : { identity: publicIdentity(identity) }) },
  }) as unknown as Allocation

/** `says`: for which cluster it announces which id, or more than that. */
const endpointOf = (clusterID: string, node: string, says: Readonly<Record<string, string | Announcement>>): GatewayEndpoint => {
  const pairKeys = Object.entries(says).map(([to, word]) => ({
    clusterID: to,
    ...(typeof word === 'string' ? { id: word } : word),
  }))
  return { spec: { clusterID, node, wireguard: { pairKeys } } } as unknown as GatewayEndpoint
}

suite('the keys of pairs, as the operator of east decides them', () => {
  const all = { ours: endpointOf('east', 'n1', { west: ours.id }), theirs: endpointOf('west', 'n1', { east: ours.id }) }
  const bothSay = [all.ours, all.theirs]
  const base: PairKeysSeen = {
    clusterID: 'east',
    agreementKey: east.agreement,
    allocations: [allocationOf('east', { identity: east }), allocationOf('west', { identity: west })],
    endpoints: [],
    held: new Map(),
    asked: undefined,
    days: 30,
    now: dayMs,
  }
  const required: PairKeys = new Map([['west', { ...ours, ...kept, use: 'Required' }]])
  const withWest = (word: Word) => [allocationOf('east', { identity: east }), allocationOf('west', word)]

  const rows: readonly (readonly [string, Partial<PairKeysSeen>, string])[] = [
    ['a cluster that is admitted: offered', {}, 'Offered'],
    ['not all of us have announced it', { endpoints: [...bothSay, endpointOf('east', 'n2', {})] }, 'Offered'],
    ['not all of them have announced it', { endpoints: [...bothSay, endpointOf('west', 'n2', {})] }, 'Offered'],
    [
      'one of them announces another',
      { endpoints: [...bothSay, endpointOf('west', 'n2', { east: 'ab'.repeat(16) })] },
      'Offered',
    ],
    ['they have no gateway that was heard of', { endpoints: [all.ours] }, 'Offered'],
    ['we have no gateway yet', { endpoints: [all.theirs] }, 'Offered'],
    ['it was announced for somebody else', { endpoints: [all.ours, endpointOf('west', 'n1', { north: ours.id })] }, 'Offered'],
    ['all of both have announced it', { endpoints: bothSay }, 'Required'],
    ['a third cluster says nothing of it', { endpoints: [...bothSay, endpointOf('north', 'n1', {})] }, 'Required'],
    ['it is required, and announcements are gone: it stays required', { held: required }, 'Required'],
    [
      'it is required, and the other has another identity now: a new key is offered',
      { held: required, allocations: withWest({ identity: other }), endpoints: bothSay },
      'Offered',
    ],
    ['we have another identity now', { held: required, agreementKey: other.agreement, endpoints: bothSay }, 'Offered'],
    ['the other is in quarantine', { held: required, allocations: withWest({ identity: west, state: 'Quarantined' }) }, 'none'],
    [
      'we are in quarantine',
      {
        held: required,
        allocations: [allocationOf('east', { identity: east, state: 'Quarantined' }), allocationOf('west', { identity: west })],
      },
      'none',
    ],
    ['the other was revoked, or left', { held: required, allocations: [allocationOf('east', { identity: east })] }, 'none'],
    ['the other has no identity', { allocations: withWest({}) }, 'none'],
  ]
  for (const [what, change, want] of rows)
    test(`${what} → ${want}`, () => {
      const keys = planPairKeys({ ...base, ...change })
      assert.equal(keys.get('west')?.use ?? 'none', want)
      assert.ok(!keys.has('east'))
    })

  test('a peer that names a key of small order gets none, and nobody else is held up', () => {
    const zero = { ...publicIdentity(west), agreementKey: Buffer.alloc(32).toString('base64') }
    const bad = { spec: { clusterID: 'west', state: 'Admitted', identity: zero } } as unknown as Allocation
    const keys = planPairKeys({ ...base, allocations: [bad, allocationOf('north', { identity: other })] })
    assert.deepEqual([...keys.keys()], ['north'])
  })

  test('what is no key in the Secret is as if it were not there', () => {
    const data = { west: Buffer.from('ab Required x').toString('base64'), north: '' }
    assert.deepEqual([...readPairKeys({ data }, 0)], [])
    assert.deepEqual([...readPairKeys(undefined, 0)], [])
  })

  const next = { ...ours, ...kept, use: 'Required', other: { at: 'Next', ...second } } as const
  const former = { ...second, ...kept, epoch: 2, use: 'Required', other: { at: 'Former', ...ours } } as const
  const say = (word: Announcement, theirWord = word) => [
    endpointOf('east', 'n1', { west: word }),
    endpointOf('west', 'n1', { east: theirWord }),
  ]
  const [alone, prepared, turned] = [{ id: ours.id }, { id: ours.id, next: second.id }, { id: second.id, epoch: 2 }]
  const steps: readonly (readonly [string, KeptPairKey, Partial<PairKeysSeen>, string])[] = [
    ['a key of 29 days: nothing', { ...ours, ...kept, use: 'Required' }, { now: 29 * dayMs }, '1'],
    ['a key of 30 days: the next one', { ...ours, ...kept, use: 'Required' }, { now: 30 * dayMs }, '1 and Next'],
    ['no days given: nothing', { ...ours, ...kept, use: 'Required' }, { now: 99 * dayMs, days: 0 }, '1'],
    ['a person asks: the next one', { ...ours, ...kept, use: 'Required' }, { asked: 'now' }, '1 and Next'],
    ['the same was asked before: nothing', { ...ours, ...kept, use: 'Required', asked: 'now' }, { asked: 'now' }, '1'],
    ['what was asked is taken away: nothing', { ...ours, ...kept, use: 'Required', asked: 'now' }, {}, '1'],
    ['a person asks before it is required: nothing', { ...ours, ...kept, use: 'Offered' }, { asked: 'now' }, '1'],
    ['they prepare it: so do we', { ...ours, ...kept, use: 'Required' }, { endpoints: say(alone, prepared) }, '1 and Next'],
    ['they have turned: we prepare it', { ...ours, ...kept, use: 'Required' }, { endpoints: say(alone, turned) }, '1 and Next'],
    ['we alone announce it: waits', next, { endpoints: say(prepared, alone) }, '1 and Next'],
    [
      'one of two of them announces it: waits',
      next,
      { endpoints: [...say(prepared), endpointOf('west', 'n2', { east: alone })] },
      '1 and Next',
    ],
    ['they have no gateway that was heard of: waits', next, { endpoints: say(prepared).slice(0, 1) }, '1 and Next'],
    ['all announce it: used', next, { endpoints: say(prepared) }, '2 and Former'],
    ['they have turned already: used', next, { endpoints: say(prepared, turned) }, '2 and Former'],
    ['they may still use the former: it stays', former, { endpoints: say(turned, prepared) }, '2 and Former'],
    ['we may still use the former: it stays', former, { endpoints: say(prepared, turned) }, '2 and Former'],
    ['asked again meanwhile: first things first', former, { endpoints: say(turned, prepared), asked: 'again' }, '2 and Former'],
    ['all use the new one: the former goes', former, { endpoints: say(turned) }, '2'],
    ['asked again, and all use the new one', { ...second, ...kept, epoch: 2, use: 'Required' }, { asked: 'again' }, '2 and Next'],
    [
      'they are where they cannot be: we hold an old copy',
      { ...ours, ...kept, use: 'Required' },
      { endpoints: say(alone, { id: seventh.id, epoch: 7 }) },
      '7',
    ],
    [
      'they announce an epoch with an id that is not its key: nothing',
      { ...ours, ...kept, use: 'Required' },
      { endpoints: say(alone, { id: ours.id, epoch: 7 }) },
      '1',
    ],
    [
      'they jump to the last epoch: nothing',
      { ...ours, ...kept, use: 'Required' },
      { endpoints: say(alone, { id: keyOf(east, 'east', west, 'west', maxEpoch).id, epoch: maxEpoch }) },
      '1',
    ],
    ['they are ahead of what is offered', { ...ours, ...kept, use: 'Offered' }, { endpoints: say(alone, turned) }, '2'],
  ]
  for (const [what, before, change, want] of steps)
    test(`changing a key: ${what}`, () => {
      const after = planPairKeys({ ...base, ...change, held: new Map([['west', before]]) }).get('west') ?? assert.fail()
      assert.equal(`${after.epoch}${after.other === undefined ? '' : ` and ${after.other.at}`}`, want)
      assert.equal(after.use, before.use)
      assert.equal(after.id, keyOf(east, 'east', west, 'west', after.epoch).id)
    })

  test('a Secret that is lost is made anew where the other side is', () => {
    const after = planPairKeys({ ...base, endpoints: say({ id: seventh.id, epoch: 7 }) }).get('west')
    assert.deepEqual([after?.id, after?.use], [seventh.id, 'Required'])
  })

  test('another identity begins at the first epoch, whatever was announced of the one before', () => {
    const after = planPairKeys({
      ...base,
      allocations: withWest({ identity: other }),
      endpoints: say({ id: seventh.id, epoch: 7 }),
      held: new Map([['west', { ...seventh, ...kept, epoch: 7, use: 'Required' }]]),
    }).get('west')
    assert.deepEqual([after?.epoch, after?.id, after?.use], [1, keyOf(east, 'east', other, 'west').id, 'Offered'])
  })

  test('no key is waited for to grow old that does not change by age', () => {
    const due = (key: KeptPairKey) => firstDue(new Map([['west', key]]), 30)
    assert.equal(due({ ...ours, ...kept, use: 'Required' }), 30 * dayMs)
    assert.equal(due({ ...ours, ...kept, use: 'Offered' }), undefined)
    assert.equal(due({ ...ours, ...kept, use: 'Required', epoch: maxEpoch }), undefined)
    assert.equal(due(next), undefined)
    assert.equal(due(former), undefined)
  })

  test('what is kept is read back, and a key of a version without notes begins now', () => {
    const keys: PairKeys = new Map([
      ['west', { ...former, since: 5 * dayMs, asked: 'now' }],
      ['north', { ...ours, ...kept, use: 'Offered', since: 9 * dayMs }],
    ])
    const data = Object.fromEntries([...keys].map(([peer, key]) => [peer, Buffer.from(printPairKey(key)).toString('base64')]))
    const metadata = { name: 'tombolo-pair-keys', annotations: { 'tombolo.dev/pair-key-notes': printNotes(keys) } }
    assert.deepEqual(readPairKeys({ data, metadata }, 0), keys)
    assert.equal(firstDue(new Map([['west', { ...second, ...kept, use: 'Required' }]]), 0), undefined)
    for (const notes of [undefined, '', '{', 'null', '{"west":{"since":"soon"}}']) {
      const read = readPairKeys(
        { data, metadata: { name: 'x', annotations: { 'tombolo.dev/pair-key-notes': notes ?? '' } } },
        7 * dayMs,
      )
      assert.equal(read.get('west')?.since, 7 * dayMs)
    }
  })

  // Two operators, up to two gateways each; what one does reaches the others when it likes, in any order.
  const side = fc.constantFrom<Side>('east', 'west')
  const node = fc.constantFrom<NodeName>('n1', 'n2')
  const step = fc.record({
    do: fc.constantFrom('operate', 'hear', 'publish', 'carry', 'come', 'go' as const),
    side,
    node,
  })
  const upheaval = fc.record({ do: fc.constantFrom('quarantine', 'lift', 'rejoin', 'tell' as const), side, node })

  test('in whatever order things happen, who requires a key can count on it, and what is said brings both ends together', () => {
    let metRequired = 0
    fc.assert(
      fc.property(fc.array(step, { minLength: 60, maxLength: 150 }), (steps) => {
        const world = pair()
        for (const s of steps) {
          world.act(s)
          world.nobodyIsLeftBehind()
          // Operators may stand still from here on: no decision of theirs is needed for cables to work.
          const now = world.copy()
          now.deliver()
          now.bothEndsAgree()
          if (world.requires('east') && world.requires('west')) metRequired++
        }
        world.settle()
        world.bothEndsAgree()
        assert.ok(world.requires('east') && world.requires('west'))
      }),
      { numRuns: 100 },
    )
    assert.ok(metRequired > 50, `required in ${metRequired} states`)
  })

  test('asked for other keys at any time by either, any two gateways have a key in common at every step, and end at the newest', () => {
    const asking = fc.record({ do: fc.constantFrom('ask', 'operate', 'operate' as const), side, node })
    const seenStages = new Set<string>()
    let apart = 0
    fc.assert(
      fc.property(fc.array(fc.oneof({ weight: 5, arbitrary: step }, asking), { minLength: 60, maxLength: 150 }), (steps) => {
        const world = pair()
        world.settle()
        let newest = 1
        for (const s of steps) {
          world.act(s)
          world.aKeyInCommon()
          world.neverWithout()
          apart += world.meetWhenOverdue()
          for (const id of ['east', 'west'] as const) {
            newest = Math.max(newest, world.epochs(id)[0] ?? 0)
            seenStages.add(world.stage(id))
          }
          // Operators may stand still from here on: what is announced brings both ends together.
          const now = world.copy()
          now.deliver()
          now.bothEndsAgree()
        }
        world.settle()
        world.bothEndsAgree()
        assert.deepEqual(world.epochs('east'), world.epochs('west'))
        assert.ok((world.epochs('east')[0] ?? 0) >= newest)
        for (const id of ['east', 'west'] as const) assert.equal(world.stage(id), 'alone, as asked')
      }),
      { numRuns: 50 },
    )
    assert.ok(seenStages.has('Next') && seenStages.has('Former'), [...seenStages].join())
    assert.ok(apart > 50, `two ends used different keys in ${apart} states`)
  })

  test('an operator that loses its Secret in the middle comes back to where the other is', () => {
    const losing = fc.record({ do: fc.constantFrom('ask', 'operate', 'lose' as const), side, node })
    fc.assert(
      fc.property(fc.array(fc.oneof({ weight: 5, arbitrary: step }, losing), { minLength: 30, maxLength: 100 }), (steps) => {
        const world = pair()
        world.settle()
        for (const s of steps) world.act(s)
        world.settle()
        world.bothEndsAgree()
        assert.deepEqual(world.epochs('east'), world.epochs('west'))
        assert.ok(world.requires('east') && world.requires('west'))
      }),
      { numRuns: 50 },
    )
  })

  test('through quarantine and new identities too, left alone they come to the same key and require it', () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof({ weight: 3, arbitrary: step }, { weight: 1, arbitrary: upheaval }), { minLength: 30, maxLength: 100 }),
        (steps) => {
          const world = pair()
          for (const s of steps) world.act(s)
          for (const s of ['east', 'west'] as const) world.act({ do: 'lift', side: s, node: 'n1' })
          world.settle()
          world.bothEndsAgree()
          assert.ok(world.requires('east') && world.requires('west'))
        },
      ),
      { numRuns: 100 },
    )
  })
})

type Side = 'east' | 'west'
type NodeName = 'n1' | 'n2'
type Act = {
  readonly do:
    'operate' | 'hear' | 'publish' | 'carry' | 'come' | 'go' | 'quarantine' | 'lift' | 'rejoin' | 'tell' | 'ask' | 'lose'
  readonly side: Side
  readonly node: NodeName
}
/** `held`: the Secret as it has heard of it. `peers`: the other side's gateways, and what each announces, likewise. */
type Gateway = {
  held: PairKeys
  announced: Announcement | undefined
  peers: ReadonlyMap<string, Announcement | undefined>
  /** Whether it ever heard that a key is required. */
  keyed: boolean
}
/** `known`: what the broker said of both. `copies`: the other side's gateways, as the door brought them. `asks`: how often a person did. */
type Cluster = {
  identity: Identity
  known: ReadonlyMap<Side, Word>
  secret: PairKeys
  gateways: Map<NodeName, Gateway>
  copies: Map<NodeName, Announcement | undefined>
  asks: number
}

const otherOf = (side: Side): Side => (side === 'east' ? 'west' : 'east')

function pair(from?: { readonly clusters: Readonly<Record<Side, Cluster>>; readonly broker: ReadonlyMap<Side, Word> }) {
  const began: ReadonlyMap<Side, Word> = new Map([
    ['east', { identity: east }],
    ['west', { identity: west }],
  ])
  const broker = new Map(from?.broker ?? began)
  const fresh = (identity: Identity): Cluster => ({
    identity,
    known: began,
    secret: new Map(),
    gateways: new Map([['n1', { held: new Map(), announced: undefined, peers: new Map(), keyed: false }]]),
    copies: new Map(),
    asks: 0,
  })
  const clusters = from === undefined ? { east: fresh(east), west: fresh(west) } : structuredClonedBy(from.clusters)
  const announcing = (c: Cluster, id: Side): readonly GatewayEndpoint[] => [
    ...[...c.gateways].map(([n, g]) => endpointOf(id, n, saying(otherOf(id), g.announced))),
    ...[...c.copies].map(([n, said]) => endpointOf(otherOf(id), n, saying(id, said))),
  ]

  const hear = (c: Cluster, gateway: Gateway): void => {
    const keyed = gateway.keyed || [...c.secret.values()].some(({ use }) => use === 'Required')
    Object.assign(gateway, { held: c.secret, peers: new Map(c.copies), keyed })
  }
  const act = ({ do: what, side, node }: Act): void => {
    const c = clusters[side]
    const gateway = c.gateways.get(node)
    switch (what) {
      case 'operate':
        c.secret = planPairKeys({
          clusterID: side,
          agreementKey: c.identity.agreement,
          allocations: [...c.known].map(([id, word]) => allocationOf(id, word)),
          endpoints: announcing(c, side),
          held: c.secret,
          asked: c.asks === 0 ? undefined : String(c.asks),
          days: 30,
          now: 0,
        })
        return
      case 'ask':
        c.asks++
        return
      case 'lose':
        c.secret = new Map()
        return
      case 'hear':
        if (gateway !== undefined) hear(c, gateway)
        return
      case 'publish':
        if (gateway !== undefined) gateway.announced = announcementOf(gateway.held).find((k) => k.clusterID === otherOf(side))
        return
      case 'carry': {
        const copies = clusters[otherOf(side)].copies
        if (gateway === undefined) copies.delete(node)
        else copies.set(node, gateway.announced)
        return
      }
      case 'come':
        // A gateway reads the Secret before it begins.
        if (gateway !== undefined) return
        c.gateways.set(node, { held: new Map(), announced: undefined, peers: new Map(), keyed: false })
        hear(c, c.gateways.get(node) ?? assert.fail())
        return
      case 'go':
        if (c.gateways.size > 1) c.gateways.delete(node)
        return
      case 'quarantine':
      case 'lift':
        broker.set(side, { ...broker.get(side), state: what === 'lift' ? 'Admitted' : 'Quarantined' })
        return
      case 'rejoin':
        c.identity = newIdentity()
        broker.set(side, { identity: c.identity })
        return
      case 'tell':
        c.known = new Map(broker)
        return
    }
  }
  const each = (what: Act['do']) => {
    for (const s of ['east', 'west'] as const) for (const n of ['n1', 'n2'] as const) act({ do: what, side: s, node: n })
  }
  type End = { readonly own: Gateway; readonly peer: NodeName }
  const cables = (): readonly { readonly one: End; readonly two: End }[] =>
    [...clusters.east.gateways].flatMap(([a, one]) =>
      [...clusters.west.gateways].map(([b, two]) => ({ one: { own: one, peer: b }, two: { own: two, peer: a } })),
    )
  const idsSaid = (word: Announcement | undefined) =>
    word === undefined ? [] : heldIDs({ clusterID: 'any' as ClusterID, ...word })
  const idsOf = (s: Side, own: Gateway): readonly string[] => {
    const key = own.held.get(otherOf(s))
    return key === undefined ? [] : [key.id, ...(key.other === undefined ? [] : [key.other.id])]
  }
  const used = (s: Side, { own, peer }: End, handshakes: Handshakes = 'Well') =>
    keyFor(own.held.get(otherOf(s)), idsSaid(own.announced), idsSaid(own.peers.get(peer)), handshakes)?.hex()
  const world = {
    act,
    copy: () => pair({ clusters, broker }),
    requires: (s: Side) => clusters[s].secret.get(otherOf(s))?.use === 'Required',
    deliver: () => {
      for (let round = 0; round < 3; round++) for (const what of ['hear', 'publish', 'carry'] as const) each(what)
      each('hear')
    },
    settle: () => {
      for (let round = 0; round < 10; round++) {
        for (const what of ['tell', 'operate'] as const)
          for (const s of ['east', 'west'] as const) act({ do: what, side: s, node: 'n1' })
        world.deliver()
      }
    },
    /**
     * Whoever requires a key requires one that the other side has for its gateways, and every gateway there that was asked holds it. One
     * that was not heard of when it was decided has had no cable yet, and its first thing is to read the Secret.
     */
    nobodyIsLeftBehind: () => {
      for (const s of ['east', 'west'] as const) {
        if (!world.requires(s)) continue
        const id = clusters[s].secret.get(otherOf(s))?.id
        const there = clusters[otherOf(s)]
        assert.equal(there.secret.get(s)?.id, id)
        for (const g of there.gateways.values()) if (g.announced !== undefined) assert.equal(g.held.get(s)?.id, id)
      }
    },
    /** Of every cable, both ends use the same key or none. */
    bothEndsAgree: () => {
      for (const { one, two } of cables()) assert.equal(used('east', one), used('west', two))
    },
    aKeyInCommon: () => {
      for (const { one, two } of cables()) {
        const [a, b] = [idsOf('east', one.own), idsOf('west', two.own)]
        assert.ok(
          a.some((id) => b.includes(id)),
          `${a.join()} and ${b.join()}`,
        )
      }
    },
    neverWithout: () => {
      for (const { one, two } of cables())
        for (const [s, end] of [['east', one] as const, ['west', two] as const])
          if (end.own.keyed) assert.notEqual(used(s, end), undefined)
    },
    /** Where the two ends use different keys, and nothing more is announced, handshakes that do not go well make them use the same. */
    meetWhenOverdue: () => {
      const different = cables().filter(({ one, two }) => used('east', one) !== used('west', two))
      for (const { one, two } of different) assert.equal(used('east', one, 'Overdue'), used('west', two, 'Overdue'))
      return different.length
    },
    epochs: (s: Side) => [...clusters[s].secret.values()].map(({ epoch }) => epoch),
    stage: (s: Side) => {
      const key = clusters[s].secret.get(otherOf(s))
      const asked = clusters[s].asks === 0 ? undefined : String(clusters[s].asks)
      return key?.other?.at ?? (key?.asked === asked ? 'alone, as asked' : 'alone')
    },
  }
  return world
}

const saying = (to: string, word: Announcement | undefined): Readonly<Record<string, Announcement>> =>
  word === undefined ? {} : { [to]: word }

const structuredClonedBy = (clusters: Readonly<Record<Side, Cluster>>): Record<Side, Cluster> => {
  const copyOf = (c: Cluster): Cluster => ({
    ...c,
    gateways: new Map([...c.gateways].map(([n, g]) => [n, { ...g }])),
    copies: new Map(c.copies),
  })
  return { east: copyOf(clusters.east), west: copyOf(clusters.west) }
}
