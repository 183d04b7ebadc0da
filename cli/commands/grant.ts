// `tombolo grant`: lets one cluster join, once. The code is made here and printed once; the broker keeps what checks it.
import { InvalidArgumentError } from 'commander'
import type { JoinGrant } from '#crds/join-grant.ts'
import { approvalSeconds, joinGrant } from '#crds/join-grant.ts'
import { member } from '#crds/member.ts'
import { brokerNamespace, joinerAccount, joinNamespace, managedBy } from '#crds/places.ts'
import { formatGrant, GrantCode } from '#lib/identity/grant.ts'
import { serviceAccounts } from '#lib/kube/kinds.ts'
import { pathOf } from '#lib/kube/object.ts'
import type { ClusterID } from '#lib/net/cluster-id.ts'
import { parseClusterID } from '#lib/net/cluster-id.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { fieldManager, openCluster } from '../cluster/cluster.ts'
import { readFleet } from '../cluster/fleet.ts'
import type { Reader } from '../cluster/live.ts'
import { whileItChanges } from '../cluster/live.ts'
import { removeObject } from '../cluster/remove.ts'
import type { Say } from '../cluster/until.ts'
import { until } from '../cluster/until.ts'
import { serviceCIDRsOf } from '../detect/cidrs.ts'
import { gatherEvidence } from '../detect/gather.ts'
import { brokerAddress } from '../join/broker-address.ts'
import { checkPlace } from '../join/server-place.ts'
import type { Column, Table } from '../output/table.ts'
import { table } from '../output/table.ts'
import { failed } from '../problem.ts'
import type { AddCommand, CommonOptions, Session, Watch } from './command.ts'
import { checked, commonOptions, timeoutOption, watchOption } from './command.ts'

type CreateOptions = CommonOptions & {
  readonly expires: number
  readonly approve?: 'manual' | 'automatic'
  readonly brokerServer?: string
  readonly timeout: number
}

const clusterID = (text: string): ClusterID => checked(parseClusterID(text))

export const addGrant: AddCommand = (program, session) => {
  const group = program
    .command('grant')
    .summary('let one cluster join, once')
    .description('Makes, lists and takes back grants: each lets one cluster join the fleet, once, under one id.')
    .addHelpText('after', '\nExample:\n  tombolo grant create east --context hub | tombolo join --grant - --context east')
  const create = group
    .command('create')
    .summary('make a grant and print it')
    .description(
      'Prints one line to hand to whoever joins the cluster. It is a secret until it is used or has expired.\nA grant that is there under the same id is replaced.',
    )
    .argument('<cluster-id>', 'name that the cluster will have in the fleet: a DNS label', clusterID)
    .option('--expires <duration>', 'how long it may be used: 90s, 15m, 24h', duration, 15 * 60)
    .option('--approve <how>', 'manual: tombolo approve must follow; automatic (default: as the Fleet says)', approval)
    .option('--broker-server <url>', 'https://host:port of the broker as members reach it (default: as the kubeconfig says)')
    .addOption(timeoutOption(30))
    .addHelpText(
      'after',
      `
Examples:
  tombolo grant create east --context hub > grant
  tombolo grant create east --context hub | tombolo join --grant - --context east
  tombolo grant create edge-7 --expires 24h --approve manual`,
    )
    .action((id: ClusterID, options: CreateOptions) => runCreate(id, options, session))
  const list = group
    .command('list')
    .summary('list grants and what became of them')
    .description('Lists the grants that the broker has.')
    .addHelpText('after', '\nExamples:\n  tombolo grant list --context hub\n  tombolo grant list --context hub --watch')
    .action((options: CommonOptions & Watch) => runList(options, session))
  const remove = group
    .command('remove')
    .summary('take a grant back')
    .description('Takes a grant back: nobody joins with it any more. A cluster that has joined stays.')
    .argument('<cluster-id>', 'the cluster it was made for', clusterID)
    .addHelpText('after', '\nExample:\n  tombolo grant remove east --context hub')
    .action((id: ClusterID, options: CommonOptions) => runRemove(id, options, session))
  watchOption(list)
  for (const command of [create, list, remove]) commonOptions(command, 'the broker')
}

async function runCreate(id: ClusterID, options: CreateOptions, { output, signal }: Session): Promise<void> {
  await using broker = await openCluster(options)
  const fleet = await readFleet(broker, signal)
  const { server, ca } = await brokerAddress(broker, options.brokerServer, signal)
  const [evidence, members] = await Promise.all([
    gatherEvidence(broker.kube, [], signal),
    broker.kube.list(member, { namespace: brokerNamespace }, signal),
  ])
  checkPlace(server, serviceCIDRsOf(evidence)?.cidrs ?? [], members.items)
  const code = GrantCode.generate()
  const until = new Date(Date.now() + options.expires * 1000)
  const expiresAt = until.toISOString()
  const object: JoinGrant = {
    apiVersion: joinGrant.apiVersion,
    kind: joinGrant.kind,
    metadata: { name: id, namespace: brokerNamespace, labels: { ...managedBy } },
    spec: {
      clusterID: id,
      verifier: code.proofKey(id).verifyKey,
      expiresAt,
      server,
      ...(options.approve === undefined ? {} : { approval: options.approve === 'manual' ? 'Manual' : 'Automatic' }),
    },
  }
  const token = await output.progress.step(`The broker makes a place for "${id}" to ask`, async (say) => {
    await put(broker, object, signal)
    await grantOpen(broker, object, options.timeout * 1000, say, signal)
    const manual = (object.spec.approval ?? fleet.spec.join.approval) === 'Manual'
    return tokenOf(broker, id, options.expires + (manual ? approvalSeconds : 0), signal)
  })
  const line = formatGrant({ clusterID: id, server, ca, token, code, expiresAt: until })
  output.result(line, { clusterID: id, expiresAt, server, grant: line }, options.output, [`grant/${id}`])
  output.note(`It lets "${id}" join until ${expiresAt}: tombolo join --grant - reads it from standard input.`)
}

