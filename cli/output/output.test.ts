import assert from 'node:assert/strict'
import { PassThrough } from 'node:stream'
import type { Format } from './output.ts'
import { output } from './output.ts'
import { wantsColour } from './paint.ts'
import { table } from './table.ts'

type Row = { readonly id: string; readonly state: string; readonly note?: string }

const clusters = (...rows: readonly Row[]) =>
  table(
    'clusters',
    rows,
    [
      { title: 'CLUSTER', cell: (row: Row) => row.id },
      { title: 'STATE', cell: (row) => row.state, tone: (row) => (row.state === 'Ready' ? 'good' : 'bad') },
      { title: 'NOTE', cell: (row) => row.note, wide: true },
    ],
    'None.',
    (row) => `cluster/${row.id}`,
  )

const [east, west] = [
  { id: 'east', state: 'Ready' },
  { id: 'west', state: 'Silent', note: 'a\nb\x1b[31m' },
] as const

/** What `use` prints to stdout. */
function printed(use: (out: ReturnType<typeof output>) => void, { tty = false, colour = false } = {}): string {
  const stream = () => Object.assign(new PassThrough(), { isTTY: tty }) as unknown as NodeJS.WriteStream
  const [out, err] = [stream(), stream()]
  use(output({ out, err, colour: { out: colour, err: colour } }))
  return (out.read() as Buffer | null)?.toString() ?? ''
}

suite('output', () => {
  const wanted: Readonly<Record<Format, string>> = {
    table: 'CLUSTER  STATE\neast     Ready\nwest     Silent\n',
    // A line break or an escape from another cluster breaks neither the row nor the terminal.
    wide: 'CLUSTER  STATE   NOTE\neast     Ready   -\nwest     Silent  a b\n',
    json: `${JSON.stringify({ clusters: [east, west] }, null, 2)}\n`,
    yaml: 'clusters:\n  - id: east\n    state: Ready\n  - id: west\n    state: Silent\n    note: "a\\nb\\e[31m"\n',
    name: 'cluster/east\ncluster/west\n',
  }
  for (const [format, text] of Object.entries(wanted))
    test(`prints rows as ${format}`, () => {
      assert.equal(
        printed((out) => out.tables([clusters(east, west)], format as Format)),
        text,
      )
    })

  test('manifests have the names that kubectl gives them', () => {
    const objects = [
      { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'a' } },
      { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'b' } },
    ]
    assert.equal(
      printed((out) => out.manifests(objects, 'name')),
      'deployment.apps/a\nsecret/b\n',
    )
  })

  test('colours what is well and what is not, without moving the columns, and never in machine formats', () => {
    const text = printed((out) => out.tables([clusters(east, west)], 'wide'), { colour: true })
    assert.equal(text, 'CLUSTER  STATE   NOTE\neast     \x1b[32mReady\x1b[39m   -\nwest     \x1b[31mSilent\x1b[39m  a b\n')
    assert.equal(
      printed((out) => out.tables([clusters(east, west)], 'json'), { colour: true }),
      wanted.json,
    )
  })

  const terminal = { isTTY: true }
  const colours: readonly [string, boolean, { isTTY?: boolean }, Record<string, string>, string[]][] = [
    ['a terminal', true, terminal, {}, []],
    ['a pipe', false, {}, {}, []],
    ['NO_COLOR', false, terminal, { NO_COLOR: '1' }, []],
    ['an empty NO_COLOR, which says nothing', true, terminal, { NO_COLOR: '' }, []],
    ['a dumb terminal', false, terminal, { TERM: 'dumb' }, []],
    ['--no-color', false, terminal, {}, ['show', '--no-color']],
  ]
  for (const [name, wants, stream, env, args] of colours)
    test(`${wants ? 'colours' : 'does not colour'} on ${name}`, () => {
      assert.equal(wantsColour(stream, env, args), wants)
    })
})

suite('output that goes on', () => {
  const well = { ...west, state: 'Ready' }
  const shown = (format: Format, tty: boolean) =>
    printed(
      (out) => {
        const live = out.live(format)
        for (const rows of [[east, west], [east, west], [east, well], [east]] as const) live.show([clusters(...rows)])
      },
      { tty },
    )

  const cases: readonly [string, Format, boolean, string][] = [
    [
      'in a pipe adds what changed',
      'table',
      false,
      'CLUSTER  STATE\neast     Ready\nwest     Silent\nCLUSTER  STATE\nwest     Ready\ncluster/west is gone\n',
    ],
    [
      'on a terminal is drawn anew when it differs',
      'table',
      true,
      [
        'CLUSTER  STATE\neast     Ready\nwest     Silent',
        'CLUSTER  STATE\neast     Ready\nwest     Ready',
        'CLUSTER  STATE\neast     Ready',
      ]
        .map((text) => `\x1b[H\x1b[J${text}\n`)
        .join(''),
    ],
    [
      'is a JSON document a line',
      'json',
      true,
      [[east, west], [east, well], [east]].map((rows) => `${JSON.stringify({ clusters: rows })}\n`).join(''),
    ],
    ['is the names of what changed', 'name', false, 'cluster/east\ncluster/west\ncluster/west\n'],
  ]
  for (const [name, format, tty, text] of cases)
    test(`as ${format} ${name}`, () => {
      assert.equal(shown(format, tty), text)
    })

  test('as yaml is a document a change', () => {
    assert.equal(shown('yaml', false).match(/^---$/gm)?.length, 3)
  })
})
