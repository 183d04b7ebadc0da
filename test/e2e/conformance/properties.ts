// What a ServiceImport says, and whose word decides (KEP-1645): nothing here needs a pod.
import assert from 'node:assert/strict'
import { isIP } from 'node:net'
import type { Service } from '#lib/kube/kinds.ts'
import type { ServiceImport } from '#crds/service-import.ts'
import type { Case, Stage } from './stage.ts'
import {
  bothSay,
  expose,
  exposeOutside,
  exportInBoth,
  exportIt,
  headless,
  holds,
  imported,
  soonGone,
  soonImported,
  soonSays,
  sticky,
  tcp,
  udp,
  unexport,
} from './stage.ts'

const all = <T>({ both }: Stage, act: (at: Stage['here']) => Promise<T>): Promise<readonly T[]> => Promise.all(both.map(act))

/** Exports `service` from here; in both clusters the import comes to satisfy `check`. */
async function inBoth(stage: Stage, service: Service['spec'], check: (found: ServiceImport) => void): Promise<void> {
  await expose(stage.here, service)
  await exportIt(stage.here)
  await all(stage, (at) => soonImported(at, check))
}

const portsOf = ({ spec }: ServiceImport) => spec.ports.map((p) => `${p.name ?? ''} ${p.protocol ?? ''} ${p.port}`).sort()
const lines = (...ports: readonly { readonly name: string; readonly protocol: string; readonly port: number }[]) =>
  ports.map((p) => `${p.name} ${p.protocol} ${p.port}`).sort()

