// What KEP-1645 (Multi-Cluster Services API) and KEP-2149 (About API) ask of an implementation, in our words and by our numbers, and what
// each spec of upstream's conformance suite (sigs.k8s.io/mcs-api) is about. Tests name them in their titles: `[mcs 24, suite 19] …`.

/** `reason`: why no test covers it. */
export type Item = { readonly text: string; readonly level: 'must' | 'should' | 'open'; readonly reason?: string }

export const mcsItems: Readonly<Record<number, Item>> = {
  1: {
    level: 'must',
    text: 'The cluster’s id is in ClusterProperty `cluster.clusterset.k8s.io` for as long as `clusterset.k8s.io` is there.',
  },
  2: {
    level: 'must',
    text: '`clusterset.k8s.io` is there and does not change while the cluster is a member; it goes when the cluster leaves.',
  },
  3: { level: 'must', text: 'The id is a DNS name. Ours is one label, since names of pods have room for one.' },
  4: { level: 'must', text: 'Another id, or another clusterset, is leaving and joining anew.' },
  5: { level: 'must', text: 'A join with an id that is missing or taken is refused, with what to do.' },
  6: { level: 'should', text: 'The properties are served in both versions of the About API.' },
  7: { level: 'must', text: 'Nothing is exported without a ServiceExport of the same name and namespace in that very cluster.' },
  8: {
    level: 'must',
    text: 'A missing Service is `Valid=False NoService`, an ExternalName `InvalidServiceType`; NodePort and LoadBalancer are exported as ClusterSetIP.',
  },
  9: {
    level: 'must',
    text: 'The end of the ServiceExport, the Service, its namespace or the cluster’s membership withdraws the cluster’s part.',
  },
  10: { level: 'must', text: 'Labels and annotations are exported from `spec.exported*` alone.' },
  11: { level: 'should', text: 'RBAC guards exporting.' },
  12: { level: 'must', text: 'An import is in every member that has the namespace, exporters included, and in no other.' },
  13: { level: 'must', text: 'With the last export the import goes, everywhere.' },
  14: { level: 'must', text: 'Only the controller writes ServiceImports; ordinary users have no right to.' },
  15: {
    level: 'must',
    text: 'A ClusterSetIP import has an address a family, in the order of `ipFamilies`, and keeps it; a headless one has none.',
  },
  16: { level: 'must', text: '`ipFamilies` is never empty, on headless imports neither.' },
  17: { level: 'must', text: 'Conditions tell what holds an import up, such as `Ready=False IPFamilyNotSupported`.' },
  18: { level: 'must', text: '`status.endpointSliceObjects` says that the slices are there.' },
  19: { level: 'must', text: '`status.clusters` lists who exports.' },
  20: {
    level: 'must',
    text: 'Ports, type, session affinity and its time, internalTrafficPolicy, trafficDistribution, exported labels and exported annotations hold for the service as a whole.',
  },
  21: { level: 'must', text: 'The oldest ServiceExport decides; between equals the cluster’s id does.' },
  22: {
    level: 'must',
    text: 'A disagreement is `Conflict=True` with its reason on every ServiceExport involved, and `NoConflicts` once it is over.',
  },
  23: {
    level: 'must',
    text: 'Ports are joined, by name first and then by protocol and number; port sets that are not identical are a `PortConflict`.',
  },
  24: { level: 'must', text: 'Traffic to a port reaches only clusters that expose it.' },
  25: { level: 'must', text: 'A conflict disturbs nobody: the oldest goes on serving.' },
  26: {
    level: 'must',
    text: '`IPFamilyConflict` whenever a family reaches only a part of the backends. Ours is the union of the families.',
  },
  27: { level: 'must', text: 'trafficDistribution works across clusters: one zone label is one zone.' },
  28: {
    level: 'must',
    text: 'A slice holds endpoints of one cluster and one family, in the service’s namespace, with both labels and a manager of its own.',
  },
  29: {
    level: 'must',
    text: 'Imported slices do not carry the name of the exported Service, or kube-proxy would add them to it.',
  },
  30: {
    level: 'must',
    text: 'Endpoints keep host name, zone, conditions and, in their own cluster, their node; they are packed into few slices.',
  },
  31: {
    level: 'should',
    text: 'A cluster that is not heard from loses its slices when its lease runs out.',
    reason:
      'Not done on purpose: what a silent broker says is no news of the path to a cluster. Endpoints stay until they are withdrawn or their cluster leaves or is revoked.',
  },
  32: { level: 'must', text: 'TXT `dns-version` in the zone `clusterset.local`.' },
  33: { level: 'must', text: 'A ClusterSetIP service has A and AAAA records at its name, SRV records at its named ports.' },
  34: {
    level: 'must',
    text: 'A headless service has the records of its ready endpoints, each of which has its own name; with none of them it has no name.',
  },
  35: { level: 'must', text: 'The name of a cluster below a service has no records: it is reserved.' },
  36: { level: 'must', text: '`cluster.local` stays as it is.' },
  37: { level: 'should', text: 'Names that DNS has no room for are reported.' },
  38: {
    level: 'open',
    text: 'NetworkPolicy, scale of imported endpoints, traffic preference between clusters: the KEP leaves these open.',
    reason: 'No rule to test.',
  },
}

/** The last run of upstream's suite, by its report. The report itself is upstream's words, and is not kept here. */
export const suiteRun = {
  /** As git describes it, and the commit that this is. */
  suite: 'v0.5.0-4-gded161a',
  commit: 'ded161af6ea9596cd9e878c61ed4f4e8d5cf8401',
  date: '27 November 2026',
  kubernetes: 'v1.37.2',
  took: '9 min 21 s on two cores with much other work on them',
  passed: '14 of 14 Required, 13 of 13 Optional',
} as const

/** By the order of the specs in the suite. */
export const suiteSpecs: readonly string[] = [
  'an import lives as long as an export',
  'exported labels and annotations, and no others',
  'conflict of labels and annotations',
  'ClusterSetIP import in every cluster, gone with the export',
  'session affinity',
  'internalTrafficPolicy',
  'trafficDistribution',
  'an address a family',
  'ports',
  'union of ports, with a conflict',
  'ports that clash',
  'headless import in every cluster, gone with the export',
  'a headless import has no address',
  'ExternalName is not valid',
  'conflict of types',
  'what is not exported is not reached',
  'reached by name',
  'only clusters that export are reached',
  'one port name, two numbers',
  'two port names',
  'slices come and go with the export',
  'A and AAAA records',
  'SRV records at the bare name',
  '`cluster.local` is as it was',
  'names of pods',
  'addresses of a headless service',
  'SRV records of a headless service',
]
