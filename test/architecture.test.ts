// The import table, held exactly: who may import whom, and which file may touch what of Node.
import assert from 'node:assert/strict'
import { readFileSync, readdirSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'

const root = join(import.meta.dirname, '..')

/** Folder (longest prefix wins) → what its files may import besides their own folder. */
const mayImport: Readonly<Record<string, readonly string[]>> = {
  'lib/std': [],
  'lib/net': ['lib/std'],
  'lib/kube': ['lib/std'],
  'lib/host': ['lib/net', 'lib/std'],
  'lib/serve': ['lib/std', 'lib/kube/runs.ts'],
  'lib/identity': ['lib/net', 'lib/std'],
  'lib/pki': ['lib/std'],
  crds: ['lib/identity', 'lib/net', 'lib/pki', 'lib/std', 'lib/kube/object.ts'],
  // Its version, which members' are compared with.
  broker: ['crds', 'lib/identity', 'lib/kube', 'lib/net', 'lib/pki', 'lib/std', 'package.json'],
  dns: ['crds', 'lib/kube', 'lib/net', 'lib/std'],
  // The merge and what is taken are one function each for all who must come to the same verdict; what a token, an admission policy and a node's routes look like
  // is known where they are made.
  fleet: [
    'crds',
    'lib/identity',
    'lib/kube',
    'lib/net',
    'lib/std',
    'lib/host/ip.ts',
    'operator/mcs/merge.ts',
    'operator/mcs/import-from.ts',
    'operator/mcs/traffic-default.ts',
    'operator/joining/credentials.ts',
    'operator/install/corefile.ts',
    'broker/install/policy.ts',
    'gateway/data-plane.ts',
  ],
  gateway: ['crds', 'lib/identity', 'lib/kube', 'lib/host', 'lib/net', 'lib/pki', 'lib/std'],
  operator: [
    'crds',
    'lib/identity',
    'lib/kube',
    'lib/net',
    'lib/std',
    // What is not routed is not imported: one function for both.
    'gateway/admission.ts',
    'gateway/config.ts',
    'gateway/agent/config.ts',
    'dns/config.ts',
    // Its version is the package's; the bundler writes it in.
    'package.json',
  ],
  cli: ['fleet', 'operator/install', 'operator/joining', 'broker/install', 'crds', 'lib'],
  hack: ['*'],
  test: ['*'],
}

/** A binary's entry wires everything, so it may also serve. */
const entry = /(^|\/)([a-z]+-)?main\.ts$/
const entryExtra = ['lib/serve']

/** Modules of the outside world → the only places that may import them. Developer tools and tests are free. */
const doors: Readonly<Record<string, readonly string[]>> = {
  'node:child_process': ['lib/host'],
  'node:https': ['lib/kube'],
  'node:http': ['lib/serve', 'lib/kube'],
  'node:net': ['lib/host', 'lib/net', 'gateway/path', 'dns'],
  'node:dgram': ['gateway/pulse', 'gateway/path', 'dns'],
  'node:tls': ['gateway/path', 'lib/kube'],
  '@kubernetes/client-node': ['lib/kube/kubeconfig.ts'],
  undici: [],
}

const files = sources(root).filter((path) => !path.endsWith('.test.ts'))
const imports = new Map(files.map((path) => [path, importsOf(path)]))

suite('architecture', () => {
  test('a folder imports only what the table grants it', () => {
    const wrong = files.flatMap((path) =>
      (imports.get(path) ?? []).filter((to) => to.local && !granted(path, to.target)).map((to) => `${path} → ${to.target}`),
    )
    assert.deepEqual(wrong, [])
  })

  test('nobody imports an entry point', () => {
    const wrong = files.flatMap((path) =>
      (imports.get(path) ?? []).filter((to) => to.local && entry.test(to.target)).map((to) => `${path} → ${to.target}`),
    )
    assert.deepEqual(wrong, [])
  })

  test('the outside world is touched only through its door', () => {
    const wrong = files
      .filter((path) => !/^(hack|test)\//.test(path))
      .flatMap((path) =>
        (imports.get(path) ?? [])
          .filter(
            (to) => !to.local && doors[to.target] !== undefined && !(doors[to.target] ?? []).some((door) => within(path, door)),
          )
          .map((to) => `${path} → ${to.target}`),
      )
    assert.deepEqual(wrong, [])
  })

  test('only entry points and developer tools read the environment', () => {
    const wrong = files.filter(
      (path) =>
        !entry.test(path) && !/^(hack|test)\//.test(path) && /process\.env\b/.test(readFileSync(join(root, path), 'utf8')),
    )
    assert.deepEqual(wrong, [])
  })

  test('what the command prints goes through cli/output, where nothing of others speaks to the terminal', () => {
    const wrong = files.filter(
      (path) =>
        path.startsWith('cli/') && !entry.test(path) && /process\.std(out|err)\b/.test(readFileSync(join(root, path), 'utf8')),
    )
    assert.deepEqual(wrong, [])
  })

  for (const daemon of ['operator/main.ts', 'broker/main.ts', 'dns/main.ts', 'gateway/main.ts', 'gateway/agent-main.ts']) {
    test(`${daemon} loads neither client-node nor undici, not even through others`, () => {
      const heavy = [...reach(daemon)].filter((path) =>
        (imports.get(path) ?? []).some((to) => ['@kubernetes/client-node', 'undici'].includes(to.target)),
      )
      assert.deepEqual(heavy, [])
    })
  }

  test('every room has a README of at most 15 lines of text', () => {
    for (const room of new Set(
      files.map((path) =>
        path
          .split('/')
          .slice(0, path.startsWith('lib/') ? 2 : 1)
          .join('/'),
      ),
    ))
      if (!room.includes('.'))
        assert.ok(
          readFileSync(join(root, room, 'README.md'), 'utf8')
            .trim()
            .split('\n').length <= 15,
          room,
        )
  })

  test('every file opens with a comment that says what it is', () => {
    const silent = files.filter((path) => !/^(#!.*\n)?\s*(\/\/|\/\*)/.test(readFileSync(join(root, path), 'utf8')))
    assert.deepEqual(silent, [])
  })
})

type Import = { readonly target: string; readonly local: boolean }

function importsOf(path: string): readonly Import[] {
  const text = readFileSync(join(root, path), 'utf8')
  const specifiers = [
    ...text.matchAll(/^\s*(?:import|export)\b[^'"`;]*?from\s+'([^']+)'/gm),
    ...text.matchAll(/\bimport\(\s*'([^']+)'\s*\)/g),
    ...text.matchAll(/^import\s+'([^']+)'/gm),
  ]
  return specifiers.map(([, specifier = '']) => {
    if (specifier.startsWith('#')) return { target: specifier.slice(1), local: true }
    if (specifier.startsWith('.')) return { target: join(dirname(path), specifier), local: true }
    return { target: specifier, local: false }
  })
}

function granted(path: string, target: string): boolean {
  const home = Object.keys(mayImport)
    .filter((folder) => within(path, folder))
    .sort((a, b) => b.length - a.length)[0]
  if (home === undefined) return false
  const allowed = [home, ...(mayImport[home] ?? []), ...(entry.test(path) ? entryExtra : [])]
  return allowed.some((folder) => folder === '*' || within(target, folder))
}

function reach(from: string, seen = new Set<string>()): Set<string> {
  if (seen.has(from)) return seen
  seen.add(from)
  for (const to of imports.get(from) ?? []) if (to.local) reach(to.target, seen)
  return seen
}

function within(path: string, folder: string): boolean {
  return path === folder || path.startsWith(`${folder}/`)
}

function sources(folder: string): readonly string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) return ['node_modules', 'dist', '.git', 'coverage'].includes(entry.name) ? [] : sources(path)
    return entry.name.endsWith('.ts') ? [relative(root, path)] : []
  })
}
