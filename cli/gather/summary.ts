// The first page of a bundle: what is wrong at a glance, what is in it, what could not be read, and what is never in it.
import type { KubeObject } from '#lib/kube/object.ts'
import { keyOf, keyText } from '#lib/kube/object.ts'
import { printable } from '#lib/std/printable.ts'
import { renderTable, table } from '../output/table.ts'
import type { Missing } from './collect.ts'
import type { File } from './tar.ts'

export type Part = {
  readonly context: string
  readonly folder: string
  readonly objects: readonly KubeObject[]
  readonly missing: readonly Missing[]
}

const look = { format: 'table', headed: false, colour: false } as const

export function summary(parts: readonly Part[], modules: readonly string[], version: string, takenAt: Date): string {
  return [
    `Tombolo support bundle, ${takenAt.toISOString()}, tombolo ${version}, modules ${modules.join(', ')}`,
    ...parts.flatMap((part) => [
      '',
      `CLUSTER OF CONTEXT ${part.context} (folder ${part.folder})`,
      '',
      'Pods:',
      podTable(part.objects),
      '',
      'Conditions that are not well:',
      conditionTable(part.objects),
    ]),
    '',
  ].join('\n')
}

export function index(parts: readonly Part[], files: readonly File[]): string {
  const missing = parts.flatMap((part) => part.missing.map((m) => ({ ...m, context: part.context })))
  return [
    'What is in this bundle, by an allow-list of fields, logs and commands (cli/gather/allowed.ts):',
    ...files.map(({ path, text }) => `  ${path} (${Buffer.byteLength(text)} bytes)`),
    '',
    missing.length === 0 ? 'Everything that was asked for could be read.' : 'What could not be read:',
    ...missing.map(({ context, what, why }) => printable(`  ${context}: ${what}: ${why}`)),
    '',
    'Never in it: Secrets, environment and arguments of pods, annotations, labels that are not ours, private and pre-shared keys.',
    'What looks like a token, a key or a certificate is struck out wherever it stands: [redacted].',
    '',
  ].join('\n')
}

type PodPart = KubeObject & {
  readonly spec?: { readonly nodeName?: string }
  readonly status?: {
    readonly phase?: string
    readonly containerStatuses?: readonly { readonly ready?: boolean; readonly restartCount?: number; readonly image?: string }[]
  }
}

function podTable(objects: readonly KubeObject[]): string {
  const rows = objects.filter((o) => o.kind === 'Pod') as readonly PodPart[]
  const first = ({ status }: PodPart) => status?.containerStatuses?.[0]
  return renderTable(
    table(
      'pods',
      rows,
      [
        { title: 'POD', cell: (pod) => keyText(keyOf(pod)) },
        { title: 'NODE', cell: (pod) => pod.spec?.nodeName },
        { title: 'PHASE', cell: (pod) => pod.status?.phase },
        { title: 'READY', cell: (pod) => (first(pod)?.ready === true ? 'yes' : 'no') },
        { title: 'RESTARTS', cell: (pod) => first(pod)?.restartCount },
        { title: 'IMAGE', cell: (pod) => first(pod)?.image },
      ],
      'None.',
    ),
    look,
  )
}

type Condition = { readonly type?: string; readonly status?: string; readonly reason?: string; readonly message?: string }

/** Of kinds whose conditions say True when all is well. */
function conditionTable(objects: readonly KubeObject[]): string {
  const rows = objects
    .filter(({ apiVersion }) => /^(tombolo\.dev|multicluster\.x-k8s\.io|apps)\//.test(apiVersion))
    .flatMap((object) => {
      const { conditions = [] } = (object.status ?? {}) as { readonly conditions?: readonly Condition[] }
      return conditions
        .filter(({ type, status }) => !isWell(type, status))
        .map((c) => ({ object: `${object.kind} ${keyText(keyOf(object))}`, ...c }))
    })
  return renderTable(
    table(
      'conditions',
      rows,
      [
        { title: 'OBJECT', cell: (row) => row.object },
        { title: 'CONDITION', cell: (row) => `${row.type ?? ''}=${row.status ?? ''}` },
        { title: 'REASON', cell: (row) => row.reason },
        { title: 'MESSAGE', cell: (row) => row.message },
      ],
      'None.',
    ),
    look,
  )
}

const isWell = (type = '', status = ''): boolean =>
  /^(Conflict|Stalled|Progressing|ReplicaFailure|Overlap|Expired)$/.test(type)
    ? type === 'Progressing' || status === 'False'
    : status === 'True'
