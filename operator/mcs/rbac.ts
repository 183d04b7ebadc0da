// The rights that services across clusters need in a member cluster.

type Rule = { readonly apiGroups: readonly string[]; readonly resources: readonly string[]; readonly verbs: readonly string[] }

const read = ['get', 'list', 'watch'] as const
const write = ['get', 'list', 'watch', 'create', 'update', 'patch', 'delete'] as const

export const mcsRules: readonly Rule[] = [
  { apiGroups: [''], resources: ['namespaces'], verbs: read },
  { apiGroups: [''], resources: ['services'], verbs: write },
  { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: write },
  // The endpoint slice admission wants to know that whoever writes a slice may also say where traffic goes.
  { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices/restricted'], verbs: ['create'] },
  { apiGroups: ['multicluster.x-k8s.io'], resources: ['serviceexports'], verbs: read },
  { apiGroups: ['multicluster.x-k8s.io'], resources: ['serviceexports/status'], verbs: ['get', 'update', 'patch'] },
  { apiGroups: ['multicluster.x-k8s.io'], resources: ['serviceimports'], verbs: write },
  {
    apiGroups: ['multicluster.x-k8s.io'],
    resources: ['serviceimports/status', 'serviceimports/finalizers'],
    verbs: ['get', 'update', 'patch'],
  },
  { apiGroups: ['tombolo.dev'], resources: ['servicetrafficpolicies'], verbs: read },
  { apiGroups: ['tombolo.dev'], resources: ['servicetrafficpolicies/status'], verbs: ['get', 'update', 'patch'] },
]
