// Whether packets pass over the overlay between the nodes of this cluster: VXLAN, which firewalls between nodes often forget.
import { overlayPort as port } from '#gateway/data-plane.ts'
import type { Check } from './check.ts'
import { counted, orPass } from './check.ts'

export const overlayPort: Check = {
  name: 'overlay-port',
  subject: 'firewall',
  asks: `Does VXLAN (UDP ${port}) pass between the gateways and the other nodes? (probed)`,
  run: ({ probed: { overlay } }) =>
    overlay.length === 0
      ? []
      : orPass(
          overlay
            .filter(({ heard }) => !heard)
            .map(({ from, to }) => ({
              level: 'fail' as const,
              about: [`Node ${from}`, `Node ${to}`],
              says: `nothing that ${from} sends over the overlay arrives at ${to}`,
              remedy: `Let UDP ${port} through from ${from} to ${to}: firewalls and security groups of the nodes.`,
            })),
          `packets pass over the overlay, ${counted(overlay.length, 'way')} tried`,
        ),
}
