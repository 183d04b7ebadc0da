// About API (KEP-2149). The upstream shape. What a member's two properties may be is for its Membership to say
// (operator/install/manifests/properties.ts); of others nothing is checked but that they are not empty.
import { z } from 'zod'
import type { ObjectOf } from './define.ts'
import { define } from './define.ts'

export const clusterIDProperty = 'cluster.clusterset.k8s.io'
export const clustersetProperty = 'clusterset.k8s.io'

export const clusterProperty = define({
  group: 'about.k8s.io',
  kind: 'ClusterProperty',
  plural: 'clusterproperties',
  categories: ['multicluster'],
  scope: 'Cluster',
  versions: ['v1beta1', 'v1alpha1'],
  about: 'A property of this cluster (KEP-2149): its id `cluster.clusterset.k8s.io` and its clusterset `clusterset.k8s.io`.',
  annotations: { 'api-approved.kubernetes.io': 'https://github.com/kubernetes/enhancements/pull/3084' },
  columns: [{ name: 'value', path: '.spec.value' }],
  specOptional: true,
  spec: z.object({ value: z.string().min(1) }),
  status: z.object({}),
})
export type ClusterProperty = ObjectOf<typeof clusterProperty>
