// What the faults are made of, as text for kubectl.
export const askerOn = (node: string, name = 'asker', more = ''): string => `
apiVersion: v1
kind: Pod
metadata: { name: ${name}, namespace: shop, labels: { app: asker } }
spec:
  nodeName: ${node}
  terminationGracePeriodSeconds: 1
  containers:
    - name: client
      image: localhost/toolbox:1
      command: [sleep, infinity]
      ${more}
`
export const exportOf = (namespace: string, name: string): string =>
  JSON.stringify({ apiVersion: 'multicluster.x-k8s.io/v1beta1', kind: 'ServiceExport', metadata: { name, namespace } })

/** To nobody that there is. */
export const grantOf = (service: string): string =>
  JSON.stringify({
    apiVersion: 'tombolo.dev/v1alpha1',
    kind: 'ExportGrant',
    metadata: { name: service, namespace: 'tombolo-broker' },
    spec: { namespace: 'shop', services: [service], clusters: ['nowhere'] },
  })

export const policy = (name: string, type: string, rest: string): string => `
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: { name: ${name}, namespace: shop }
spec:
  podSelector: {}
  policyTypes: [${type}]
  ${rest.slice(1, -1).trim()}
`
/** Has a manual endpoint, so that it is offered and the namespace is all that is missing. */
export const elsewhere = `
apiVersion: v1
kind: Service
metadata: { name: web, namespace: books }
spec: { ports: [{ name: http, port: 80, targetPort: 8080 }] }
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: { name: web-1, namespace: books, labels: { kubernetes.io/service-name: web } }
addressType: IPv4
ports: [{ name: http, port: 8080, protocol: TCP }]
endpoints: [{ addresses: [10.241.1.250], conditions: { ready: true } }]
`
export const wrongTarget = `
apiVersion: v1
kind: Service
metadata: { name: wrong, namespace: shop }
spec: { selector: { app: web }, ports: [{ name: http, port: 80, targetPort: 8099 }] }
`

/** No node is chosen by it. */
export const restingDaemonSet = (name: string): string => `
apiVersion: apps/v1
kind: DaemonSet
metadata: { name: ${name}, namespace: kube-system }
spec:
  selector: { matchLabels: { app: ${name} } }
  template:
    metadata: { labels: { app: ${name} } }
    spec:
      nodeSelector: { kubernetes.io/hostname: nowhere }
      containers: [{ name: rest, image: localhost/pause:1 }]
`
export const configMap = (name: string, data: Readonly<Record<string, string>>): string =>
  JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: 'kube-system' }, data })

/** As a cluster's owner may forbid it to everybody. */
export const forbidsExec = (namespace: string, message: string): string => `
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: { name: no-exec }
spec:
  matchConstraints:
    namespaceSelector: { matchLabels: { kubernetes.io/metadata.name: ${namespace} } }
    resourceRules: [{ apiGroups: [''], apiVersions: [v1], operations: [CONNECT], resources: [pods/exec] }]
  validations: [{ expression: 'false', message: ${message} }]
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: { name: no-exec }
spec: { policyName: no-exec, validationActions: [Deny] }
`
