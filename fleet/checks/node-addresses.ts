// The overlay between nodes needs of each an internal address, all of one family.
import type { Check } from './check.ts'
import { orPass } from './check.ts'

export const nodeAddresses: Check = {
  name: 'node-addresses',
  subject: 'cni',
  asks: 'Has every node an internal address of the same family as the gateways?',
  run: ({ member, platform: { nodes } }) => {
    if (member === undefined || nodes.length === 0) return []
    const families = nodes
      .filter((n) => n.gateway)
      .flatMap((n) => n.addresses[0] ?? [])
      .map(familyOf)
    const [family = familyOf(nodes.flatMap((n) => n.addresses[0] ?? [])[0] ?? '')] = families
    return orPass(
      nodes
        .filter((n) => !n.addresses.some((a) => familyOf(a) === family))
        .map((n) => ({
          level: 'fail' as const,
          about: [`Node ${n.name}`],
          says: `${n.name} has no internal ${family} address: its pods reach no other cluster`,
          remedy: `Give its kubelet one with --node-ip; kubectl get node ${n.name} -o wide shows what it has.`,
        })),
      `every node has an internal ${family} address`,
    )
  },
}

const familyOf = (address: string): 'IPv4' | 'IPv6' => (address.includes(':') ? 'IPv6' : 'IPv4')
