// `tombolo gather`: a support bundle that can be handed to a stranger. It holds what an allow-list names and nothing else.
import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { InvalidArgumentError } from 'commander'
import { openCluster } from '../cluster/cluster.ts'
import type { Module } from '../gather/allowed.ts'
import { modules } from '../gather/allowed.ts'
import { collect } from '../gather/collect.ts'
import { redact } from '../gather/redact.ts'
import type { Part } from '../gather/summary.ts'
import { index, summary } from '../gather/summary.ts'
import type { File } from '../gather/tar.ts'
import { tarball } from '../gather/tar.ts'
import { failed, Problem, refused } from '../problem.ts'
import type { AddCommand, CommonOptions, Session } from './command.ts'
import { commonOptions } from './command.ts'

type Options = CommonOptions & {
  readonly contexts?: readonly string[]
  readonly module: readonly Module[]
  readonly dir?: string
}

export const addGather: AddCommand = (program, session) => {
  const command = program
    .command('gather')
    .summary('make a support bundle')
    .description(
      'Writes objects, logs and network facts of clusters into one archive, from an allow-list: no Secret is read, no private key leaves\na node, and what looks like a token is struck out. What cannot be read is named in index.txt, and the exit code is 1.',
    )
    .option('--contexts <names>', 'kubeconfig contexts, separated by "," (default: that of --context)', nameList)
    .option('--module <modules>', `only these, separated by ",": ${modules.join(', ')}`, moduleList, modules)
    .option('--dir <folder>', 'write a folder instead of an archive: a new one, or an empty one')
    .addHelpText(
      'after',
      `
Examples:
  tombolo gather --context east
  tombolo gather --contexts hub,east,west --dir /tmp/bundle
  tombolo gather --context east --module connectivity,operator`,
    )
    .action((options: Options) => run(options, session))
  commonOptions(command)
}

const nameList = (text: string): readonly string[] => text.split(',').filter((name) => name !== '')

function moduleList(text: string): readonly Module[] {
  const wrong = nameList(text).filter((name) => !(modules as readonly string[]).includes(name))
  if (wrong.length > 0) throw new InvalidArgumentError(`${wrong.join(', ')}: the modules are ${modules.join(', ')}.`)
  return modules.filter((name) => nameList(text).includes(name))
}

async function run(options: Options, session: Session): Promise<void> {
  const { output, signal, version } = session
  const takenAt = new Date()
  if (options.dir !== undefined) await checkEmpty(options.dir)
  const parts: (Part & { readonly files: readonly File[] })[] = []
  const unreached: unknown[] = []
  for (const context of options.contexts ?? [options.context]) {
    try {
      parts.push(await gatherFrom(context, options, session))
    } catch (error) {
      if (signal.aborted || !(error instanceof Problem) || error.exitCode === 2) throw error
      unreached.push(error)
      const name = context ?? ''
      parts.push({
        context: name,
        folder: folderOf(name),
        objects: [],
        files: [],
        missing: [{ what: 'the cluster', why: redact(error.message) }],
      })
    }
  }
  if (unreached.length === parts.length) throw unreached[0]
  const files = parts.flatMap((part) => part.files.map(({ path, text }) => ({ path: `${part.folder}/${path}`, text })))
  const pages = [
    { path: 'summary.txt', text: summary(parts, options.module, version, takenAt) },
    { path: 'index.txt', text: index(parts, files) },
  ]
  const stamp = takenAt.toISOString().replaceAll(/[-:]|\..*/g, '')
  const name = `tombolo-${stamp}`
  const where = options.dir ?? `${name}.tar.gz`
  const all = [...pages, ...files]
  if (options.dir === undefined)
    await writeNew(
      where,
      tarball(
        all.map(({ path, text }) => ({ path: `${name}/${path}`, text })),
        takenAt,
      ),
    )
  else await writeFolder(options.dir, all)
  const missing = parts.flatMap((part) => part.missing.map((m) => ({ context: part.context, ...m })))
  output.result(
    `${where}: ${all.length} files from ${parts.map((part) => part.context).join(', ')}. Start with summary.txt.`,
    {
      bundle: where,
      contexts: parts.map((part) => part.context),
      modules: options.module,
      files: all.map(({ path }) => path),
      missing,
    },
    options.output,
    [`bundle/${where}`],
  )
  if (missing.length > 0)
    throw failed(
      `${missing.length} of what was asked for could not be read, the first: ${missing[0]?.what ?? ''} of ${missing[0]?.context ?? ''}: ${missing[0]?.why ?? ''}`,
      'The bundle has the rest; its index.txt names each with the reason.',
    )
}

async function gatherFrom(context: string | undefined, { kubeconfig, module }: Options, { output, signal }: Session) {
  await using cluster = await openCluster({ context, kubeconfig })
  const gathered = await output.progress.step(`Gathering from ${cluster.context}`, (say) => collect(cluster, module, say, signal))
  return { ...gathered, context: cluster.context, folder: folderOf(cluster.context) }
}

/** Contexts of clouds have names with slashes and colons. */
const folderOf = (context: string): string => context.replaceAll(/[^\w.-]+/g, '_').replace(/^\.+/, '_')

async function checkEmpty(folder: string): Promise<void> {
  const found = await readdir(folder).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw refused(`${folder} cannot be used: ${(error as Error).message}.`, 'Choose another folder with --dir.')
  })
  if (found.length > 0)
    throw refused(`${folder} is not empty.`, 'Choose a new folder with --dir, so that no old bundle gets mixed in.')
}

async function writeFolder(folder: string, files: readonly File[]): Promise<void> {
  for (const { path, text } of files) {
    const at = join(folder, path)
    await mkdir(dirname(at), { recursive: true, mode: 0o700 })
    await writeNew(at, text)
  }
}

/** Never what is there: its mode would stay, and a link of somebody else's would lead the bundle to a place of his. */
async function writeNew(path: string, content: string | Uint8Array): Promise<void> {
  try {
    await writeFile(path, content, { mode: 0o600, flag: 'wx' })
  } catch (error) {
    throw failed(`${path} cannot be written: ${(error as Error).message}.`, 'Choose a new folder with --dir.', error)
  }
}
