// Who is reached under a clusterset name, from pods of both clusters and over both families.
import assert from 'node:assert/strict'
import type { Case, Place, Stage } from './stage.ts'
import {
  answers,
  answersUDP,
  bothSay,
  clustersIn,
  expose,
  exportInBoth,
  exportIt,
  families,
  resolve,
  nameIn,
  run,
  soon,
  soonRunning,
  sticky,
  tcp,
  udp,
} from './stage.ts'

/** Every connection to `port` from anywhere comes to a pod of `cluster`; what has not arrived yet may be waited for. */
async function onlyReaches({ both }: Stage, port: number, cluster: string): Promise<void> {
  for (const at of both)
    for (const family of families)
      await soon(async () => assert.deepEqual(clustersIn(await answers(at, family, port)), [cluster], `${at.id}, IPv${family}`))
}

const everywhere = ({ both }: Stage, check: (at: Place, family: 4 | 6) => Promise<void>): Promise<unknown> =>
  Promise.all(both.flatMap((at) => families.map((family) => check(at, family))))

const elsewhere = { ...tcp, port: 4242, targetPort: 42 }

export const reached: readonly Case[] = [
  {
    title: '[suite 16, mcs 7] a Service that is not exported has no clusterset name, and nobody reaches it',
    run: async (stage) => {
      await Promise.all([run(stage.here), expose(stage.here)])
      await soonRunning(stage.here, 1)
      await everywhere(stage, async (at, family) => {
        assert.deepEqual(await answers(at, family, 42, 3), ['nobody', 'nobody', 'nobody'])
        assert.deepEqual(await resolve(at, `${nameIn(at)} ${family === 4 ? 'A' : 'AAAA'}`), [{ status: 'NXDOMAIN', records: [] }])
      })
    },
  },
  {
    title:
      '[suite 17, mcs 15, mcs 33] an exported Service is reached by its clusterset name from every cluster, over TCP and UDP',
    run: async (stage) => {
      await Promise.all([run(stage.here), expose(stage.here, sticky)])
      await exportIt(stage.here)
      await everywhere(stage, async (at, family) => {
        await soon(async () => assert.deepEqual(clustersIn(await answers(at, family, 42, 1)), ['east']))
        await soon(async () => assert.match(await answersUDP(at, family, 42), /^east /))
      })
    },
  },
  {
    title: '[suite 18, mcs 7] a Service of the same name that is not exported gets no traffic',
    run: async (stage) => {
      await Promise.all(stage.both.flatMap((at) => [run(at), expose(at, sticky)]))
      await exportIt(stage.here)
      await Promise.all(stage.both.map((at) => soonRunning(at, 1)))
      await onlyReaches(stage, 42, 'east')
    },
  },
  {
    title: '[suite 19, mcs 23, mcs 24] a cluster that has the port’s name under another number gets no traffic for it',
    run: async (stage) => {
      await Promise.all(stage.both.map((at) => run(at)))
      await exportInBoth(stage, {
        here: { service: { ...sticky, ports: [tcp] } },
        there: { service: { ...sticky, ports: [elsewhere] } },
      })
      await bothSay(stage, 'True PortConflict')
      await Promise.all(stage.both.map((at) => soonRunning(at, 1)))
      await onlyReaches(stage, 42, 'east')
    },
  },
  {
    title: '[suite 20, mcs 23, mcs 24] of ports that only one cluster has each leads to that cluster',
    run: async (stage) => {
      await Promise.all(stage.both.map((at) => run(at)))
      await exportInBoth(stage, {
        here: { service: { ...sticky, ports: [tcp] } },
        there: { service: { ...sticky, ports: [{ ...elsewhere, name: 'tcp2' }] } },
      })
      await bothSay(stage, 'True PortConflict')
      await Promise.all(stage.both.map((at) => soonRunning(at, 1)))
      await onlyReaches(stage, 42, 'east')
      await onlyReaches(stage, 4242, 'west')
    },
  },
  {
    title: '[mcs 24, mcs 27] clusters that export the same share the traffic',
    run: async (stage) => {
      await Promise.all(stage.both.map((at) => run(at)))
      await exportInBoth(stage, { here: { service: { ports: [tcp, udp] } } })
      await Promise.all(stage.both.map((at) => soonRunning(at, 1)))
      await everywhere(stage, (at, family) =>
        soon(async () => assert.deepEqual(clustersIn(await answers(at, family, 42, 20)), ['east', 'west'])),
      )
    },
  },
]
