// From a cable to a pod of another node: how the node that runs the gateway hands on what came for it. Without its routes packets go as the
// CNI would send them, and a strict reverse path filter on the pod's node drops those of IPv4, which nothing else shows.
import { returnTable } from '#gateway/data-plane.ts'
import { familyOf, hostBlock } from '#lib/net/cidr.ts'
import type { NodeFact } from '../facts/platform.ts'
import type { Judgement } from './hop.ts'
import { broken, fine } from './hop.ts'
import type { NodeReading } from './node.ts'

/** `address`: of either end of a connection, for its family. `remedy`: what has the gateway's node set up anew. */
export function wayIn(
  { node: gatewayNode, rules, routes }: NodeReading,
  { name, podCIDRs }: NodeFact,
  address: string,
  remedy: string,
): Judgement {
  const family = familyOf(hostBlock(address))
  const blocks = podCIDRs.filter((block) => block.includes(':') === address.includes(':'))
  if (blocks.length === 0)
    return fine(`${gatewayNode} leaves pods on ${name} to the CNI, as the Node object names no block of theirs`)
  if (!rules.some((r) => r.table === returnTable && r.family === family))
    return broken(
      `node ${gatewayNode} hands on nothing that comes out of a cable: the rule for table ${returnTable} is missing for ${family}`,
      remedy,
      'ip rule show',
    )
  const without = blocks.filter((block) => !routes.some((r) => r.table === returnTable && r.to === block))
  return without.length === 0
    ? fine(`node ${gatewayNode} sends ${blocks.join(' and ')} on to ${name}`)
    : broken(
        `node ${gatewayNode} does not know that ${without.join(' and ')} is on ${name}`,
        remedy,
        `ip route show table ${returnTable}`,
      )
}
