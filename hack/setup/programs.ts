// The programs of the rig that no distribution carries in the version we want: built by Go from the wrapper modules beside this file,
// whose go.mod and go.sum pin every version and hash, or taken ready-made from $TOMBOLO_ASSETS.
import { existsSync, mkdirSync, readFileSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { cachePath, keyOf, makeFolder } from './cache.ts'
import { buildByGo, goTool } from './go.ts'
import type { Say } from './progress.ts'
import { step } from './progress.ts'
import { Refusal } from './refusal.ts'

interface Module {
  readonly name: string
  /** Program → the package that builds it. */
  readonly programs: Readonly<Record<string, string>>
  readonly tags?: string
  readonly ldflags?: string
  /** With an empty Go cache: on a quiet machine, and on two cores with other work on them. */
  readonly expect: string
}

const stamp = (name: string, value: string) => `-X k8s.io/component-base/version.${name}=${value}`

const modules = [
  {
    name: 'wireguard',
    programs: { wireguard: 'golang.zx2c4.com/wireguard' },
    expect: 'a few seconds',
  },
  {
    name: 'etcd',
    programs: { etcd: 'go.etcd.io/etcd/server/v3' },
    expect: 'about 30 s',
  },
  {
    name: 'kubernetes',
    programs: {
      'kube-apiserver': 'k8s.io/kubernetes/cmd/kube-apiserver',
      'kube-controller-manager': 'k8s.io/kubernetes/cmd/kube-controller-manager',
      'kube-proxy': 'k8s.io/kubernetes/cmd/kube-proxy',
      'kube-scheduler': 'k8s.io/kubernetes/cmd/kube-scheduler',
      kubectl: 'k8s.io/kubernetes/cmd/kubectl',
      kubelet: 'k8s.io/kubernetes/cmd/kubelet',
    },
    // Clients compare versions: a build from the module alone would call itself v0.0.0-master.
    ldflags: [
      stamp('gitVersion', 'v1.37.2'),
      stamp('gitMajor', '1'),
      stamp('gitMinor', '37'),
      stamp('gitTreeState', 'clean'),
    ].join(' '),
    expect: '4 to 14 min',
  },
  {
    name: 'containerd',
    programs: {
      containerd: 'github.com/containerd/containerd/v2/cmd/containerd',
      ctr: 'github.com/containerd/containerd/v2/cmd/ctr',
      'containerd-shim-runc-v2': 'github.com/containerd/containerd/v2/cmd/containerd-shim-runc-v2',
    },
    tags: 'no_btrfs no_devmapper no_zfs',
    expect: 'about 1 min',
  },
  {
    name: 'coredns',
    programs: { coredns: 'github.com/coredns/coredns' },
    expect: '2 to 5 min',
  },
] as const satisfies readonly Module[]

export type Program =
  | 'wireguard'
  | 'etcd'
  | 'kube-apiserver'
  | 'kube-controller-manager'
  | 'kube-proxy'
  | 'kube-scheduler'
  | 'kubectl'
  | 'kubelet'
  | 'containerd'
  | 'ctr'
  | 'containerd-shim-runc-v2'
  | 'coredns'

/** Where a program lies when set-up is done. */
export function programPath(program: Program): string {
  const given = givenAssets()
  if (given !== undefined) return join(given, 'bin', program)
  const module = moduleOf(program)
  return join(folderOf(module), 'bin', program)
}

/** What changes when another build of the program would be used. */
export const programVersion = (program: Program): string =>
  givenAssets() === undefined ? folderKey(moduleOf(program)) : `given-${keyOf(readFileSync(programPath(program)))}`

/** True when nothing has to be built any more. */
export function programsDone(): boolean {
  const given = givenAssets()
  return given === undefined ? modules.every((module) => existsSync(folderOf(module))) : missingFrom(given).length === 0
}

/** Builds what is missing. Refuses with the remedy when there is nothing to build with, or no way to the sources. */
export async function buildPrograms(say: Say, signal: AbortSignal): Promise<void> {
  const given = givenAssets()
  if (given !== undefined) {
    checkGiven(given)
    return
  }
  const todo = modules.filter((module) => !existsSync(folderOf(module)))
  if (todo.length === 0) return
  const go = await goTool(need, say, signal)
  for (const module of todo)
    await step(`build ${Object.keys(module.programs).join(', ')}`, module.expect, say, () => build(module, go, signal))
}

const need = {
  what: 'Kubernetes, etcd, containerd and CoreDNS',
  otherwise: 'set TOMBOLO_ASSETS to a folder whose bin/ holds the programs',
}

const moduleFolder = (module: Module) => join(import.meta.dirname, 'modules', module.name)

const flagsOf = (module: Module): readonly string[] => [
  '-mod=readonly',
  '-trimpath',
  '-buildvcs=false',
  `-tags=${module.tags ?? ''}`,
  `-ldflags=-s -w ${module.ldflags ?? ''}`.trimEnd(),
]

const folderKey = (module: Module): string => {
  const sources = ['go.mod', 'go.sum', 'tools.go'].map((file) => readFileSync(join(moduleFolder(module), file)))
  return `${module.name}-${keyOf(process.arch, flagsOf(module).join(' '), ...sources)}`
}

const folderOf = (module: Module): string => cachePath('assets', folderKey(module))

async function build(module: Module, go: string, signal: AbortSignal): Promise<void> {
  await makeFolder(folderOf(module), async (partial) => {
    const bin = join(partial, 'bin')
    mkdirSync(bin)
    const packages = Object.values(module.programs)
    await buildByGo(go, ['build', ...flagsOf(module), '-o', `${bin}/`, ...packages], moduleFolder(module), signal)
    // Go names a program after the last word of its package's path that is not a version.
    for (const [program, path] of Object.entries(module.programs)) {
      const made =
        path
          .replace(/\/v\d+$/, '')
          .split('/')
          .at(-1) ?? program
      if (made !== program) renameSync(join(bin, made), join(bin, program))
    }
  })
}

/** True when the programs come from $TOMBOLO_ASSETS and nothing is built. */
export const assetsGiven = (): boolean => givenAssets() !== undefined

function givenAssets(): string | undefined {
  const given = process.env.TOMBOLO_ASSETS
  return given === undefined || given === '' ? undefined : given
}

const missingFrom = (folder: string): readonly string[] =>
  modules.flatMap((module) => Object.keys(module.programs)).filter((name) => !existsSync(join(folder, 'bin', name)))

function checkGiven(folder: string): void {
  const missing = missingFrom(folder)
  if (missing.length > 0)
    throw new Refusal(`TOMBOLO_ASSETS is ${folder}, but its bin/ lacks ${missing.join(', ')}: add them, or unset TOMBOLO_ASSETS.`)
}

function moduleOf(program: Program): Module {
  const found = modules.find((module: Module) => program in module.programs)
  if (found === undefined) throw new Error(`no module builds ${program}`)
  return found
}
