// The cluster DNS sends questions about clusterset.local to our server.
import { clustersetZone } from '#crds/places.ts'
import type { Check } from './check.ts'
import { pass } from './check.ts'

const corefile = 'ConfigMap kube-system/coredns'

export const stubZone: Check = {
  name: 'stub-zone',
  subject: 'dns',
  asks: `Does the cluster DNS forward ${clustersetZone} to our server?`,
  run: ({ member, platform: { dns }, unread }) => {
    if (member === undefined || unread.some(({ what }) => what === 'the Corefile')) return []
    const [address] = member.dnsAddresses
    const by = address ?? 'the address of the Service tombolo-dns'
    if (dns.coreDNS === 'absent')
      return [
        {
          level: 'warn',
          about: [clustersetZone],
          says: 'kube-system has no CoreDNS as kubeadm installs it, so nobody wires the names in',
          remedy: `Let the cluster DNS forward ${clustersetZone} to ${by}; tombolo diagnose dns asks a name then.`,
        },
      ]
    if (dns.forwardsTo === undefined)
      return [
        {
          level: 'fail',
          about: [corefile],
          says: `neither the Corefile nor a file of coredns-custom that it imports has a block for ${clustersetZone}: its names are unknown in this cluster`,
          remedy: `The operator puts it in at once when it runs: kubectl -n tombolo-system rollout status deployment/tombolo-operator. If something else writes the Corefile, let it keep the block.`,
        },
      ]
    if (address !== undefined && !dns.forwardsTo.some((to) => member.dnsAddresses.includes(to)))
      return [
        {
          level: 'fail',
          about: [corefile],
          says: `the Corefile sends ${clustersetZone} to ${dns.forwardsTo.join(', ') || 'nobody'}, and our server is at ${member.dnsAddresses.join(', ')}`,
          remedy: `Correct the block for ${clustersetZone}: forward . ${by}`,
        },
      ]
    return [pass(`the cluster DNS forwards ${clustersetZone} to ${by}`)]
  },
}
