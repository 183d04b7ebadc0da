// Everything of one cluster that a support bundle may hold. What cannot be read is named with its reason, and the rest is read all
// the same: a bundle is asked for when things are broken.
import { componentLabel } from '#crds/places.ts'
import type { Connection } from '#lib/kube/connection.ts'
import { isNotFound } from '#lib/kube/errors.ts'
import { exec } from '#lib/kube/exec.ts'
import type { Pod } from '#lib/kube/kinds.ts'
import { pods } from '#lib/kube/kinds.ts'
import type { Kind, KubeObject, Where } from '#lib/kube/object.ts'
import { keyOf, keyText, pathOf } from '#lib/kube/object.ts'
import { yaml } from '#lib/kube/yaml.ts'
import type { Cluster } from '../cluster/cluster.ts'
import type { Say } from '../cluster/until.ts'
import type { Allowed, Module } from './allowed.ts'
import { allowed, commands, componentsOf, labelPrefixes, metadataFields } from './allowed.ts'
import { allowedLog } from './log-text.ts'
import { pick } from './pick.ts'
import { redact } from './redact.ts'
import type { File } from './tar.ts'

export type Missing = { readonly what: string; readonly why: string }
export type Gathered = {
  readonly files: readonly File[]
  readonly missing: readonly Missing[]
  readonly objects: readonly KubeObject[]
}

/** The newest lines of each container, and at most so many bytes. */
const logLimits = { tailLines: 20_000, limitBytes: 4_000_000 }
const commandLimits = { ms: 15_000, mostBytes: 4_000_000 }
const mostObjects = 5000
const atOnce = 6

/** Throws only when the cluster cannot be reached at all. */
export async function collect(cluster: Cluster, wanted: readonly Module[], say: Say, signal: AbortSignal): Promise<Gathered> {
  const version = await cluster.kube.request({ method: 'GET', path: '/version' }, signal)
  const missing: Missing[] = []
  const attempt = async <T>(what: string, work: () => Promise<T>): Promise<T | undefined> => {
    say(what)
    try {
      return await work()
    } catch (error) {
      signal.throwIfAborted()
      missing.push({ what, why: redact(error instanceof Error ? error.message : String(error)) })
      return undefined
    }
  }

  const lists = await inParallel(
    allowed.filter((a) => a.modules.some((m) => wanted.includes(m))),
    ({ kind, where = [{}], fields }) =>
      attempt(kind.plural, async () => ({
        kind,
        objects: (await readAll(cluster, kind, where, signal)).map((o) => allowedPart(o, fields)),
      })),
  )
  const found = lists.filter((list) => list !== undefined && list.objects.length > 0) as readonly Listed[]
  const objects = found.flatMap((list) => list.objects)
  const known = new Set(publicKeysIn(objects))
  const file = (path: string, text: string): File => ({ path, text: redact(text, known) })

  const ours = ((await attempt('pods', () => readAll(cluster, pods, whereOf(pods), signal))) ?? []) as readonly Pod[]
  const components = wanted.flatMap((m) => componentsOf[m])
  const logs = await inParallel(ours.filter((pod) => components.includes(componentOf(pod))).flatMap(logsOf), async (log) => {
    const text = await attempt(`log of ${log.name}`, () => readLog(cluster, log, signal))
    return text === undefined ? [] : [file(`logs/${log.name}.log`, allowedLog(text))]
  })
  const facts = await inParallel(
    wanted.includes('connectivity') ? ours.flatMap(commandsOf) : [],
    async ({ pod, container, command }) => {
      const name = `${pod.spec?.nodeName ?? ''}/${command.join(' ').replaceAll(/[^\w.-]+/g, '_')}`
      const text = await attempt(`${command.join(' ')} on ${pod.spec?.nodeName ?? ''}`, () =>
        runIn(cluster.connection, pod, container, command, signal),
      )
      return text === undefined ? [] : [file(`nodes/${name}.txt`, text)]
    },
  )
  return {
    files: [
      file('kubernetes.yaml', yaml(pick(version, ['{gitVersion,platform}']) ?? {})),
      ...found.map(({ kind, objects: of }) => file(`objects/${kind.plural}.yaml`, of.map(yaml).join('---\n'))),
      ...logs.flat(),
      ...facts.flat(),
    ],
    missing,
    objects,
  }
}

