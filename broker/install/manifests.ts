// What `tombolo deploy-broker` applies, as plain objects: the same values are printed by --dry-run, applied by the CLI and rendered into charts.
import { brokerKinds } from '#crds/index.ts'
import { brokerNamespace, componentLabel, controllerName, fleetName, managedBy } from '#crds/places.ts'
import { ownToken } from '#lib/kube/in-cluster.ts'
import type { KubeObject } from '#lib/kube/object.ts'
import { flowControl } from './limits.ts'
import { admissionPolicies } from './policy.ts'
import { brokerRoles } from './rbac.ts'

export const brokerMetricsPort = 9475

export type BrokerOptions = {
  readonly image: string
  /** Id of the clusterset; undefined leaves the Fleet of an earlier run as it is. */
  readonly clusterset: string | undefined
}

/** The CRDs: apply them first and wait until they are Established. */
export const brokerCRDs = (): readonly KubeObject[] => brokerKinds.map((kind) => kind.crd())

/** Everything else, in an order that can be applied from first to last. */
export const brokerManifests = (options: BrokerOptions): readonly KubeObject[] => [
  namespace(brokerNamespace, { 'pod-security.kubernetes.io/enforce': 'restricted' }),
  ...brokerRoles(),
  ...admissionPolicies(),
  ...flowControl(),
  ...(options.clusterset === undefined ? [] : [fleet(options.clusterset)]),
  controllerDeployment(options.image),
]

const namespace = (name: string, labels: Record<string, string>) => ({
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: { name, labels: { ...managedBy, ...labels } },
})

const fleet = (clusterset: string) => ({
  apiVersion: 'tombolo.dev/v1alpha1',
  kind: 'Fleet',
  metadata: { name: fleetName, namespace: brokerNamespace, labels: managedBy },
  spec: { clusterset },
})

function controllerDeployment(image: string) {
  const selector = { 'app.kubernetes.io/name': 'tombolo', [componentLabel]: 'broker-controller' }
  const labels = { ...selector, ...managedBy }
  const probe = (path: string) => ({ httpGet: { path, port: brokerMetricsPort }, timeoutSeconds: 5 })
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: controllerName, namespace: brokerNamespace, labels },
    spec: {
      // One is enough while clusters rarely join; a second only has to be asked for, as they elect a leader.
      replicas: 1,
      selector: { matchLabels: selector },
      template: {
        metadata: { labels },
        spec: {
          serviceAccountName: controllerName,
          ...ownToken.pod,
          priorityClassName: 'system-cluster-critical',
          terminationGracePeriodSeconds: 10,
          securityContext: { runAsNonRoot: true, runAsUser: 65532, seccompProfile: { type: 'RuntimeDefault' } },
          containers: [
            {
              name: 'broker-controller',
              image,
              command: ['node', '--max-semi-space-size=1', '/opt/tombolo/broker.mjs'],
              env: [
                { name: 'NAMESPACE', value: brokerNamespace },
                { name: 'POD_NAME', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
                { name: 'METRICS_PORT', value: String(brokerMetricsPort) },
              ],
              ports: [{ name: 'metrics', containerPort: brokerMetricsPort, protocol: 'TCP' }],
              startupProbe: { ...probe('/healthz'), periodSeconds: 1, failureThreshold: 60 },
              livenessProbe: { ...probe('/healthz'), periodSeconds: 10, failureThreshold: 3 },
              readinessProbe: { ...probe('/readyz'), periodSeconds: 2 },
              resources: { requests: { cpu: '10m', memory: '64Mi' }, limits: { memory: '512Mi' } },
              securityContext: {
                allowPrivilegeEscalation: false,
                readOnlyRootFilesystem: true,
                capabilities: { drop: ['ALL'] },
              },
              volumeMounts: [ownToken.mount],
            },
          ],
          volumes: [ownToken.volume],
        },
      },
    },
  }
}
