import assert from 'node:assert/strict'
import fc from 'fast-check'
import type { Allocation } from '#crds/allocation.ts'
import type { GatewayEndpoint } from '#crds/gateway-endpoint.ts'
import type { Identity } from '#lib/identity/identity.ts'
import { newIdentity, publicIdentity } from '#lib/identity/identity.ts'
import { derivePairKey } from '#lib/identity/pair-key.ts'
import { keyFor } from '../../gateway/pair-keys.ts'
import type { PairKeys, PairKeysSeen } from './plan.ts'
import { planPairKeys, readPairKeys } from './plan.ts'

const [east, west, other] = [newIdentity(), newIdentity(), newIdentity()]
const keyOf = (own: Identity, ownID: string, peer: Identity, peerID: string) => {
  const key = derivePairKey(
    { clusterID: ownID, agreementKey: own.agreement },
    { clusterID: peerID, agreementKey: peer.agreement.publicKey },
    1,
  )
  return key.ok ? key.value : assert.fail()
}
const ours = keyOf(east, 'east', west, 'west')

type Word = { readonly state?: 'Admitted' | 'Quarantined'; readonly identity?: Identity | undefined }
const allocationOf = (clusterID: string, { state = 'Admitted', identity }: Word): Allocation =>
  ({
    spec: { clusterID, state, ...(identity === undefined ? {} : { identity: publicIdentity(identity) }) },
  }) as unknown as Allocation

/** `says`: for which cluster it announces which id. */
const endpointOf = (clusterID: string, node: string, says: Readonly<Record<string, string>>): GatewayEndpoint => {
  const pairKeys = Object.entries(says).map(([to, id]) => ({ clusterID: to, id }))
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
  }
  const required: PairKeys = new Map([['west', { ...ours, use: 'Required' }]])
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
    assert.deepEqual([...readPairKeys({ data })], [])
    assert.deepEqual([...readPairKeys(undefined)], [])
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
  readonly do: 'operate' | 'hear' | 'publish' | 'carry' | 'come' | 'go' | 'quarantine' | 'lift' | 'rejoin' | 'tell'
  readonly side: Side
  readonly node: NodeName
}
/** `held`: the Secret as it has heard of it. `peers`: the other side's gateways, and what each announces, likewise. */
type Gateway = { held: PairKeys; announced: string | undefined; peers: ReadonlyMap<string, string | undefined> }
/** `known`: what the broker said of both. `copies`: the other side's gateways, as the door brought them. */
type Cluster = {
  identity: Identity
  known: ReadonlyMap<Side, Word>
  secret: PairKeys
  gateways: Map<NodeName, Gateway>
  copies: Map<NodeName, string | undefined>
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
    gateways: new Map([['n1', { held: new Map(), announced: undefined, peers: new Map() }]]),
    copies: new Map(),
  })
  const clusters = from === undefined ? { east: fresh(east), west: fresh(west) } : structuredClonedBy(from.clusters)
  const announcing = (c: Cluster, id: Side): readonly GatewayEndpoint[] => [
    ...[...c.gateways].map(([n, g]) => endpointOf(id, n, saying(otherOf(id), g.announced))),
    ...[...c.copies].map(([n, said]) => endpointOf(otherOf(id), n, saying(id, said))),
  ]

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
        })
        return
      case 'hear':
        if (gateway !== undefined) Object.assign(gateway, { held: c.secret, peers: new Map(c.copies) })
        return
      case 'publish':
        if (gateway !== undefined) gateway.announced = gateway.held.get(otherOf(side))?.id
        return
      case 'carry': {
        const copies = clusters[otherOf(side)].copies
        if (gateway === undefined) copies.delete(node)
        else copies.set(node, gateway.announced)
        return
      }
      case 'come':
        // A gateway reads the Secret before it begins.
        if (gateway === undefined) c.gateways.set(node, { held: c.secret, announced: undefined, peers: new Map(c.copies) })
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
  const world = {
    act,
    copy: () => pair({ clusters, broker }),
    requires: (s: Side) => clusters[s].secret.get(otherOf(s))?.use === 'Required',
    deliver: () => {
      for (let round = 0; round < 3; round++) for (const what of ['hear', 'publish', 'carry'] as const) each(what)
      each('hear')
    },
    settle: () => {
      for (let round = 0; round < 6; round++) {
        each('tell')
        each('operate')
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
      const used = (s: Side, own: Gateway, peer: NodeName) =>
        keyFor(own.held.get(otherOf(s)), own.announced, own.peers.get(peer))?.hex()
      for (const [a, one] of clusters.east.gateways)
        for (const [b, two] of clusters.west.gateways) assert.equal(used('east', one, b), used('west', two, a))
    },
  }
  return world
}

const saying = (to: string, id: string | undefined): Readonly<Record<string, string>> => (id === undefined ? {} : { [to]: id })

const structuredClonedBy = (clusters: Readonly<Record<Side, Cluster>>): Record<Side, Cluster> => {
  const copyOf = (c: Cluster): Cluster => ({
    ...c,
    gateways: new Map([...c.gateways].map(([n, g]) => [n, { ...g }])),
    copies: new Map(c.copies),
  })
  return { east: copyOf(clusters.east), west: copyOf(clusters.west) }
}