type Listed = { readonly kind: Kind; readonly objects: readonly KubeObject[] }

const whereOf = (kind: Kind): readonly Where[] => allowed.find((a) => a.kind === kind)?.where ?? [{}]

/** Empty where the cluster does not know the kind. */
async function readAll(
  { kube }: Cluster,
  kind: Kind,
  places: readonly Where[],
  signal: AbortSignal,
): Promise<readonly KubeObject[]> {
  const byKey = new Map<string, KubeObject>()
  for (const where of places)
    try {
      for (const object of (await kube.list(kind, where, signal)).items) byKey.set(keyText(keyOf(object)), object)
    } catch (error) {
      if (!isNotFound(error)) throw error
    }
  if (byKey.size > mostObjects)
    throw new Error(`there are ${byKey.size} of them, which is more than a bundle holds (${mostObjects})`)
  return [...byKey.values()]
}

export function allowedPart(object: KubeObject, fields: Allowed['fields']): KubeObject {
  const part = pick(object, [...metadataFields, ...fields]) as KubeObject
  const labels = Object.entries(object.metadata.labels ?? {}).filter(([name]) =>
    labelPrefixes.some((prefix) => name.startsWith(prefix)),
  )
  return labels.length === 0 ? part : { ...part, metadata: { ...part.metadata, labels: Object.fromEntries(labels) } }
}

/** Values of fields that are named for being public. */
function publicKeysIn(value: unknown): readonly string[] {
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([name, inner]) =>
    typeof inner === 'string' ? (/^(publicKey|signingKey|agreementKey)$/.test(name) ? [inner] : []) : publicKeysIn(inner),
  )
}

const componentOf = (pod: Pod): string => pod.metadata.labels?.[componentLabel] ?? ''

type Log = { readonly name: string; readonly pod: Pod; readonly container: string; readonly previous: boolean }

function logsOf(pod: Pod): readonly Log[] {
  return (pod.spec?.containers ?? []).flatMap(({ name: container }) => {
    const restarts = pod.status?.containerStatuses?.find(({ name }) => name === container)?.restartCount ?? 0
    const of = (previous: boolean): Log => ({
      name: `${pod.metadata.name}/${container}${previous ? '.previous' : ''}`,
      pod,
      container,
      previous,
    })
    return restarts > 0 ? [of(false), of(true)] : [of(false)]
  })
}

async function readLog({ kube }: Cluster, { pod, container, previous }: Log, signal: AbortSignal): Promise<string> {
  const query = { container, previous, timestamps: true, ...logLimits }
  return String(await kube.request({ method: 'GET', path: pathOf(pods, keyOf(pod), 'log'), query, answer: 'text' }, signal))
}

type Told = { readonly pod: Pod; readonly container: string; readonly command: readonly string[] }

function commandsOf(pod: Pod): readonly Told[] {
  const component = componentOf(pod)
  if ((component !== 'agent' && component !== 'gateway') || pod.status?.phase !== 'Running') return []
  return commands[component].map((command) => ({ pod, container: component, command }))
}

async function runIn(
  connection: Connection,
  pod: Pod,
  container: string,
  command: readonly string[],
  signal: AbortSignal,
): Promise<string> {
  const { namespace = '', name } = pod.metadata
  const ran = await exec(connection, { namespace, pod: name, container, command }, commandLimits, signal)
  if (ran.exitCode !== 0) throw new Error(`exit ${ran.exitCode}: ${ran.stderr.trim()}`)
  return ran.cut ? `${ran.stdout}\n(cut after ${commandLimits.mostBytes} bytes)\n` : ran.stdout
}

/** In order of the items, a few at a time: an apiserver in trouble is not to be troubled more. */
async function inParallel<Item, Result>(
  items: readonly Item[],
  work: (item: Item) => Promise<Result>,
): Promise<readonly Result[]> {
  const results: Result[] = []
  const queue = items.entries()
  const worker = async () => {
    for (const [i, item] of queue) results[i] = await work(item)
  }
  await Promise.all(Array.from({ length: atOnce }, worker))
  return results
}
