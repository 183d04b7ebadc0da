import assert from 'node:assert/strict'
import { PassThrough } from 'node:stream'
import { parse } from 'yaml'
import { settled } from '#lib/kube/controller.ts'
import { pods } from '#lib/kube/kinds.ts'
import type { Format, Output } from './output.ts'
import { formats, output } from './output.ts'
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

const stream = (tty: boolean) =>
  Object.assign(new PassThrough(), { isTTY: tty, columns: 80, rows: 24 }) as unknown as NodeJS.WriteStream
const textOf = (of: NodeJS.WriteStream) => (of.read() as Buffer | null)?.toString() ?? ''

/** What `use` prints to stdout. */
function printed(use: (out: Output) => void, { tty = false, colour = false } = {}): string {
  const [out, err] = [stream(tty), stream(tty)]
  use(output({ out, err, colour: { out: colour, err: colour } }))
  return textOf(out)
}

suite('output', () => {
  const wanted: Readonly<Record<Format, string>> = {
    table: 'CLUSTER  STATE\neast     Ready\nwest     Silent\n',
    wide: 'CLUSTER  STATE   NOTE\neast     Ready   -\nwest     Silent  a b\\x1b[31m\n',
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
    assert.equal(
      text,
      'CLUSTER  STATE   NOTE\neast     \x1b[32mReady\x1b[39m   -\nwest     \x1b[31mSilent\x1b[39m  a b\\x1b[31m\n',
    )
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

suite('what another cluster wrote does not speak to the terminal', () => {
  const planted = 'a\n✓ b\x1b]0;c\x07\x9b2J\u202ed\u200b'
  const spoken = /\x1b\]|\x07|\x9b|\u202e|\u200b/
  const facts = { [planted]: [planted] }
  const object = { apiVersion: 'v1', kind: 'Pod', metadata: { name: planted, annotations: { [planted]: planted } } }
  const rows = table('rows', [{ planted }], [{ title: 'A', cell: (row) => row.planted, tone: () => 'bad' }], planted)
  const inEvery = (print: (format: Format) => void) => formats.forEach(print)

  // A way out that is added is missed here.
  const ways: Readonly<Record<Exclude<keyof Output, 'script'>, (out: Output) => unknown>> = {
    result: (out) => inEvery((format) => out.result([{ text: planted, tone: 'bad' }], facts, format, [planted])),
    note: (out) => out.note(planted),
    warn: (out) => out.warn(planted),
    tables: (out) => inEvery((format) => out.tables([rows, { ...rows, rows: [] }], format)),
    live: (out) =>
      inEvery((format) => {
        const live = out.live(format)
        for (const shown of [rows, { ...rows, rows: [] }]) live.show([shown])
      }),
    manifests: (out) => inEvery((format) => out.manifests([object], format)),
    plan: (out) =>
      inEvery((format) => out.plan({ steps: [{ do: 'apply', kind: pods, object }], next: settled }, 'tombolo', format)),
    progress: (out) =>
      out.progress.step(planted, (say) => {
        say(planted)
        return Promise.reject(new Error(planted))
      }),
  }
  for (const [way, print] of Object.entries(ways))
    for (const tty of [true, false])
      test(`by ${way} ${tty ? 'on a terminal' : 'in a pipe'}`, async () => {
        const [out, err] = [stream(tty), stream(tty)]
        await Promise.resolve(print(output({ out, err, colour: { out: tty, err: tty } }))).catch(() => undefined)
        const text = textOf(out) + textOf(err)
        assert.match(text, /\\(x1b|e|u001b)\]0;c/)
        assert.doesNotMatch(text, spoken)
        assert.doesNotMatch(text, /^✓ b/m)
      })

  test('and what programs read is the same data', () => {
    assert.deepEqual(JSON.parse(printed((out) => out.result('', facts, 'json', []))), facts)
    assert.deepEqual(
      parse(
        printed((out) => out.result('', facts, 'yaml', [])),
        { version: '1.1' },
      ),
      facts,
    )
    assert.deepEqual(
      parse(
        printed((out) => out.manifests([object], 'yaml')),
        { version: '1.1' },
      ),
      object,
    )
  })
})
