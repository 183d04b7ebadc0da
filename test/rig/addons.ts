// What a cluster has besides its control plane, as kubeadm would leave it: its nodes' blocks, rights of kube-proxy, CoreDNS, its own description.
import { stringify } from 'yaml'
import * as kinds from '#lib/kube/kinds.ts'
import type { Kind, KubeObject, Meta } from '#lib/kube/object.ts'
import type { ClusterLayout } from './layout.ts'

const system = 'kube-system'

type Addon = { readonly kind: Kind; readonly object: KubeObject }

export const addons = (cluster: ClusterLayout): readonly Addon[] => [
  ...cluster.nodes.map((node) =>
    addon(kinds.nodes, { name: node.name }, { spec: { podCIDR: node.podCIDRs[0], podCIDRs: node.podCIDRs } }),
  ),
  binding('kube-proxy', 'system:node-proxier', { kind: 'User', name: 'system:kube-proxy', apiGroup: rbac }),
  addon(kinds.configMaps, { name: 'kubeadm-config', namespace: system }, { data: { ClusterConfiguration: describe(cluster) } }),
  ...coreDNS(cluster),
]

const addon = ({ apiVersion, kind, ...rest }: Kind, metadata: Meta, content: object): Addon => ({
  kind: { apiVersion, kind, ...rest },
  object: { apiVersion, kind, metadata, ...content },
})

const describe = (cluster: ClusterLayout): string =>
  stringify({
    apiVersion: 'kubeadm.k8s.io/v1beta4',
    kind: 'ClusterConfiguration',
    clusterName: cluster.id,
    networking: {
      dnsDomain: 'cluster.local',
      podSubnet: cluster.podCIDRs.join(','),
      serviceSubnet: cluster.serviceCIDRs.join(','),
    },
  })

const rbac = 'rbac.authorization.k8s.io'

const binding = (name: string, role: string, subject: object): Addon =>
  addon(
    kinds.clusterRoleBindings,
    { name: `rig:${name}` },
    { roleRef: { apiGroup: rbac, kind: 'ClusterRole', name: role }, subjects: [subject] },
  )

/** kubeadm's, but without the forwarder: a rig has no way out. */
const corefile = `.:53 {
    errors
    health {
       lameduck 5s
    }
    ready
    kubernetes cluster.local in-addr.arpa ip6.arpa {
       pods insecure
       fallthrough in-addr.arpa ip6.arpa
       ttl 30
    }
    prometheus :9153
    cache 30
    loop
    reload
    loadbalance
}
`

function coreDNS(cluster: ClusterLayout): readonly Addon[] {
  const labels = { 'k8s-app': 'kube-dns' }
  const meta = (name: string) => ({ name, namespace: system, labels })
  const port = (name: string, protocol: string, port: number) => ({ name, protocol, port })
  return [
    addon(kinds.serviceAccounts, meta('coredns'), {}),
    addon(
      kinds.clusterRoles,
      { name: 'system:coredns' },
      {
        rules: [
          { apiGroups: [''], resources: ['endpoints', 'services', 'pods', 'namespaces'], verbs: ['list', 'watch'] },
          { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: ['list', 'watch'] },
        ],
      },
    ),
    binding('coredns', 'system:coredns', { kind: 'ServiceAccount', name: 'coredns', namespace: system }),
    addon(kinds.configMaps, meta('coredns'), { data: { Corefile: corefile } }),
    addon(kinds.services, meta('kube-dns'), {
      spec: {
        selector: labels,
        clusterIP: cluster.dnsIPs[0],
        clusterIPs: cluster.dnsIPs,
        ipFamilyPolicy: cluster.families.length === 2 ? 'RequireDualStack' : 'SingleStack',
        ipFamilies: cluster.families,
        ports: [port('dns', 'UDP', 53), port('dns-tcp', 'TCP', 53), port('metrics', 'TCP', 9153)],
      },
    }),
    addon(kinds.deployments, meta('coredns'), {
      spec: {
        replicas: 2,
        strategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 1 } },
        selector: { matchLabels: labels },
        template: {
          metadata: { labels },
          spec: {
            priorityClassName: 'system-cluster-critical',
            serviceAccountName: 'coredns',
            dnsPolicy: 'Default',
            tolerations: [{ key: 'CriticalAddonsOnly', operator: 'Exists' }],
            containers: [
              {
                name: 'coredns',
                image: 'localhost/coredns:1',
                args: ['-conf', '/etc/coredns/Corefile'],
                ports: [
                  { name: 'dns', containerPort: 53, protocol: 'UDP' },
                  { name: 'dns-tcp', containerPort: 53, protocol: 'TCP' },
                  { name: 'metrics', containerPort: 9153, protocol: 'TCP' },
                ],
                volumeMounts: [{ name: 'config-volume', mountPath: '/etc/coredns', readOnly: true }],
                livenessProbe: {
                  httpGet: { path: '/health', port: 8080 },
                  initialDelaySeconds: 60,
                  timeoutSeconds: 5,
                  failureThreshold: 5,
                },
                readinessProbe: { httpGet: { path: '/ready', port: 8181 }, periodSeconds: 1 },
              },
            ],
            volumes: [{ name: 'config-volume', configMap: { name: 'coredns', items: [{ key: 'Corefile', path: 'Corefile' }] } }],
          },
        },
      },
    }),
  ]
}
