// Every path that a README or the comment at the head of a file names is there: a sentence that sends a reader to nothing is untrue.
import assert from 'node:assert/strict'
import { readFileSync, readdirSync } from 'node:fs'
import { basename, dirname, join, relative } from 'node:path'

const root = join(import.meta.dirname, '..')

/** Folders with a `/` at their end, relative to the root. Without what is brought or made. */
const there = walk(root)

function walk(folder: string): readonly string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = relative(root, join(folder, entry.name))
    if (!entry.isDirectory()) return [path]
    return ['.git', 'node_modules', 'dist', 'coverage'].includes(entry.name) ? [] : [`${path}/`, ...walk(join(root, path))]
  })
}

/** From the root, from the folder of who names it, or, as in a README that walks through its room, the end of a path below that folder. */
function exists(path: string, folder: string): boolean {
  const below = folder === '.' ? '' : `${folder}/`
  const asFolder = path.endsWith('/') ? path : `${path}/`
  return there.some((file) =>
    [path, asFolder].some((p) => file === p || file === join(below, p) || (file.startsWith(below) && file.endsWith(`/${p}`))),
  )
}

const file = /^(?:[\w.-]+\/)*[\w-][\w.-]*\.(?:ts|mjs|md|ya?ml|txt|json)$/
const rooms = new Set(there.filter((path) => /^[^/]+\/$/.test(path)))
const isPath = (word: string): boolean =>
  file.test(word) || (/^[\w-]+(?:\/[\w.-]+)*\/?$/.test(word) && (word.endsWith('/') || rooms.has(`${word.split('/')[0]}/`)))

/** `code` that looks like a file, a folder or something in a room, and the targets of links. */
const namedInReadme = (text: string): readonly string[] => [
  ...[...text.matchAll(/`([^`\s]+)`/g)].map(([, word = '']) => word).filter((word) => word.includes('/') || file.test(word)),
  ...[...text.matchAll(/\]\(([^)#]+)[^)]*\)/g)].map(([, target = '']) => target),
]

/** With a folder before it: a bare name may be another project's, or that of a file on a node. */
const namedInHead = (text: string): readonly string[] =>
  (/^(?:#!.*\n)?(?:\/\/.*\n)+/.exec(text)?.[0] ?? '').split(/[\s`,;:()]+/).filter((word) => word.includes('/'))

const trimmed = (word: string): string => word.replace(/[.’']+s?$/, '')

suite('paths', () => {
  const readmes = there.filter((path) => basename(path) === 'README.md')
  const sources = there.filter((path) => /\.(ts|mjs)$/.test(path))
  for (const [what, files, named] of [
    ['README', readmes, namedInReadme],
    ['head of a file', sources, namedInHead],
  ] as const)
    test(`what a ${what} names is there`, () => {
      const words = files.flatMap((path) =>
        named(readFileSync(join(root, path), 'utf8'))
          .map(trimmed)
          .filter(isPath)
          .map((word) => ({ path, word })),
      )
      assert.notEqual(words.length, 0, 'no longer finds what it looks for')
      const untrue = words.filter(({ path, word }) => !exists(word, dirname(path)))
      assert.deepEqual(
        untrue.map(({ path, word }) => `${path} names ${word}`),
        [],
      )
    })
})
