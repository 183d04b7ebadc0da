import assert from 'node:assert/strict'
import type { Command } from 'commander'
import { inProcess } from '#test/kit/in-process.ts'
import { kubeconfig } from '#test/kit/kubeconfig.ts'
import type { Kubeconfig } from '#test/kit/kubeconfig.ts'
import { formats } from './output/output.ts'
import { exitCodes } from './problem.ts'
import { program } from './program.ts'
import { helpOf, leavesOf, quietSession } from './tree.ts'

/** Prints a script for a shell, which has one form. */
const printsOneForm = ['completion']

suite('the command tree', () => {
  let root: Command
  suiteSetup(async () => {
    root = await program([], quietSession)
  })

  test('every command says what it does, shows how, and prints in every format', () => {
    const leaves = leavesOf(root)
    assert.ok(leaves.length >= 7)
    for (const { path, command } of leaves) {
      const name = path.join(' ')
      assert.ok(command.summary().length > 0, `${name} has no summary`)
      assert.ok(command.description().length > command.summary().length, `${name} has no description`)
      const help = helpOf(command)
      assert.match(help, /\nExamples?:\n {2}tombolo /, `${name} shows no examples`)
      for (const [, example = ''] of help.matchAll(/^ {2}(tombolo .*)$/gm))
        assert.ok(example.includes(`tombolo ${name}`), `an example of ${name} is of something else: ${example}`)
      const output = command.options.find((option) => option.long === '--output')
      assert.deepEqual(output?.argChoices, printsOneForm.includes(name) ? undefined : formats, `${name} -o`)
    }
  })

  test('every option says what it is for', () => {
    for (const { path, command } of leavesOf(root))
      for (const option of command.options) assert.ok(option.description.length > 0, `${path.join(' ')} ${option.flags}`)
  })

  test('the help of each command has the exit codes', () => {
    for (const command of [root, ...leavesOf(root).map((leaf) => leaf.command)]) {
      const help = helpOf(command)
      for (const { code, means } of exitCodes) assert.match(help, new RegExp(`^ {2}${code} +${means}$`, 'm'), command.name())
    }
  })

  test('a command that is named is the only one loaded; with none, or one that is not there, all are', async () => {
    const names = async (...args: readonly string[]) => (await program(args, quietSession)).commands.map((c) => c.name())
    assert.deepEqual(await names('--verbose', 'version', '-o', 'json'), ['version'])
    assert.deepEqual(await names('shwo'), await names())
    assert.deepEqual(await names('help', 'version'), await names())
  })
})

/** Values for what a command cannot do without, by the name that help gives it. */
const placeholders: Readonly<Record<string, string>> = {
  'cluster-id': 'east',
  name: 'web',
  node: 'east-1',
  source: 'shop/client',
  destination: 'web.shop',
  '--to-context': 'west',
  '--image': 'registry.example.org/tombolo:1',
}
/** It reads its grant first, and without one nothing else. */
const readsFirst = ['join']

suite('a mistake of who types', () => {
  let config: Kubeconfig
  let root: Command
  suiteSetup(async () => {
    root = await program([], quietSession)
    // Nobody listens there.
    config = await kubeconfig({ east: 'https://127.0.0.1:1', west: 'https://127.0.0.1:1' })
  })
  suiteTeardown(() => config[Symbol.asyncDispose]())

  const typed = ({ path, command }: { readonly path: readonly string[]; readonly command: Command }): readonly string[] => [
    ...path,
    ...command.registeredArguments.filter((a) => a.required).map((a) => placeholders[a.name()] ?? assert.fail(a.name())),
    ...command.options
      .filter((o) => o.mandatory && o.defaultValue === undefined)
      .flatMap(({ long }) => [long ?? '', placeholders[long ?? ''] ?? assert.fail(long)]),
  ]
  const asksACluster = (command: Command) => command.options.some(({ long }) => long === '--kubeconfig')

  const mistakes: readonly {
    readonly what: string
    readonly args: () => readonly string[]
    readonly code: number
    readonly says: RegExp
    readonly of?: (command: Command, name: string) => boolean
  }[] = [
    {
      what: 'an option that there is none of',
      args: () => ['--no-such-option'],
      code: 2,
      says: /unknown option '--no-such-option'/,
    },
    {
      what: 'a word too many',
      args: () => ['one', 'two', 'three'],
      code: 2,
      says: /too many arguments|Allowed choices|is invalid/,
    },
    {
      what: 'a format that there is none of',
      args: () => ['-o', 'xml'],
      code: 2,
      says: /Allowed choices are table, wide, json, yaml, name/,
      of: (_, name) => !printsOneForm.includes(name),
    },
    {
      what: 'a context that the kubeconfig has not',
      args: () => ['--kubeconfig', config.path, '--context', 'nobody'],
      code: 2,
      says: /^error: .*\n {2}\S/m,
      of: asksACluster,
    },
    {
      what: 'a kubeconfig that is not there',
      args: () => ['--kubeconfig', '/nonexistent/config'],
      code: 2,
      says: /^error: .*\n {2}\S/m,
      of: asksACluster,
    },
    {
      what: 'a cluster that is not there',
      args: () => ['--kubeconfig', config.path, '--context', 'east'],
      code: 3,
      says: /^error: The apiserver of context "(east|west)" .*cannot be reached.*\n {2}Check that it runs/m,
      of: (command, name) => asksACluster(command) && !readsFirst.includes(name),
    },
  ]
  for (const { what, args, code, says, of = () => true } of mistakes)
    test(`${what} is told in a sentence by every command, with exit code ${code} and no stack`, async () => {
      for (const leaf of leavesOf(root)) {
        const name = leaf.path.join(' ')
        if (!of(leaf.command, name)) continue
        const ran = await inProcess([...typed(leaf), ...args()])
        assert.equal(ran.code, code, `${name}: ${ran.err}`)
        assert.match(ran.err, says, name)
        assert.equal(ran.out, '', name)
        assert.doesNotMatch(ran.err, /^ {4}at |not-to-be-shown/m, name)
      }
    })

  const ofOne: readonly (readonly [line: string, says: RegExp])[] = [
    ['verify --context east --to-context east', /Both clusters are the same\.\n {2}Name two clusters/],
    ['benchmark --context east --to-context east', /Both clusters are the same\.\n {2}Name two clusters/],
    ['benchmark --to-context east --connections 0', /a whole number from 1 to 64/],
    ['deploy-broker --dry-run', /'--image <image>' not specified/],
    ['join --image :latest', /the name of an image, e\.g\. registry\.example\.org/],
    ['benchmark --to-context east --seconds soon', /a number of seconds greater than 0/],
    ['verify gateway-failover --to-context east', /kills the active gateway of "east".*\n {2}.*--disruptive/],
  ]
  for (const [line, says] of ofOne)
    test(`tombolo ${line}: refused before any cluster is asked`, async () => {
      const ran = await inProcess([...line.split(' '), '--kubeconfig', config.path])
      assert.equal(ran.code, 2, ran.err)
      assert.match(ran.err, says)
    })
})
