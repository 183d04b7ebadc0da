// Which addresses a cluster's pods and Services have, told from what is found in the cluster. Pure: the evidence in, the answer
// and where it is from out. A wrong guess would route other people's addresses, so where the evidence is thin we ask.
import type { CIDR } from '#lib/net/cidr.ts'
import { familyOf, parseCIDR } from '#lib/net/cidr.ts'
import type { IPFamily } from '#lib/net/ip.ts'
import { formatIP, parseIP, widthOf } from '#lib/net/ip.ts'
import { parse } from 'yaml'

export type Evidence = {
  /** Command lines of the kube-controller-manager and kube-apiserver pods, where they run as pods. */
  readonly controlPlaneArgs: readonly string[]
  /** `ClusterConfiguration` of ConfigMap kube-system/kubeadm-config. */
  readonly kubeadm: string | undefined
  /** `config.conf` of ConfigMap kube-system/kube-proxy. */
  readonly kubeProxy: string | undefined
  /** `spec.podCIDRs` of all nodes. */
  readonly nodeCIDRs: readonly string[]
  /** `spec.cidrs` of all ServiceCIDRs (networking.k8s.io/v1). */
  readonly serviceCIDRs: readonly string[]
}

export type Found = {
  readonly cidrs: readonly CIDR[]
  readonly from: string
  /** What to tell the person who relies on it. */
  readonly caution?: string
}

export function podCIDRsOf(evidence: Evidence): Found | undefined {
  return (
    found('kube-controller-manager --cluster-cidr', argument(evidence.controlPlaneArgs, '--cluster-cidr')) ??
    found('kubeadm-config', setting(evidence.kubeadm, 'networking', 'podSubnet')) ??
    found('the configuration of kube-proxy', setting(evidence.kubeProxy, 'clusterCIDR')) ??
    fromNodes(evidence.nodeCIDRs)
  )
}

export function serviceCIDRsOf(evidence: Evidence): Found | undefined {
  return (
    found('the ServiceCIDRs', [...new Set(evidence.serviceCIDRs)].join(',')) ??
    found('kube-apiserver --service-cluster-ip-range', argument(evidence.controlPlaneArgs, '--service-cluster-ip-range')) ??
    found('kubeadm-config', setting(evidence.kubeadm, 'networking', 'serviceSubnet'))
  )
}

/** Undefined also when one of several does not parse: half an answer is a wrong one. */
function found(from: string, list: string | undefined): Found | undefined {
  const parsed = (list ?? '').split(',').flatMap((text) => (text.trim() === '' ? [] : [parseCIDR(text.trim())]))
  const cidrs = parsed.flatMap((p) => (p.ok ? [p.value] : []))
  return cidrs.length === 0 || cidrs.length < parsed.length ? undefined : { cidrs, from }
}

const argument = (args: readonly string[], name: string): string | undefined =>
  args.find((arg) => arg.startsWith(`${name}=`))?.slice(name.length + 1)

function setting(yaml: string | undefined, ...path: readonly string[]): string | undefined {
  try {
    const at = path.reduce<unknown>(
      (value, key) => (typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[key] : undefined),
      yaml === undefined ? undefined : parse(yaml),
    )
    return typeof at === 'string' ? at : undefined
  } catch {
    return undefined
  }
}

/** A block wider than this is more than one cluster is likely to own. */
const widest: Readonly<Record<IPFamily, number>> = { IPv4: 12, IPv6: 32 }

/** The smallest block around the nodes' own blocks, one a family. It is right for the nodes there are, not for those to come. */
function fromNodes(texts: readonly string[]): Found | undefined {
  const blocks = texts.flatMap((text) => {
    const parsed = parseCIDR(text)
    return parsed.ok ? [parsed.value] : []
  })
  const families = [...new Set(blocks.map(familyOf))]
  const cidrs = families.map((family) => cover(blocks.filter((b) => familyOf(b) === family)))
  if (cidrs.length === 0 || cidrs.some((cidr) => prefixOf(cidr) < widest[familyOf(cidr)])) return undefined
  return {
    cidrs,
    from: 'the nodes’ podCIDRs',
    caution: `The pod CIDR ${cidrs.join(', ')} covers the nodes there are now; if the cluster's own range is larger, give it with --pod-cidr.`,
  }
}

const prefixOf = (cidr: CIDR): number => Number(cidr.split('/')[1])

/** The smallest block that contains all of these, which are of one family and at least one. */
export function cover(blocks: readonly CIDR[]): CIDR {
  const parsed = blocks.flatMap((block) => {
    const ip = parseIP(block.split('/')[0] ?? '')
    return ip.ok ? [{ ...ip.value, prefix: prefixOf(block) }] : []
  })
  const [first] = parsed
  if (first === undefined) throw new Error('a cover needs blocks')
  const width = widthOf(first.family)
  let prefix = Math.min(...parsed.map((b) => b.prefix))
  const network = (bits: bigint) => (bits >> BigInt(width - prefix)) << BigInt(width - prefix)
  while (parsed.some((b) => network(b.bits) !== network(first.bits))) prefix--
  return `${formatIP({ family: first.family, bits: network(first.bits) })}/${prefix}` as CIDR
}
