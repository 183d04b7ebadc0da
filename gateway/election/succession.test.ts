import assert from 'node:assert/strict'
import type { Gone, Sibling, SuccessionFacts } from './succession.ts'
import { goneHolder, patience } from './succession.ts'

const active: Sibling = { node: 'n2', bootID: 'bb', silentMs: 100, standing: 'Ready', cutOffMs: undefined }
const facts = (change: Partial<SuccessionFacts> = {}): SuccessionFacts => ({
  holder: 'n2/bb',
  identity: 'n1/aa',
  standing: 'Ready',
  siblings: [active],
  othersSilentMs: 100,
  provedMs: 100,
  patienceMs: 600,
  ...change,
})

suite('whom a standby need not wait for', () => {
  const cases: readonly (readonly [string, SuccessionFacts, Gone['because'] | undefined])[] = [
    ['one that is heard leads on', facts(), undefined],
    ['nobody, if nobody leads', facts({ holder: undefined }), undefined],
    ['not for ourselves', facts({ holder: 'n1/aa' }), undefined],
    ['an earlier process of this node', facts({ holder: 'n1/zz', siblings: [] }), 'restarted'],
    ['one that fell silent', facts({ siblings: [{ ...active, silentMs: 601 }] }), 'silent'],
    ['nobody, if we hear nobody at all', facts({ siblings: [{ ...active, silentMs: 900 }], othersSilentMs: 700 }), undefined],
    [
      'one that fell silent in a fleet of one',
      facts({ siblings: [{ ...active, silentMs: 601 }], othersSilentMs: undefined }),
      'silent',
    ],
    ['one that reaches no other cluster', facts({ siblings: [{ ...active, cutOffMs: 101 }] }), 'cutOff'],
    ['nobody, before we know that we still reach one', facts({ siblings: [{ ...active, cutOffMs: 99 }] }), undefined],
    ['nobody, if we reach none either', facts({ siblings: [{ ...active, cutOffMs: 9_000 }], provedMs: undefined }), undefined],
    [
      'one that reaches no other cluster, after more patience where the path comes and goes',
      facts({ siblings: [{ ...active, cutOffMs: 601 }], patienceMs: 1_200 }),
      'cutOff',
    ],
    ['nobody, before that patience is over', facts({ siblings: [{ ...active, cutOffMs: 599 }], patienceMs: 1_200 }), undefined],
    ['one that ends, or was drained', facts({ siblings: [{ ...active, standing: 'Never' }] }), 'yields'],
    ['one whose node is cordoned', facts({ siblings: [{ ...active, standing: 'Reserve' }] }), 'yields'],
    [
      'nobody, if ours is cordoned too',
      facts({ standing: 'Reserve', siblings: [{ ...active, standing: 'Reserve' }] }),
      undefined,
    ],
    [
      'one that ends, though our node is cordoned, if there is no better',
      facts({ standing: 'Reserve', siblings: [{ ...active, standing: 'Never' }] }),
      'yields',
    ],
    [
      'nobody, if another would rather',
      facts({
        standing: 'Reserve',
        siblings: [
          { ...active, standing: 'Never' },
          { ...active, node: 'n3' },
        ],
      }),
      undefined,
    ],
    [
      'nobody, while our own cables come about',
      facts({ standing: 'NotYet', siblings: [{ ...active, standing: 'Never' }] }),
      undefined,
    ],
    ['nobody, if we were drained', facts({ standing: 'Never', siblings: [{ ...active, silentMs: 900 }] }), undefined],
    ['one whose node runs another process now', facts({ siblings: [{ ...active, bootID: 'cc' }] }), 'restarted'],
    ['nobody that was not heard as the holder: it may have no cable to us', facts({ siblings: [] }), undefined],
    [
      'not because another standby fell silent',
      facts({ siblings: [active, { ...active, node: 'n3', silentMs: 9_000 }] }),
      undefined,
    ],
  ]
  for (const [name, given, gone] of cases) test(name, () => assert.equal(goneHolder(given)?.because, gone))

  test('has more patience after each time, up to what the Lease waits anyway, and forgets', () => {
    const now = 1_000_000
    assert.deepEqual(
      [[], [now - 10], [now - 10, now - 20], new Array<number>(9).fill(now - 5), [now - 400_000]].map((at) => patience(at, now)),
      [600, 1_200, 2_400, 6_000, 600],
    )
  })
})
