// Somebody answers for clusterset.local.
import { clustersetZone } from '#crds/places.ts'
import type { Check } from './check.ts'
import { pass } from './check.ts'

const scale = 'kubectl -n tombolo-system scale deployment/tombolo-dns --replicas=2'

export const dnsServers: Check = {
  name: 'dns-servers',
  subject: 'dns',
  asks: `Does a server for ${clustersetZone} run, with an address?`,
  run: ({ member }) => {
    if (member === undefined) return []
    if (member.dnsAddresses.length === 0)
      return [
        {
          level: 'fail',
          about: ['Service tombolo-system/tombolo-dns'],
          says: 'the Service tombolo-dns is missing or has no address',
          remedy: 'The operator makes it: kubectl -n tombolo-system logs deployment/tombolo-operator says what stops it.',
        },
      ]
    const ready = member.pods.filter((p) => p.component === 'dns' && p.ready && !p.going)
    if (ready.length > 0) return [pass(`${ready.length} servers ready at ${member.dnsAddresses.join(' and ')}`)]
    const scaledDown = member.workloads.some((w) => w.component === 'dns' && w.wanted === 0)
    return [
      {
        level: 'fail',
        about: ['Deployment tombolo-system/tombolo-dns'],
        says: `no server for ${clustersetZone} is ready: its names have no answer in this cluster`,
        remedy: scaledDown ? scale : 'kubectl -n tombolo-system describe pods -l app.kubernetes.io/component=dns says why.',
      },
    ]
  },
}
