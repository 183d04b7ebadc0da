// Packets of full size fit what carries them: a device of ours whose packets do not fit the node's network once they are wrapped has
// them cut in two, which many networks do not let through.
import { cableDevices, cableSize, overlayDevice, overlayOverhead } from '#gateway/data-plane.ts'
import type { NodeNetwork } from '../probes/probed.ts'
import type { Check, Finding } from './check.ts'
import { orPass } from './check.ts'

export const mtu: Check = {
  name: 'mtu',
  subject: 'connections',
  asks: 'Do full packets fit the network of the nodes? (probed)',
  run: ({ probed: { networks } }) => {
    const known = networks.filter((n) => n.underlay !== undefined)
    if (known.length === 0) return []
    return orPass(
      known.flatMap((network) => tooWide(network)),
      `full packets fit the network of every node (${[...new Set(known.map((n) => n.underlay?.mtu))].join(', ')} bytes)`,
    )
  },
}

function tooWide({ node, links, underlay }: NodeNetwork): readonly Finding[] {
  return [
    { name: cableDevices.wireguard, overhead: cableSize.wireguard.overhead },
    { name: cableDevices.ipsec, overhead: cableSize.ipsec.overhead },
    { name: overlayDevice, overhead: overlayOverhead.IPv4 },
  ].flatMap(({ name, overhead }) => {
    const link = links.find((l) => l.name === name)
    if (link === undefined || underlay === undefined || link.mtu + overhead <= underlay.mtu) return []
    return [
      {
        level: 'warn' as const,
        about: [`Node ${node}`],
        says: `${name} on ${node} takes packets of ${link.mtu} bytes, which with ${overhead} bytes around them exceed the ${underlay.mtu} of ${underlay.name}`,
        remedy: `Raise the MTU of ${underlay.name} on ${node} to ${link.mtu + overhead} or more.`,
      },
    ]
  })
}