export const properties: readonly Case[] = [
  {
    title: '[suite 1, mcs 13] an import is there for as long as anybody exports the service, and no longer',
    run: async (stage) => {
      await exportInBoth(stage, {})
      await all(stage, (at) =>
        soonImported(at, ({ status }) =>
          assert.deepEqual(
            status?.clusters?.map(({ cluster }) => cluster),
            ['east', 'west'],
          ),
        ),
      )
      await holds(async () => assert.ok(await imported(stage.here)))
      await unexport(stage.here)
      await holds(async () => {
        for (const at of stage.both) assert.ok(await imported(at), at.id)
      })
      await unexport(stage.there)
      await all(stage, soonGone)
    },
  },
  {
    title: '[suite 2, mcs 10] labels and annotations come from the ServiceExport alone, not from the Service',
    run: async (stage) => {
      await expose(stage.here, {}, { labels: { own: 'label' }, annotations: { own: 'annotation' } })
      await exportIt(stage.here, { exportedLabels: { tier: 'front' }, exportedAnnotations: { contact: 'shop' } })
      const found = await all(stage, (at) => soonImported(at))
      for (const { metadata } of found) {
        assert.equal(metadata.labels?.['tier'], 'front')
        assert.equal(metadata.annotations?.['contact'], 'shop')
        assert.equal(metadata.labels['own'] ?? metadata.annotations['own'], undefined)
      }
    },
  },
  {
    title: '[suite 3, mcs 20, mcs 22] clusters that export other labels are both told, and those of the older export hold',
    run: async (stage) => {
      const marked = (marks: Readonly<Record<string, string>>) => ({ exportedLabels: marks, exportedAnnotations: marks })
      const [front, back] = [marked({ tier: 'front' }), marked({ tier: 'back', floor: 'second' })]
      await exportInBoth(stage, { here: { export: front }, there: { export: back } })
      await bothSay(stage, 'True LabelsConflict,AnnotationsConflict')
      for (const at of stage.both) {
        const { labels = {}, annotations = {} } = (await imported(at))?.metadata ?? {}
        for (const marks of [labels, annotations])
          assert.deepEqual([marks['tier'], marks['floor']], ['front', undefined], `${at.id}: the maps are not joined`)
      }
      await exportIt(stage.there, front)
      await bothSay(stage, 'False NoConflicts')
    },
  },
  {
    title:
      '[suite 4, mcs 12, mcs 13] a Service with an address is imported as ClusterSetIP in every cluster, and goes with its export',
    run: async (stage) => {
      await inBoth(stage, {}, ({ spec }) => assert.equal(spec.type, 'ClusterSetIP'))
      await soonSays(stage.here, { Valid: 'True Valid', Ready: 'True Exported', Conflict: 'False NoConflicts' })
      await unexport(stage.here)
      await all(stage, soonGone)
    },
  },
  {
    title: '[suite 5, mcs 20] the import has the Service’s session affinity, with its time',
    run: (stage) =>
      inBoth(stage, sticky, ({ spec: { sessionAffinity, sessionAffinityConfig } }) =>
        assert.deepEqual({ sessionAffinity, sessionAffinityConfig }, sticky),
      ),
  },
  {
    title: '[suite 6, mcs 20] the import has the Service’s internalTrafficPolicy',
    run: (stage) =>
      inBoth(stage, { internalTrafficPolicy: 'Cluster' }, ({ spec }) => assert.equal(spec.internalTrafficPolicy, 'Cluster')),
  },
  {
    title: '[suite 7, mcs 20] the import has the Service’s trafficDistribution',
    run: (stage) =>
      inBoth(stage, { trafficDistribution: 'PreferClose' }, ({ spec }) => assert.equal(spec.trafficDistribution, 'PreferClose')),
  },
  {
    title: '[suite 8, mcs 15, mcs 16] the import has an address of each family, in the order of the families',
    run: (stage) =>
      inBoth(stage, {}, ({ spec }) => {
        assert.deepEqual(spec.ipFamilies, ['IPv4', 'IPv6'])
        assert.deepEqual(
          spec.ips?.map((ip) => isIP(ip)),
          [4, 6],
        )
      }),
  },
  {
    title: '[suite 9, mcs 20] the import has the Service’s ports, each with its name, protocol, number and appProtocol',
    run: (stage) => {
      const ports = [{ ...tcp, appProtocol: 'kubernetes.io/h2c' }, udp]
      return inBoth(stage, { ports }, ({ spec }) => assert.deepEqual(spec.ports, ports))
    },
  },
  {
    title: '[suite 10, mcs 23] ports of two clusters are joined, and as they differ both clusters are told',
    run: async (stage) => {
      const more = { name: 'more', protocol: 'SCTP', port: 142 }
      await exportInBoth(stage, { there: { service: { ports: [tcp, more] } } })
      await bothSay(stage, 'True PortConflict')
      await all(stage, (at) => soonImported(at, (found) => assert.deepEqual(portsOf(found), lines(tcp, udp, more))))
      await expose(stage.there)
      await bothSay(stage, 'False NoConflicts')
      await all(stage, (at) => soonImported(at, (found) => assert.deepEqual(portsOf(found), lines(tcp, udp))))
    },
  },
  {
    title: '[suite 11, mcs 21, mcs 23] of two ports of one name that of the older export stays, and both clusters are told',
    run: async (stage) => {
      await exportInBoth(stage, { there: { service: { ports: [{ ...tcp, port: 43 }] } } })
      await bothSay(stage, 'True PortConflict')
      await all(stage, (at) => soonImported(at, (found) => assert.deepEqual(portsOf(found), lines(tcp, udp))))
    },
  },
  {
    title:
      '[suite 12, mcs 12, mcs 13, mcs 16] a headless Service is imported as Headless in every cluster, and goes with its export',
    run: async (stage) => {
      await inBoth(stage, headless, ({ spec }) => {
        assert.equal(spec.type, 'Headless')
        assert.deepEqual(spec.ipFamilies, ['IPv4', 'IPv6'])
      })
      await unexport(stage.here)
      await all(stage, soonGone)
    },
  },
  {
    title: '[suite 13, mcs 15] a headless import never has an address',
    run: async (stage) => {
      const has = ({ spec }: ServiceImport) => assert.deepEqual(spec.ips ?? [], [])
      await inBoth(stage, headless, has)
      await holds(async () => {
        for (const at of stage.both) has((await imported(at)) ?? assert.fail(at.id))
      })
    },
  },
  {
    title: '[suite 14, mcs 8] a Service of type ExternalName cannot be exported, which is said, and nobody imports it',
    run: async (stage) => {
      await exposeOutside(stage.here)
      await exportIt(stage.here)
      await soonSays(stage.here, { Valid: 'False InvalidServiceType', Ready: 'False Failed' })
      await holds(async () => {
        for (const at of stage.both) assert.equal(await imported(at), undefined, at.id)
      })
    },
  },
  {
    title:
      '[suite 15, mcs 20, mcs 22] of a Service with an address and a headless one the older type holds, and both clusters are told',
    run: async (stage) => {
      await exportInBoth(stage, { there: { service: headless } })
      await bothSay(stage, 'True TypeConflict')
      await all(stage, (at) => soonImported(at, ({ spec }) => assert.equal(spec.type, 'ClusterSetIP')))
      await unexport(stage.there)
      await soonSays(stage.here, { Conflict: 'False NoConflicts' })
    },
  },
]
