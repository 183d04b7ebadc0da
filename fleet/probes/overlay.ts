// Whether packets pass over the overlay between gateways and the other nodes. Each of two nodes sends to the other and listens: who has
// sent lets the other's packets in as answers, so nothing has to be opened for it.
import { overlayDevice } from '#gateway/data-plane.ts'
import { linkLocalOf, macOf } from '#lib/net/mac.ts'
import type { Snapshot } from '../snapshot.ts'
import type { Agent } from './agents.ts'
import { agentsOf, askEach } from './agents.ts'
import type { Probe } from './probe.ts'
import type { OverlayFact } from './probed.ts'

/** Long enough for all of them to have begun. */
const lastsMs = 4000
const port = 4791

type Place = Agent & { readonly address: string }

export const tryOverlay: Probe = {
  subjects: ['firewall'],
  run: async (seen, exec, signal) => {
    const places = placesOf(seen)
    // Workers have business with gateways alone.
    const peersOf = (of: Place) => places.filter((p) => p !== of && (p.isGateway || of.isGateway))
    const taking = places.filter((p) => peersOf(p).length > 0)
    const asked = await askEach(
      taking,
      exec,
      (agent) => {
        const self = taking.find((p) => p === agent)
        if (self === undefined) throw new Error(`${agent.node} was not asked`)
        return [
          'node',
          '-e',
          script,
          overlayDevice,
          String(port),
          String(lastsMs),
          self.address,
          ...peersOf(self).map((p) => p.address),
        ]
      },
      (agent, printed) => [{ node: agent.node, heard: JSON.parse(printed) as readonly string[] }],
      signal,
      // All at the same time, else they miss each other.
      taking.length,
    )
    const overlay = asked.facts.flatMap(({ node, heard }): readonly OverlayFact[] => {
      const self = taking.find((p) => p.node === node)
      const answered = (peer: Place) => asked.facts.some((f) => f.node === peer.node)
      return self === undefined
        ? []
        : peersOf(self)
            .filter(answered)
            .map((peer) => ({ from: peer.node, to: node, heard: heard.includes(peer.address) }))
    })
    return { overlay, failed: asked.failed }
  },
}

/** Of each node the address on the overlay, which follows from its own. */
function placesOf(seen: Snapshot): readonly Place[] {
  return agentsOf(seen).flatMap((agent) => {
    const address = seen.platform.nodes.find((n) => n.name === agent.node)?.addresses[0]
    return address === undefined ? [] : [{ ...agent, address: linkLocalOf(macOf(address)) }]
  })
}

/** Prints the addresses that were heard; ends early when all were. */
const script = `
const { createSocket } = require('node:dgram')
const [device, port, lasts, self, ...peers] = process.argv.slice(1)
const heard = new Map()
const socket = createSocket('udp6')
const until = Date.now() + Number(lasts)
let done = 0
const end = () => { console.log(JSON.stringify([...heard.keys()])); process.exit(0) }
socket.on('error', (error) => { console.error(error.message); process.exit(1) })
socket.on('message', (_, from) => heard.set(from.address.split('%')[0], true))
socket.bind(Number(port), self + '%' + device, () => {
  setInterval(() => {
    for (const peer of peers) socket.send('tombolo', Number(port), peer + '%' + device, () => undefined)
    if (heard.size === peers.length) done++
    // A few more, for those that began later.
    if (done > 15 || Date.now() > until) end()
  }, 50)
})
`
