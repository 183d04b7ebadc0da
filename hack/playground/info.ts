// What the playground is made of, for scripts and tests of others. The shape is a contract.
import type { Rig } from '#test/rig/rig.ts'
import { programPath } from '../setup/programs.ts'

export const infoOf = (rig: Rig) => ({
  run: rig.run,
  clusters: rig.clusters.map(({ id, kubeconfig, podCIDRs, serviceCIDRs, nodes }) => ({
    id,
    kubeconfig,
    podCIDR: podCIDRs[0],
    serviceCIDR: serviceCIDRs[0],
    nodes: nodes.map(({ name, netns, address }) => ({ name, netns, address })),
  })),
  broker: { cluster: rig.clusters[0]?.id, kubeconfig: rig.clusters[0]?.kubeconfig },
  kubectl: programPath('kubectl'),
})

/** What a person could try next. */
export const nextSteps = (rig: Rig): string => {
  const [first, second] = rig.clusters.map(({ id }) => id)
  return `Try next:
  export KUBECONFIG=${rig.kubeconfig}
  bin/tombolo show --context ${first}
  npm run --silent playground -- kubectl ${second} -n shop exec client -- dig +short SRV _http._tcp.web.shop.svc.clusterset.local
  npm run --silent playground -- exec ${second} ${second}-1 -- ip route show table 7300
  npm run --silent playground -- kubectl ${first} -n tombolo-system exec daemonset/tombolo-gateway -- wg show
  npm run --silent playground -- kubectl ${first} -n shop scale deployment web --replicas 5
  npm run --silent playground -- down`
}
