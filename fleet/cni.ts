// The CNIs that are known, by the DaemonSet that every installation of them has, and what each needs so that packets between clusters
// take the way we make for them: by the kernel's routes and through its packet filter.
import type { Platform } from './facts/platform.ts'

type Needs = { readonly says: string; readonly remedy: string }
export type CNI = {
  readonly name: string
  /** Of the DaemonSet that every installation has, `namespace/name`. */
  readonly daemonSet: RegExp
  readonly needs?: (platform: Platform) => Needs | undefined
}

/** The first that is found counts: Canal is Calico and flannel in one. */
const known: readonly CNI[] = [
  { name: 'Canal', daemonSet: /\/(rke2-)?canal$/ },
  { name: 'Calico', daemonSet: /\/calico-node$/ },
  { name: 'Cilium', daemonSet: /\/cilium$/, needs: ciliumNeeds },
  { name: 'flannel', daemonSet: /\/kube-flannel(-ds)?$/ },
  { name: 'kindnet', daemonSet: /\/kindnet$/ },
  { name: 'Weave Net', daemonSet: /\/weave-net$/ },
  { name: 'kube-router', daemonSet: /\/kube-router$/ },
  { name: 'Antrea', daemonSet: /\/antrea-agent$/ },
  {
    name: 'OVN-Kubernetes',
    daemonSet: /\/ovnkube-node$/,
    needs: () => ({
      says: 'OVN-Kubernetes sends packets past the routes of the node unless it is told otherwise',
      remedy: 'Let it use them: gatewayConfig.routingViaHost: true and ipForwarding: Global.',
    }),
  },
  {
    name: 'the AWS VPC CNI',
    daemonSet: /\/aws-node$/,
    needs: () => ({
      says: 'the AWS VPC CNI routes pods of secondary interfaces by rules that come before ours: these pods reach no other cluster',
      remedy: 'Use an overlay CNI in this cluster; routing behind secondary interfaces is not supported yet.',
    }),
  },
]

function ciliumNeeds({ cilium = {} }: Platform): Needs | undefined {
  const missing = [
    ...(cilium['enable-bpf-masquerade'] === 'true' ? ['bpf.masquerade=false'] : []),
    ...(cilium['enable-host-legacy-routing'] === 'true' ? [] : ['bpf.hostLegacyRouting=true']),
  ]
  return missing.length === 0
    ? undefined
    : {
        says: 'Cilium sends packets past the routes and the packet filter of the node',
        remedy: `Set ${missing.join(' and ')} in its Helm values, then restart its DaemonSet.`,
      }
}

/** Undefined: none that is known. */
export const cniOf = ({ daemonSets }: Platform): CNI | undefined =>
  known.find(({ daemonSet }) => daemonSets.some((name) => daemonSet.test(name)))
