// What `npm run conformance` was asked for, made whole or refused, and what the suite is told of it.
import { extname, resolve } from 'node:path'
import type { Result } from '#lib/std/result.ts'
import { invalid, ok } from '#lib/std/result.ts'

/** Options as they were typed. */
export type Asked = {
  readonly suite?: string
  readonly contexts?: string
  readonly kubeconfig?: string
  readonly report?: readonly string[]
  readonly focus?: string
}

/** A file for the suite's report, in the format that its name ends in. */
export type Report = { readonly file: string; readonly format: 'yaml' | 'html' }

export type Plan = {
  readonly suite: string
  /** A rig is two clusters on this machine, for as long as the suite runs. */
  readonly on: { readonly kind: 'rig' } | ({ readonly kind: 'contexts' } & Contexts)
  readonly reports: readonly Report[]
  readonly focus: string | undefined
}

/** The first is the one that exports. `kubeconfig` undefined: $KUBECONFIG, then ~/.kube/config. */
export type Contexts = { readonly names: readonly string[]; readonly kubeconfig: string | undefined }

export const howToGetSuite =
  'a checkout of https://github.com/kubernetes-sigs/mcs-api, as git clone makes it, or the program that go test -c makes of its folder conformance'

/** Paths become absolute, as the suite runs in a folder of its own. */
export function planOf(asked: Asked): Result<Plan> {
  const { suite, contexts, kubeconfig, report = [], focus } = asked
  if (suite === undefined || suite === '') return invalid('--suite', '', howToGetSuite)
  const names = contexts?.split(',').map((name) => name.trim())
  if (names === undefined && kubeconfig !== undefined)
    return invalid('--kubeconfig', kubeconfig, 'also --contexts, as without it two clusters are made here')
  if (names !== undefined && (names.length < 2 || names.includes('') || new Set(names).size !== names.length))
    return invalid('--contexts', contexts ?? '', 'two different contexts, such as east,west: the first one exports')
  const reports: Report[] = []
  for (const file of report) {
    const format = formats[extname(file)]
    if (format === undefined) return invalid('--report', file, 'a name that ends in .yaml or .html: the suite writes both')
    reports.push({ file: resolve(file), format })
  }
  return ok({
    suite: resolve(suite),
    on:
      names === undefined
        ? { kind: 'rig' }
        : { kind: 'contexts', names, kubeconfig: kubeconfig === undefined ? undefined : resolve(kubeconfig) },
    reports,
    focus,
  })
}

const formats: Readonly<Record<string, Report['format']>> = { '.yaml': 'yaml', '.yml': 'yaml', '.html': 'html' }

/** What the suite's program is started with. `version`: of Tombolo in these clusters, for the report. */
export const argsOf = ({ names, kubeconfig }: Contexts, version: string, focus: string | undefined): readonly string[] => [
  `-contexts=${names.join(',')}`,
  ...(kubeconfig === undefined ? [] : [`-kubeconfig=${kubeconfig}`]),
  '-project=Tombolo',
  `-version=${version}`,
  // Said while it happens: what has run, and which namespaces are there.
  '-ginkgo.v',
  '-ginkgo.no-color',
  ...(focus === undefined ? [] : [`-ginkgo.focus=${focus}`]),
]
