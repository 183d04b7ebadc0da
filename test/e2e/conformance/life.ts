// What happens to an export and its imports over time: what upstream's suite leaves out.
import assert from 'node:assert/strict'
import { exportToAnnotation } from '#crds/export-to.ts'
import { serviceExport } from '#crds/service-export.ts'
import { serviceImport } from '#crds/service-import.ts'
import type { Service } from '#lib/kube/kinds.ts'
import { namespaces, pods, services } from '#lib/kube/kinds.ts'
import type { Case, Place } from './stage.ts'
import {
  bothSay,
  dropNamespace,
  expose,
  exposeOutside,
  exportInBoth,
  exportIt,
  headless,
  holds,
  imported,
  importedSlices,
  name,
  nameIn,
  openNamespace,
  put,
  remove,
  resolve,
  run,
  short,
  soon,
  soonGone,
  soonImported,
  soonRunning,
  soonSays,
} from './stage.ts'

const readyIn = async (at: Place): Promise<number> =>
  (await importedSlices(at)).flatMap(({ endpoints }) => endpoints ?? []).filter(({ conditions }) => conditions?.ready === true)
    .length

/** Resolves when it is gone, with all that was in it. */
async function closeNamespace(at: Place): Promise<void> {
  const { api, namespace, signal } = at
  await dropNamespace(at)
  await soon(async () => assert.equal(await api.get(namespaces, { name: namespace }, signal), undefined), 60_000)
}

