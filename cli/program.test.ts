import assert from 'node:assert/strict'
import type { Command } from 'commander'
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

  test('help has the exit codes', () => {
    const help = helpOf(root)
    for (const { code, means } of exitCodes) assert.match(help, new RegExp(`^ {2}${code} +${means}$`, 'm'))
  })

  test('a command that is named is the only one loaded; with none, or one that is not there, all are', async () => {
    const names = async (...args: readonly string[]) => (await program(args, quietSession)).commands.map((c) => c.name())
    assert.deepEqual(await names('--verbose', 'version', '-o', 'json'), ['version'])
    assert.deepEqual(await names('shwo'), await names())
    assert.deepEqual(await names('help', 'version'), await names())
  })
})
