// The guide names commands: each must be one, with the options that are named beside it.
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Command } from 'commander'
import { delays, obstacles } from '#broker/joins/admit.ts'
import { remarkTypes } from '#broker/joins/answer.ts'
import { allowed, modules } from '#cli/gather/allowed.ts'
import { program } from '#cli/program.ts'
import { leavesOf, quietSession } from '#cli/tree.ts'
import type { Leaf } from '#cli/tree.ts'
import { grantStates } from '#crds/join-grant.ts'
import { joinStates } from '#crds/join-request.ts'
import { memberStates } from '#crds/member.ts'
import { registryStates } from '#fleet/rows/registry.ts'
import type { Kind } from '#lib/kube/object.ts'
import { choiceStates } from '#crds/service-traffic-policy.ts'

const root = join(import.meta.dirname, '..')
const guide = join(root, 'docs', 'guide')
const pages = readdirSync(guide).filter((name) => name.endsWith('.md'))
const textOf = (page: string) => readFileSync(join(guide, page), 'utf8')

suite('the guide', () => {
  let tombolo: Command
  let leaves: readonly Leaf[]
  suiteSetup(async () => {
    tombolo = await program([], quietSession)
    leaves = leavesOf(tombolo)
  })

  for (const page of pages)
    test(`${page} names commands and options that there are`, () => {
      const named = [...textOf(page).matchAll(/(?:`|^)tombolo ((?:[a-z][^`\n]*)?)(?:`|$)/gm)].map(([, line = '']) =>
        // What comes behind a pipe is another command.
        line.replace(/ [#|].*/, ''),
      )
      for (const line of named) {
        const words = line.trim().split(/\s+/)
        const leaf = leaves.find(({ path }) => path.every((word, i) => words[i] === word))
        assert.ok(leaf, `${page}: there is no command "tombolo ${line}"`)
        const known = [...leaf.command.options, ...tombolo.options].flatMap(({ long, short }) => [long, short])
        for (const option of words.filter((word) => word.startsWith('-') && !['-', '--help'].includes(word)))
          assert.ok(known.includes(option), `${page}: "tombolo ${leaf.path.join(' ')}" has no ${option}`)
      }
    })

  test('links lead to files and headings that there are', () => {
    for (const page of pages)
      for (const [, target = ''] of textOf(page).matchAll(/\]\((?!https?:)([^)]+)\)/g)) {
        const [file = '', heading] = target.split('#')
        const path = file === '' ? join(guide, page) : join(dirname(join(guide, page)), file)
        if (heading === undefined)
          assert.ok(readdirSync(dirname(path)).includes(path.replace(/\/$/, '').split('/').at(-1) ?? ''), `${page}: ${target}`)
        else assert.ok(anchorsOf(readFileSync(path, 'utf8')).includes(heading), `${page}: ${target}`)
      }
  })

  test('joining.md has every state and reason of joining, membership and leaving', () => {
    const text = textOf('joining.md')
    const named = [
      ...[...grantStates, ...joinStates, ...memberStates, ...obstacles, ...delays, ...remarkTypes, ...registryStates],
      ...reasons.flatMap(([file, pattern]) => {
        const found = [...readFileSync(join(root, file), 'utf8').matchAll(pattern)].map(([, name = '']) => name)
        assert.ok(found.length > 0, `${file} has no reasons any more`)
        return found
      }),
    ]
    assert.deepEqual(
      [...new Set(named)].filter((name) => !text.includes(`\`${name}\``)),
      [],
    )
  })

  test('services.md has every state of a cluster and every reason of a traffic policy', () => {
    const text = textOf('services.md')
    const told = [
      ...readFileSync(join(root, 'operator/mcs/traffic-status.ts'), 'utf8').matchAll(/(?:reason: |told\(\s*)'(\w+)'/g),
    ]
    const reasons = told.flatMap(([, reason = '']) => (reason === 'Applied' ? [] : [reason]))
    assert.equal(reasons.length, 7)
    assert.deepEqual(
      [...choiceStates, ...reasons].filter((name) => !text.includes(`\`${name}\``)),
      [],
    )
  })

  test('every page is in the index, and every verb of subctl has its answer', () => {
    for (const page of pages) if (page !== 'README.md') assert.ok(textOf('README.md').includes(`](${page})`), page)
    const answers = anchorsOf(textOf('from-submariner.md')).join(' ')
    for (const verb of subctl) assert.ok(answers.includes(verb), `from-submariner.md has nothing of subctl ${verb}`)
    const own = leaves.map(({ path }) => path.join(' '))
    assert.deepEqual(
      own.filter(
        (command) => !textOf('from-submariner.md').includes(`tombolo ${command}`) && !/^(diagnose|show|verify) /.test(command),
      ),
      [],
    )
  })

  test('support-bundle.md names every kind that is taken, where it is', () => {
    const text = textOf('support-bundle.md')
    const rowOf = (module: string) => new RegExp(`^\\| \`${module}\` .*$`, 'm').exec(text)?.[0] ?? ''
    const isIn = (part: string, { plural }: Kind) => part.toLowerCase().includes(plural)
    const missing = allowed.flatMap(({ kind, modules: of }) =>
      of.length === modules.length
        ? isIn(/^All of them have .*$/m.exec(text)?.[0] ?? '', kind)
          ? []
          : [kind.kind]
        : of.filter((module) => !isIn(rowOf(module), kind)).map((module) => `${module}: ${kind.kind}`),
    )
    assert.deepEqual(missing, [])
  })
})

/** Where conditions get theirs as they are written. */
const reasons: readonly (readonly [file: string, reason: RegExp])[] = [
  ['broker/joins/answer.ts', /\b(ClockSkewed): /g],
  ['broker/joins/run.ts', /blocked\('(\w+)'/g],
  ['broker/members/plan.ts', /(?:reason: |overlapping = )'(\w+)'/g],
  ['operator/membership/status.ts', /(?:reason: |const type = )'(\w+)'/g],
  ['operator/install/leave.ts', /name: '([A-Z]\w+)'/g],
]

/** The verbs of subctl 0.19. */
const subctl = [
  'deploy-broker',
  'join',
  'export-service',
  'unexport-service',
  'show',
  'diagnose',
  'verify',
  'benchmark',
  'gather',
  'cloud-prepare',
  'cloud-cleanup',
  'uninstall',
  'upgrade',
  'recover-broker-info',
  'version',
]

/** As GitHub makes them. */
const anchorsOf = (text: string): readonly string[] =>
  [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\w\s-]/g, '')
      .replaceAll(' ', '-'),
  )