export const lives: readonly Case[] = [
  {
    title:
      '[mcs 16, mcs 17, mcs 18, mcs 19] an import says that it is ready, from which clusters, and that its slices are there, in both versions of the API',
    run: async ({ here, both }) => {
      await expose(here)
      await exportIt(here)
      for (const at of both)
        for (const version of ['v1beta1', 'v1alpha1'])
          await soon(async () => {
            const kind = { ...serviceImport, apiVersion: `multicluster.x-k8s.io/${version}` }
            const found = await at.api.get(kind, { namespace: at.namespace, name }, at.signal)
            assert.deepEqual(short(found?.status?.conditions), { Ready: 'True Ready' })
            assert.deepEqual(found?.status?.clusters, [{ cluster: 'east' }])
            assert.equal(found.status.endpointSliceObjects, 'Present')
          })
    },
  },
  {
    title:
      '[mcs 20, mcs 22, mcs 26] every property in which clusters differ is named on both exports, and forgotten once they agree',
    run: async (stage) => {
      const other = {
        sessionAffinity: 'ClientIP',
        internalTrafficPolicy: 'Local',
        trafficDistribution: 'PreferClose',
        ipFamilyPolicy: 'SingleStack',
        ipFamilies: ['IPv4'],
      } as Service['spec']
      await exportInBoth(stage, { there: { service: other } })
      const reasons = ['IPFamily', 'SessionAffinity', 'InternalTrafficPolicy', 'TrafficDistribution']
      await bothSay(stage, `True ${reasons.map((reason) => `${reason}Conflict`).join(',')}`)
      for (const at of stage.both) {
        const found = await imported(at)
        const { sessionAffinity, internalTrafficPolicy, trafficDistribution } = found?.spec ?? {}
        assert.deepEqual([sessionAffinity, internalTrafficPolicy, trafficDistribution], ['None', 'Cluster', undefined], at.id)
      }
      await remove(stage.there, services)
      await expose(stage.there)
      await bothSay(stage, 'False NoConflicts')
    },
  },
  {
    title: '[mcs 8, mcs 9] an export waits for its Service, follows it from one type to another, and ends with it',
    run: async ({ here, there, both }) => {
      await exportIt(here)
      await soonSays(here, { Valid: 'False NoService', Ready: 'False Pending' })
      await expose(here)
      await soonSays(here, { Valid: 'True Valid', Ready: 'True Exported' })
      await soonImported(there, ({ spec }) => assert.equal(spec.type, 'ClusterSetIP'))
      await remove(here, services)
      await soonSays(here, { Valid: 'False NoService' })
      await Promise.all(both.map(soonGone))
      await expose(here, headless)
      await soonImported(there, ({ spec }) => assert.equal(spec.type, 'Headless'))
      await remove(here, services)
      await expose(here, { type: 'NodePort' })
      await soonImported(there, ({ spec }) => assert.deepEqual([spec.type, spec.ips?.length], ['ClusterSetIP', 2]))
      await exposeOutside(here)
      await soonSays(here, { Valid: 'False InvalidServiceType' })
      await soonGone(there)
    },
  },
  {
    title:
      '[mcs 9, mcs 12] an import is where its namespace is: it comes with it, goes with it, and a namespace that exported takes its export along',
    run: async ({ here, there }) => {
      await expose(here)
      await exportIt(here)
      await soonImported(there)
      await closeNamespace(there)
      await holds(async () => assert.equal(await there.api.get(namespaces, { name: there.namespace }, there.signal), undefined))
      await openNamespace(there)
      await soonImported(there)
      await closeNamespace(here)
      await soonGone(there)
      await openNamespace(here)
      await holds(async () => assert.equal(await imported(there), undefined))
    },
  },
  {
    title: '[mcs 30, mcs 34] a pod that is not ready leaves the answers and is not ready in the slices, until it is again',
    run: async ({ here, there }) => {
      await Promise.all([run(here, 2), expose(here, headless)])
      await exportIt(here)
      await soonRunning(here, 2)
      const both = async (count: number) => {
        await soon(async () => assert.equal(await readyIn(there), 2 * count))
        await soon(async () => {
          const [a] = await resolve(there, `${nameIn(there)} A`)
          assert.equal(a?.records.length, count)
        })
      }
      await both(2)
      const [pod] = (await here.api.list(pods, { namespace: here.namespace, labels: `app=${name}` }, here.signal)).items
      const does = (...command: readonly string[]) =>
        here.cluster.exec(`${here.namespace}/${pod?.metadata.name ?? ''}`, command, here.signal)
      await does('touch', '/tmp/busy')
      await both(1)
      await does('rm', '/tmp/busy')
      await both(2)
    },
  },
  {
    title:
      '[mcs 27, mcs 30] endpoints keep their zone, which means the same in all clusters, and their node in its own cluster alone',
    run: async ({ here, there, both }) => {
      await Promise.all([run(here), expose(here, { trafficDistribution: 'PreferClose' })])
      await exportIt(here)
      await soonRunning(here, 1)
      for (const at of both)
        await soon(async () => {
          const endpoints = (await importedSlices(at)).flatMap((slice) => slice.endpoints ?? [])
          assert.equal(endpoints.length, 2)
          for (const { zone, hints, nodeName } of endpoints) {
            assert.match(zone ?? '', /^zone-/)
            assert.deepEqual(hints, { forZones: [{ name: zone }] })
            assert.equal(nodeName !== undefined, at !== there, `node of an endpoint in ${at.id}`)
          }
        })
    },
  },
  {
    title: '[mcs 7, mcs 9] an export for other clusters is not there for this one, until it is named, and after it was',
    run: async ({ here, there }) => {
      const exportFor = (clusters: string) =>
        put(here, serviceExport, { metadata: { annotations: { [exportToAnnotation]: clusters } } })
      await expose(here)
      await exportFor('north')
      await soonSays(here, { Ready: 'True Exported', ImportersKnown: 'False UnknownCluster' })
      await soonImported(here)
      await holds(async () => assert.equal(await imported(there), undefined))
      await exportFor(`north, ${there.id}`)
      await soonImported(there)
      await exportFor('north')
      await soonGone(there)
      assert.deepEqual(await importedSlices(there), [])
      assert.ok(await imported(here))
    },
  },
  {
    title: '[mcs 14] an import that somebody changed is put right again',
    run: async ({ here, there }) => {
      await expose(here)
      await exportIt(here)
      const { spec } = await soonImported(there, (found) => assert.equal(found.spec.ips?.length, 2))
      await put(there, serviceImport, { spec: { ...spec, type: 'Headless', ips: [] } })
      await soonImported(there, (found) => assert.deepEqual(found.spec, spec))
      await remove(there, serviceImport)
      // Another import: its address goes with the first one.
      await soonImported(there, (found) => {
        assert.deepEqual({ ...found.spec, ips: [] }, { ...spec, ips: [] })
        assert.equal(found.spec.ips?.length, 2)
      })
    },
  },
]
