// GatewayEndpoints and gateway nodes belong together: others keep cables to the first, and only the second answer.
import { gatewayNodeLabel } from '#crds/places.ts'
import type { Check } from './check.ts'
import { orPass } from './check.ts'

export const formerGateways: Check = {
  name: 'former-gateways',
  subject: 'connections',
  asks: 'Has every gateway node announced itself, and no other node?',
  run: ({ member, platform: { nodes } }) => {
    if (member === undefined || nodes.length === 0) return []
    const announced = member.gateways.filter((g) => g.spec.clusterID === member.membership.spec.clusterID)
    const labelled = nodes.filter((n) => n.gateway)
    return orPass(
      [
        ...announced
          .filter((g) => !labelled.some((n) => n.name === g.spec.node))
          .map((g) => ({
            level: 'warn' as const,
            about: [`Node ${g.spec.node}`],
            says: `${g.spec.node} is announced as a gateway and carries no label ${gatewayNodeLabel}=true`,
            remedy: `The operator takes it back within seconds; if not: kubectl -n tombolo-system delete gatewayendpoint ${g.metadata.name}.`,
          })),
        ...labelled
          .filter((n) => !announced.some((g) => g.spec.node === n.name))
          .map((n) => ({
            level: 'warn' as const,
            about: [`Node ${n.name}`],
            says: `gateway node ${n.name} has not announced itself to the other clusters`,
            remedy:
              'kubectl -n tombolo-system logs -l app.kubernetes.io/component=gateway says why; a gateway waits for the Allocation from the broker.',
          })),
      ],
      `every gateway node has announced itself`,
    )
  },
}
