// What a node and a cluster have, as sorted lines: taken before an install and after an uninstall, the two must be equal byte for byte.
// Left out or made plain is only what Kubernetes and the kernel change by themselves; beside each the reason.
import assert from 'node:assert/strict'
import type { KubeObject } from '#lib/kube/object.ts'
import type { Cluster } from '#test/rig/cluster.ts'
import type { Node } from '#test/rig/node.ts'
import { eventually } from './eventually.ts'

export type Footprint = Readonly<Record<string, readonly string[]>>

/** Our own devices are looked at by name too: a neighbour of theirs would be a trace of a device that is gone. */
const looks: Readonly<Record<string, string>> = {
  links: 'ip -o -d link',
  addresses: 'ip -o addr',
  routes: 'ip route show table all',
  'IPv6 routes': 'ip -6 route show table all',
  rules: 'ip rule',
  'IPv6 rules': 'ip -6 rule',
  forwardings: 'bridge fdb',
  'permanent neighbours': 'ip neigh show nud permanent',
  'neighbours of ours': 'for dev in tmb-wg vx-tombolo; do ip neigh show dev $dev 2>/dev/null || true; done',
  'packet filter': 'nft list ruleset',
  // Some can only be written (flush), some not even be read by root (stable_secret of a device that has none).
  settings: "find /proc/sys/net -type f -perm /444 -exec grep -s '' {} + || true",
  files: "for dir in /etc/cni /run /var/lib /opt; do test ! -e $dir || find $dir -xdev -printf '%y %m %U:%G %p\\n'; done",
  // A mount of its own on a node of a rig.
  'our folder': "find /var/lib/tombolo -mindepth 1 -printf '%y %m %U:%G %p\\n'",
  'files of CNIs': 'test ! -e /etc/cni || find /etc/cni -type f -exec sha256sum {} +',
}

/** Of all nodes and clusters, by name, once kube-proxy has heard of the cluster's DNS, as it writes down which of it is ready. */
export async function footprintsOf(clusters: readonly Cluster[], signal: AbortSignal): Promise<ReadonlyMap<string, Footprint>> {
  const nodes = clusters.flatMap((cluster) => cluster.nodes)
  const dns = ['-n', 'kube-system', 'rollout', 'status', 'deployment/coredns', '--timeout=60s']
  await Promise.all(clusters.map((cluster) => cluster.kubectl(dns, '', signal)))
  for (const node of nodes)
    await eventually(async () => {
      const { stdout } = await node.exec(['nft', 'list', 'ruleset'], signal)
      assert.match(stdout, /kube-dns/, node.name)
      assert.doesNotMatch(stdout, /kube-dns:.*goto reject-chain/, node.name)
    }, 30_000)
  return new Map([
    ...(await Promise.all(nodes.map(async (node) => [node.name, await ofNode(node, signal)] as const))),
    ...(await Promise.all(clusters.map(async (cluster) => [cluster.id, await ofCluster(cluster, signal)] as const))),
  ])
}

async function ofNode(node: Node, signal: AbortSignal): Promise<Footprint> {
  const entries = Object.entries(looks).map(async ([name, script]) => {
    const { code, stdout, stderr } = await node.exec(['sh', '-c', script], signal)
    if (code !== 0) throw new Error(`${node.name}: ${script}: ${stderr}`)
    return [name, plainLines(name, stdout)] as const
  })
  return Object.fromEntries(await Promise.all(entries))
}

/** Every object of every kind that the apiserver lists, and the Corefile. */
async function ofCluster(cluster: Cluster, signal: AbortSignal): Promise<Footprint> {
  const kinds = (await cluster.kubectl(['api-resources', '--verbs=list', '-o', 'name'], '', signal)).trim().split('\n')
  const listed = kinds.filter((kind) => !volatile.includes(kind.split('.')[0] ?? ''))
  const { items } = JSON.parse(await cluster.kubectl(['get', listed.join(), '-A', '-o', 'json'], '', signal)) as {
    items: readonly KubeObject[]
  }
  const corefile = ['-n', 'kube-system', 'get', 'configmap', 'coredns', '-o', 'jsonpath={.data.Corefile}']
  return {
    kinds: kinds.toSorted(),
    objects: items
      .filter((item) => !isOfApiserver(item))
      .map((item) => `${identity(item)} ${JSON.stringify(plainObject(item))}`)
      .toSorted(),
    Corefile: [await cluster.kubectl(corefile, '', signal)],
  }
}

