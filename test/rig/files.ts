// The configuration files of a node and of a cluster, as text. Pure. Why each unusual setting: README.md, "Settings that mattered".
import { join } from 'node:path'
import { stringify } from 'yaml'
import type { ClusterLayout, NodeLayout } from './layout.ts'

export const containerdSocket = (node: NodeLayout): string => join(node.runDir, 'c.sock')

/** containerd configuration, version 3. */
export const containerdConfig = (node: NodeLayout, runc: string, cni: string): string => `version = 3
root = "${join(node.dir, 'containerd')}"
state = "${join(node.runDir, 'containerd')}"
disabled_plugins = ["io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.erofs", "io.containerd.snapshotter.v1.blockfile"]
[grpc]
  address = "${containerdSocket(node)}"
[ttrpc]
  address = "${join(node.runDir, 'c.ttrpc')}"
[plugins."io.containerd.cri.v1.images"]
  snapshotter = "overlayfs"
  [plugins."io.containerd.cri.v1.images".pinned_images]
    sandbox = "localhost/pause:1"
[plugins."io.containerd.cri.v1.runtime"]
  restrict_oom_score_adj = true
  [plugins."io.containerd.cri.v1.runtime".cni]
    bin_dirs = ["${cni}"]
    conf_dir = "${join(node.dir, 'cni')}"
  [plugins."io.containerd.cri.v1.runtime".containerd]
    default_runtime_name = "runc"
    [plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc.options]
        BinaryName = "${runc}"
[plugins."io.containerd.nri.v1.nri"]
  disable = true
`

/** A veth pair per pod and a route to it; addresses from the node's own block. */
export const cniConfig = (node: NodeLayout): string =>
  JSON.stringify({
    cniVersion: '1.0.0',
    name: 'rig',
    plugins: [
      {
        type: 'ptp',
        mtu: 1500,
        ipam: {
          type: 'host-local',
          dataDir: join(node.dir, 'ipam'),
          ranges: node.podCIDRs.map((subnet) => [{ subnet }]),
          routes: node.podCIDRs.map((subnet) => ({ dst: subnet.includes(':') ? '::/0' : '0.0.0.0/0' })),
        },
      },
      { type: 'portmap', capabilities: { portMappings: true } },
    ],
  })

export const kubeletConfig = (cluster: ClusterLayout, node: NodeLayout, pki: string): string =>
  stringify({
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    failCgroupV1: false,
    cgroupsPerQOS: false,
    enforceNodeAllocatable: [],
    cgroupDriver: 'cgroupfs',
    failSwapOn: false,
    address: node.addresses[0],
    authentication: { anonymous: { enabled: false }, webhook: { enabled: true }, x509: { clientCAFile: join(pki, 'ca.crt') } },
    authorization: { mode: 'Webhook' },
    tlsCertFile: join(pki, `${node.name}.crt`),
    tlsPrivateKeyFile: join(pki, `${node.name}.key`),
    clusterDomain: 'cluster.local',
    clusterDNS: cluster.dnsIPs,
    resolvConf: '',
    containerRuntimeEndpoint: `unix://${containerdSocket(node)}`,
    imageMinimumGCAge: '1000h',
    imageGCHighThresholdPercent: 100,
    evictionHard: { 'memory.available': '50Mi', 'nodefs.available': '0%', 'nodefs.inodesFree': '0%', 'imagefs.available': '0%' },
    // Renewed every 4 s: a dead node is noticed within the controller-manager's 16.
    nodeLeaseDurationSeconds: 16,
    podLogsDir: join(node.dir, 'pods'),
    localStorageCapacityIsolation: false,
  })

export const proxyConfig = (cluster: ClusterLayout, node: NodeLayout, kubeconfig: string): string =>
  stringify({
    apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
    kind: 'KubeProxyConfiguration',
    mode: 'nftables',
    clientConnection: { kubeconfig },
    hostnameOverride: node.name,
    clusterCIDR: cluster.podCIDRs.join(','),
    bindAddress: cluster.families[0] === 'IPv6' ? '::' : '0.0.0.0',
    conntrack: { maxPerCore: 0, min: 0, tcpEstablishedTimeout: '0s', tcpCloseWaitTimeout: '0s' },
  })

/** What a CNI that masquerades does: whatever leaves the cluster's own pod network gets its node's address, as with flannel's --ip-masq. */
export const masqueradeRules = (cluster: ClusterLayout): string => {
  const rules = cluster.podCIDRs.map((block) => {
    const ip = block.includes(':') ? 'ip6' : 'ip'
    const multicast = block.includes(':') ? 'ff00::/8' : '224.0.0.0/4'
    return `    ${ip} saddr ${block} ${ip} daddr != { ${block}, ${multicast} } masquerade`
  })
  return `table inet rig-cni {
  chain postrouting {
    type nat hook postrouting priority srcnat;
${rules.join('\n')}
  }
}
`
}

/** Certificates and key are PEM. */
export type Login = {
  readonly cluster: ClusterLayout
  readonly ca: string
  readonly user: string
  readonly cert: string
  readonly key: string
}

/** A context for each, named like its cluster, the first being current; everything in the file, so that it can be copied anywhere. */
export const kubeconfig = (logins: readonly Login[]): string => {
  const base64 = (text: string) => Buffer.from(text).toString('base64')
  const userOf = ({ cluster, user }: Login) => `${user}@${cluster.id}`
  return stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: logins.map(({ cluster, ca }) => ({
      name: cluster.id,
      cluster: { server: cluster.server, 'certificate-authority-data': base64(ca) },
    })),
    users: logins.map((login) => ({
      name: userOf(login),
      user: { 'client-certificate-data': base64(login.cert), 'client-key-data': base64(login.key) },
    })),
    contexts: logins.map((login) => ({ name: login.cluster.id, context: { cluster: login.cluster.id, user: userOf(login) } })),
    'current-context': logins[0]?.cluster.id ?? '',
  })
}