/** With a new code a grant begins anew, whatever became of the one before. The place to ask at stays. */
async function put({ kube }: Cluster, object: JoinGrant, signal: AbortSignal): Promise<void> {
  const key = grantKey(object.spec.clusterID)
  const have = await kube.get(joinGrant, key, signal)
  if (have === undefined) await kube.create(joinGrant, object, { fieldManager }, signal)
  else
    await kube.patch(
      joinGrant,
      key,
      { spec: { approval: null, approved: null, approvedAddresses: null, ...object.spec } },
      { fieldManager },
      signal,
    )
}

const grantKey = (id: string) => ({ namespace: brokerNamespace, name: id })

async function grantOpen(
  { kube, context }: Cluster,
  { spec }: JoinGrant,
  timeoutMs: number,
  say: Say,
  signal: AbortSignal,
): Promise<void> {
  await until(
    {
      what: 'The broker controller opening the grant',
      timeoutMs,
      remedy: `See whether it runs: kubectl --context ${context} -n ${brokerNamespace} logs deployment/tombolo-broker-controller; then run the command again.`,
      say,
    },
    async () => {
      const status = (await kube.get(joinGrant, grantKey(spec.clusterID), signal))?.status
      const state = status?.verifier === spec.verifier ? status.state : undefined
      return state === 'Open' ? { done: true } : { waiting: `the grant is ${state ?? 'not seen by the controller yet'}` }
    },
    signal,
  )
}

/** The apiserver gives no token for less than ten minutes; the grant ends when it says. Where a person has to approve, it outlives it. */
const leastTokenSeconds = 600

async function tokenOf({ kube }: Cluster, id: string, seconds: number, signal: AbortSignal): Promise<string> {
  const path = pathOf(serviceAccounts, { namespace: joinNamespace(id), name: joinerAccount }, 'token')
  const body = {
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenRequest',
    spec: { expirationSeconds: Math.max(leastTokenSeconds, Math.ceil(seconds)) },
  }
  const answer = (await kube.request({ method: 'POST', path, body }, signal)) as { readonly status?: { readonly token?: string } }
  if (answer.status?.token === undefined)
    throw failed('The broker answered the request for a token without one.', 'Run the command again.')
  return answer.status.token
}

async function runList(options: CommonOptions & Watch, { output, signal }: Session): Promise<void> {
  await using broker = await openCluster(options)
  await readFleet(broker, signal)
  const read = async (kube: Reader) => tableOf((await kube.list(joinGrant, { namespace: brokerNamespace }, signal)).items)
  if (options.watch !== true) {
    output.tables([await read(broker.kube)], options.output)
    return
  }
  const live = output.live(options.output)
  await whileItChanges(
    broker.kube,
    async (kube) => live.show([await read(kube)]),
    (text) => output.note(text),
    signal,
  )
}

function tableOf(grants: readonly JoinGrant[]): Table {
  const rows = grants.map(({ metadata, spec, status }) => ({
    name: metadata.name,
    clusterID: spec.clusterID,
    state: status?.state ?? 'Pending',
    expiresAt: status?.state === 'Claimed' ? (status.claim?.until ?? spec.expiresAt) : spec.expiresAt,
    failedAttempts: status?.failedAttempts?.length ?? 0,
    usedBy: status?.usedBy ?? status?.claim?.by,
    approved: spec.approved,
  }))
  return table('grants', rows, columns, 'No grants: tombolo grant create CLUSTER_ID makes one.')
}

type Row = {
  readonly clusterID: string
  readonly state: string
  readonly expiresAt: string
  readonly failedAttempts: number
  readonly usedBy: string | undefined
}

const columns: readonly Column<Row>[] = [
  { title: 'CLUSTER', cell: (row) => row.clusterID },
  { title: 'STATE', cell: (row) => row.state },
  { title: 'EXPIRES', cell: (row) => row.expiresAt },
  { title: 'FAILED', cell: (row) => row.failedAttempts },
  { title: 'USED BY', cell: (row) => row.usedBy, ifAny: true },
]

async function runRemove(id: ClusterID, options: CommonOptions, { output, signal }: Session): Promise<void> {
  await using broker = await openCluster(options)
  await readFleet(broker, signal)
  const had = (await broker.kube.get(joinGrant, grantKey(id), signal)) !== undefined
  await output.progress.step(`The grant for "${id}" goes`, (say) =>
    removeObject(broker.kube, joinGrant, grantKey(id), say, signal),
  )
  output.result(
    had ? `Nobody joins as "${id}" by that grant any more.` : `There was no grant for "${id}".`,
    { clusterID: id, removed: had },
    options.output,
    had ? [`grant/${id}`] : [],
  )
}

function approval(text: string): 'manual' | 'automatic' {
  if (text === 'manual' || text === 'automatic') return text
  throw new InvalidArgumentError('It must be manual or automatic.')
}

const units: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600 }
const longest = 7 * 24 * 3600

/** Seconds. */
function duration(text: string): number {
  const [, number, unit = ''] = /^(\d+)([smh])$/.exec(text) ?? []
  const seconds = Number(number) * (units[unit] ?? NaN)
  if (seconds > 0 && seconds <= longest) return seconds
  throw new InvalidArgumentError('It must be a time such as 90s, 15m or 24h, of at most 168h.')
}
