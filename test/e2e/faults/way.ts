// What is wrong on the way of the packets: nodes, gateways, cables.
import assert from 'node:assert/strict'
import { agentOn } from '#test/kit/pods.ts'
import type { RigSuite } from '#test/kit/rig-suite.ts'
import type { Node } from '#test/rig/node.ts'
import type { Fault, Heal } from './fault.ts'
import { undo } from './fault.ts'

/** Again and again, as the agent puts them back. */
function flushing(node: Node, table: number): Heal {
  const flush = `rm -f /tmp/healed; until [ -e /tmp/healed ]; do ip route flush table ${table}; sleep 0.05; done`
  const running = node.exec(['sh', '-c', flush])
  return async () => {
    await node.exec(['touch', '/tmp/healed'])
    await running
  }
}

export const wayFaults = (at: RigSuite): readonly Fault[] => {
  const west = () => at.rig.cluster('west')
  return [
    {
      name: 'UDP 4800 is blocked between the nodes',
      plant: async () => {
        const node = west().node(2)
        const table =
          'table inet firewall { chain in { type filter hook input priority -200; udp dport 4800 drop; }; chain out { type filter hook output priority -200; udp dport 4800 drop; }; }'
        const { code, stderr } = await node.exec(['nft', table])
        assert.equal(code, 0, stderr)
        return () => node.exec(['nft', 'delete', 'table', 'inet', 'firewall'])
      },
      at: 'overlay',
      thenAsk: true,
      says: /nothing passes over the overlay/,
      diagnosis: {
        in: 'west',
        finds: [
          {
            check: 'overlay-port',
            says: /nothing that west-1 sends over the overlay arrives at west-2/,
            remedy: /Let UDP 4800 through/,
          },
        ],
      },
    },
    {
      name: 'the routes of the node are gone',
      plant: async () => {
        const { name } = await agentOn(west(), west().node(2).name)
        const heal = flushing(west().node(2), 7300)
        return async () => {
          await heal()
          await west().kubectl(['-n', 'tombolo-system', 'delete', 'pod', name, '--grace-period=1'])
        }
      },
      at: 'routes',
      thenAsk: true,
      says: /has no route to 10\.241\./,
      diagnosis: {
        in: 'west',
        finds: [{ check: 'node-routes', says: /west-2 has no way to 10\.241\..* of east/, remedy: /The agent puts it back/ }],
      },
    },
    {
      name: 'the gateway’s node has lost the ways back',
      plant: () => Promise.resolve(flushing(west().node(1), 7301)),
      at: 'way back',
      thenAsk: true,
      says: /^node west-1 does not know that 10\.242\.2\.0\/24 is on west-2$/,
      diagnosis: {
        in: 'west',
        finds: [
          {
            check: 'node-routes',
            says: /^west-1 does not know that 10\.242\.2\.0\/24 is on west-2: /,
            remedy: /The agent puts it back/,
          },
        ],
      },
    },
    {
      name: 'no node is a gateway',
      plant: async () => {
        const { name } = west().node(1)
        await west().kubectl(['label', 'node', name, 'tombolo.dev/gateway-'])
        return undo(west(), 'label', 'node', name, 'tombolo.dev/gateway=true', '--overwrite')
      },
      at: 'gateway',
      thenAsk: true,
      says: /no node carries the label/,
      diagnosis: [
        {
          in: 'west',
          finds: [
            {
              check: 'workloads-available',
              says: /no node carries the label/,
              remedy: /kubectl label node NODE tombolo\.dev\/gateway=true/,
            },
            { check: 'active-gateway', says: /no gateway is active/, remedy: /./ },
            { check: 'membership', says: /^west is not ready: /, remedy: /logs deployment\/tombolo-operator/ },
          ],
        },
        {
          in: 'east',
          finds: [
            {
              check: 'members-heard',
              says: /^west is NoGateway: it has announced no active gateway$/,
              remedy: /^Ask there: tombolo diagnose connections --context west/,
            },
          ],
        },
      ],
    },
    {
      name: 'nothing passes between the gateways',
      plant: async () => {
        const cut = await at.rig.partition('east', 'west')
        return () => Promise.resolve(cut[Symbol.asyncDispose]())
      },
      at: 'cable',
      thenAsk: true,
      says: /the cable between west-.* and east-.* is (Connecting|Error)/,
      diagnosis: {
        in: 'west',
        finds: [
          {
            check: 'cables-connected',
            says: /west-1 to east\/east-1 is (broken|not connected yet)/,
            remedy: /tombolo diagnose firewall/,
          },
          { check: 'gateway-ports', says: /east\/east-1/, remedy: /./ },
          { check: 'broker-reachable', says: /./, remedy: /From a node of this cluster/ },
        ],
      },
    },
  ]
}
