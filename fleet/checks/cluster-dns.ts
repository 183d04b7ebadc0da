// CoreDNS itself runs: a name of the clusterset comes by it.
import type { Check } from './check.ts'
import { pass } from './check.ts'

export const clusterDNS: Check = {
  name: 'cluster-dns',
  subject: 'dns',
  asks: 'Does the cluster DNS run?',
  run: ({ member, platform: { dns } }) => {
    if (member === undefined || dns.coreDNS === 'absent') return []
    if (dns.available >= Math.max(1, dns.wanted)) return [pass(`CoreDNS ${dns.available}/${dns.wanted}`)]
    return [
      {
        level: dns.available === 0 ? 'fail' : 'warn',
        about: ['Deployment kube-system/coredns'],
        says: `CoreDNS: ${dns.available} of ${dns.wanted} available`,
        remedy: 'kubectl -n kube-system describe pods -l k8s-app=kube-dns says why.',
      },
    ]
  },
}
