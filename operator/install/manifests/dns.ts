// The DNS server for clusterset.local: a Deployment, and the Service whose address CoreDNS forwards to.
import type { DnsConfig } from '#dns/config.ts'
import { ownToken } from '#lib/kube/in-cluster.ts'
import type { Deployment, Service } from '#lib/kube/kinds.ts'
import type { EnvOf } from './pod.ts'
import { confined, containerOf, labelsOf, metadataOf, selectorOf } from './pod.ts'

export const dnsPort = 5353
export const dnsMetricsPort = 9473

export const dnsDeployment = (want: { readonly image: string }): Deployment => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: metadataOf('dns'),
  spec: {
    replicas: 2,
    selector: { matchLabels: selectorOf('dns') },
    strategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } },
    template: {
      metadata: { labels: labelsOf('dns') },
      spec: {
        serviceAccountName: 'tombolo-dns',
        ...ownToken.pod,
        dnsPolicy: 'Default',
        priorityClassName: 'system-cluster-critical',
        affinity: {
          podAntiAffinity: {
            preferredDuringSchedulingIgnoredDuringExecution: [
              {
                weight: 100,
                podAffinityTerm: { topologyKey: 'kubernetes.io/hostname', labelSelector: { matchLabels: selectorOf('dns') } },
              },
            ],
          },
        },
        containers: [
          {
            ...containerOf({
              component: 'dns',
              image: want.image,
              program: 'dns',
              port: dnsMetricsPort,
              env: { DNS_PORT: String(dnsPort) } satisfies EnvOf<DnsConfig>,
              memory: { request: '48Mi', limit: '512Mi' },
            }),
            // A pod that ends says so here and answers on. Nodes move their flows of UDP only when it is no longer ready, so it has to
            // be asked often enough to have that heard before it stops (DRAIN_SECONDS).
            readinessProbe: {
              httpGet: { path: '/readyz', port: dnsMetricsPort },
              periodSeconds: 3,
              failureThreshold: 1,
              timeoutSeconds: 2,
            },
            securityContext: confined,
            volumeMounts: [ownToken.mount],
          },
        ],
        volumes: [ownToken.volume],
      },
    },
  },
})

export const dnsService = (): Service => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: metadataOf('dns'),
  spec: {
    selector: selectorOf('dns'),
    ports: [
      { name: 'dns', protocol: 'UDP', port: 53, targetPort: dnsPort },
      { name: 'dns-tcp', protocol: 'TCP', port: 53, targetPort: dnsPort },
    ],
  },
})