/** What differs, as lines for people; empty when nothing does. */
export const differences = (before: Footprint, after: Footprint): readonly string[] =>
  Object.keys({ ...before, ...after }).flatMap((name) => {
    const [was, is] = [before[name] ?? [], after[name] ?? []]
    return [
      ...was.filter((line) => !is.includes(line)).map((line) => `${name}: gone: ${line}`),
      ...is.filter((line) => !was.includes(line)).map((line) => `${name}: new: ${line}`),
    ]
  })

const identity = ({ apiVersion, kind, metadata: { namespace = '-', name } }: KubeObject): string =>
  `${apiVersion} ${kind} ${namespace}/${name}`

/** The Lease of an apiserver, which is made anew when it starts. */
const isOfApiserver = ({ metadata: { labels } }: KubeObject): boolean =>
  labels?.['apiserver.kubernetes.io/identity'] !== undefined

const volatile: readonly string[] = [
  // What happened, kept for an hour.
  'events',
  // Those of CoreDNS are new, as it is rolled when its Corefile changes; that none of ours is left, Deployments and DaemonSets show.
  'pods',
  // Not stored: what the apiserver thinks of its parts.
  'componentstatuses',
]

/** Fields of `spec` and annotations that controllers write. */
const written: Readonly<Record<string, { readonly fields?: readonly string[]; readonly annotations?: readonly string[] }>> = {
  // Renewed every few seconds.
  Lease: { fields: ['renewTime', 'acquireTime'] },
  // Counted with each roll of CoreDNS; a ReplicaSet whose template comes again is used again.
  Deployment: { annotations: ['deployment.kubernetes.io/revision'] },
  ReplicaSet: { annotations: ['deployment.kubernetes.io/revision', 'deployment.kubernetes.io/revision-history'] },
  // Addresses of CoreDNS' pods follow below.
  Endpoints: { annotations: ['endpoints.kubernetes.io/last-change-trigger-time'] },
  EndpointSlice: { annotations: ['endpoints.kubernetes.io/last-change-trigger-time'] },
}

function plainObject(object: KubeObject): object {
  // Counted and kept by the apiserver with every write, whoever made it; status is what controllers and kubelets see: heartbeats, images, pods that are ready.
  const { status: _status, metadata, ...content } = object
  const {
    resourceVersion: _v,
    managedFields: _m,
    generation: _g,
    annotations = {},
    ...kept
  } = metadata as typeof metadata & {
    readonly managedFields?: unknown
  }
  const { fields = [], annotations: counted = [] } = written[object.kind] ?? {}
  const spec = without(content.spec ?? {}, fields)
  // Of CoreDNS' pods: new ones, elsewhere.
  const rest = without(content, ['spec', ...(object.kind.startsWith('Endpoint') ? ['endpoints', 'subsets'] : [])])
  return { ...rest, spec, metadata: { ...kept, annotations: without(annotations, counted) } }
}

const without = (object: object, names: readonly string[]): object =>
  Object.fromEntries(Object.entries(object).filter(([name]) => !names.includes(name)))

/** By what is looked at: lines that are of pods or of the moment. */
const passing: Readonly<Record<string, RegExp>> = {
  // kube-proxy's: the addresses of pods on this node, to know a pod that calls itself, and its choice among the pods of CoreDNS, which
  // are new. Nothing of ours translates destinations.
  'packet filter': /([\d.]{7,}|[\da-f:]{2,}) \. \1 \. |\bdnat (ip6? )?to /,
  settings: /nf_conntrack_count:/,
  // What containerd, runc and CNI plugins keep of every pod, and the rig of itself: no folders of ours.
  files: / \/(run\/(containerd|netns|tombolo-rigs)|var\/lib\/cni)(\/|$)/,
}

function plainLines(name: string, text: string): readonly string[] {
  return (
    text
      .split('\n')
      .filter((line) => line !== '' && passing[name]?.test(line) !== true)
      // The near ends of CoreDNS' pods, as CNI plugins name them: new pods have new ones.
      .filter((line) => !/\bveth[0-9a-f]{8}\b/.test(line))
      // Packets are counted.
      .map((line) => line.replace(/counter packets \d+ bytes \d+/g, 'counter'))
      .toSorted()
  )
}
