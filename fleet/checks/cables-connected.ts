// Every cable of this cluster's gateways carries packets both ways, and its round trip is known.
import type { ConnectionRow } from '../rows/connections.ts'
import { connectionsOf } from '../rows/connections.ts'
import { peersOf } from '../rows/clusters.ts'
import type { Check, Finding } from './check.ts'
import { counted, orPass } from './check.ts'

/** Nobody would call a path well that takes so long. */
const slowMs = 1000

export const cablesConnected: Check = {
  name: 'cables-connected',
  subject: 'connections',
  asks: 'Is every gateway connected to every gateway of the other clusters?',
  run: (seen) => {
    const { member } = seen
    if (member === undefined) return []
    if (peersOf(member).length === 0) return [{ level: 'pass', about: [], says: 'no other cluster has joined yet' }]
    const cables = connectionsOf(seen)
    const rtts = cables.flatMap((c) => c.rttMs ?? [])
    return orPass(
      cables.flatMap((cable) => broken(cable) ?? []),
      `${counted(cables.length, 'cable')} connected${rtts.length === 0 ? '' : `, round trips ${Math.min(...rtts).toFixed(1)} to ${Math.max(...rtts).toFixed(1)} ms`}`,
    )
  },
}

function broken(cable: ConnectionRow): Finding | undefined {
  const way = `${cable.node} to ${cable.remoteCluster}/${cable.remoteNode}`
  const about = [cable.remoteCluster, `Node ${cable.node}`]
  // Of a standby the next hand-over will show it; traffic flows.
  const level = cable.role === 'Active' ? 'fail' : 'warn'
  if (cable.state !== 'Connected')
    return {
      level,
      about,
      says: `${way} is ${cable.state === 'Error' ? 'broken' : 'not connected yet'}${cable.message === undefined ? '' : `: ${cable.message}`}`,
      remedy: 'tombolo diagnose firewall says which way is closed.',
    }
  if (cable.rttMs === undefined)
    return { level: 'warn', about, says: `${way} is connected and has no round trip`, remedy: restartOf(cable.node) }
  return cable.rttMs < slowMs
    ? undefined
    : {
        level: 'warn',
        about,
        says: `${way} takes ${Math.round(cable.rttMs)} ms there and back`,
        remedy: `Look at the network between the two, and at the load of both nodes: kubectl top node ${cable.node}.`,
      }
}

const restartOf = (node: string): string =>
  `kubectl -n tombolo-system delete pod -l app.kubernetes.io/component=gateway --field-selector spec.nodeName=${node} starts it anew.`
