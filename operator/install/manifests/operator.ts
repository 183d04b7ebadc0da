// What `tombolo join` applies in a member cluster: the operator and, because only an administrator may grant rights,
// the accounts and rights of everything the operator installs later. The operator itself can write no Role.
import { systemNamespace } from '#crds/places.ts'
import { ownToken } from '#lib/kube/in-cluster.ts'
import type { Deployment, Namespace } from '#lib/kube/kinds.ts'
import type { KubeObject } from '#lib/kube/object.ts'
import type { OperatorConfig } from '#operator/config.ts'
import { propertyPolicy } from './properties.ts'
import { rolesOf } from './rbac.ts'
import type { EnvOf } from './pod.ts'
import { confined, containerOf, labelsOf, metadataOf, selectorOf } from './pod.ts'

export const operatorMetricsPort = 9474

export type OperatorOptions = { readonly image: string }

/** In an order that can be applied from first to last; CRDs go before. */
export const operatorManifests = (options: OperatorOptions): readonly KubeObject[] => [
  operatorNamespace(),
  ...rolesOf(),
  ...propertyPolicy(),
  operatorDeployment(options),
]

const operatorNamespace = (): Namespace => ({
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: {
    name: systemNamespace,
    labels: { ...labelsOf('operator'), 'pod-security.kubernetes.io/enforce': 'privileged' },
  },
})

const operatorDeployment = ({ image }: OperatorOptions): Deployment => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: metadataOf('operator'),
  spec: {
    replicas: 2,
    selector: { matchLabels: selectorOf('operator') },
    template: {
      metadata: { labels: labelsOf('operator') },
      spec: {
        serviceAccountName: 'tombolo-operator',
        ...ownToken.pod,
        dnsPolicy: 'ClusterFirst',
        priorityClassName: 'system-cluster-critical',
        terminationGracePeriodSeconds: 10,
        containers: [
          {
            ...containerOf({
              component: 'operator',
              image,
              program: 'operator',
              port: operatorMetricsPort,
              env: { POD_NAME: { fieldPath: 'metadata.name' } } satisfies EnvOf<OperatorConfig>,
              memory: { request: '64Mi', limit: '1Gi' },
            }),
            securityContext: confined,
            volumeMounts: [ownToken.mount],
          },
        ],
        volumes: [ownToken.volume],
      },
    },
  },
})
