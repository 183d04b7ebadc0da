// EndpointSlices of imports, and what the cluster's own DNS says of them to pods: KEP-1645 "EndpointSlice" and "DNS".
import assert from 'node:assert/strict'
import { mcsSourceClusterLabel, sliceManagedByLabel } from '#crds/places.ts'
import type { EndpointSlice, Service } from '#lib/kube/kinds.ts'
import { services } from '#lib/kube/kinds.ts'
import { derivedServiceName } from '#crds/places.ts'
import type { Case, Place, Stage } from './stage.ts'
import {
  expose,
  exportInBoth,
  exportIt,
  headless,
  importedSlices,
  name,
  nameIn,
  resolve,
  run,
  runNamed,
  soon,
  soonImported,
  soonRunning,
  unexport,
} from './stage.ts'

const endpointsOf = ({ endpoints }: EndpointSlice) => endpoints ?? []
const filled = async (at: Place) => (await importedSlices(at)).filter((slice) => endpointsOf(slice).length > 0)

/** One slice of each family from `cluster`, and no other. */
async function soonSlices(at: Place, cluster: string, endpoints: number): Promise<readonly EndpointSlice[]> {
  let found: readonly EndpointSlice[] = []
  await soon(async () => {
    found = await filled(at)
    assert.deepEqual(
      found.map(({ addressType, metadata, endpoints: some }) => [
        addressType,
        metadata.labels?.[mcsSourceClusterLabel],
        some?.filter(({ conditions }) => conditions?.ready === true).length,
      ]),
      ['IPv4', 'IPv6'].map((family) => [family, cluster, endpoints]),
      at.id,
    )
  }, 60_000)
  return found
}

const sorted = (texts: readonly string[]) => [...texts].sort()
const everywhere = ({ both }: Stage, check: (at: Place) => Promise<void>): Promise<unknown> => Promise.all(both.map(check))

async function pods(stage: Stage, replicas: number, service: Service['spec'] = {}): Promise<readonly string[]> {
  await Promise.all([run(stage.here, replicas), expose(stage.here, service)])
  await exportIt(stage.here)
  return soonRunning(stage.here, replicas)
}

export const named: readonly Case[] = [
  {
    title:
      '[suite 21, mcs 18, mcs 28, mcs 29] an import has a slice of each family from the cluster that exports, and they go with the export',
    run: async (stage) => {
      await pods(stage, 1)
      await everywhere(stage, async (at) => {
        for (const { metadata } of await soonSlices(at, 'east', 1)) {
          assert.notEqual(
            metadata.labels?.[sliceManagedByLabel] ?? 'endpointslice-controller.k8s.io',
            'endpointslice-controller.k8s.io',
          )
          assert.equal(metadata.labels?.['kubernetes.io/service-name'], derivedServiceName(at.namespace, name))
        }
      })
      await unexport(stage.here)
      await everywhere(stage, (at) => soon(async () => assert.deepEqual(await importedSlices(at), [])))
    },
  },
  {
    title:
      '[suite 22, suite 23, suite 24, mcs 33, mcs 36] a name has the import’s addresses, one SRV record a port, and the name in cluster.local stays',
    run: async (stage) => {
      await expose(stage.here)
      await exportIt(stage.here)
      await everywhere(stage, async (at) => {
        const { spec } = await soonImported(at, (found) => assert.equal(found.spec.ips?.length, 2))
        const [v4 = '', v6 = ''] = spec.ips ?? []
        await soon(async () => {
          const [a, aaaa, srv, port, none] = await resolve(
            at,
            `${nameIn(at)} A`,
            `${nameIn(at)} AAAA`,
            `${nameIn(at)} SRV`,
            `_udp._udp.${nameIn(at)} SRV`,
            `_nope._tcp.${nameIn(at)} SRV`,
          )
          assert.deepEqual(a?.records, [`A ${v4}`])
          assert.deepEqual(aaaa?.records, [`AAAA ${v6}`])
          // Port 42 of TCP and of UDP are one target and port.
          assert.deepEqual(srv?.records, [`SRV 0 100 42 ${nameIn(at)}.`])
          assert.deepEqual(port?.records, [`SRV 0 100 42 ${nameIn(at)}.`])
          assert.equal(none?.status, 'NXDOMAIN')
        })
      })
      const local = await stage.here.api.get(services, { namespace: stage.here.namespace, name }, stage.here.signal)
      const [inCluster] = await resolve(stage.here, `${nameIn(stage.here).replace('clusterset', 'cluster')} A`)
      assert.deepEqual(inCluster?.records, [`A ${local?.spec?.clusterIP ?? ''}`])
    },
  },
  {
    title:
      '[suite 25, mcs 30, mcs 34] pods of a StatefulSet keep their host names in slices, and each has a name of its own in its cluster',
    run: async (stage) => {
      await Promise.all([runNamed(stage.here, 2), expose(stage.here, headless)])
      await exportIt(stage.here)
      await soonRunning(stage.here, 2)
      await everywhere(stage, async (at) => {
        const endpoints = (await soonSlices(at, 'east', 2)).flatMap(({ addressType, endpoints: some }) =>
          (some ?? []).map((endpoint) => ({ ...endpoint, type: addressType === 'IPv4' ? 'A' : 'AAAA' })),
        )
        assert.deepEqual(sorted(endpoints.map(({ hostname = '' }) => hostname)), ['hello-0', 'hello-0', 'hello-1', 'hello-1'])
        await soon(async () => {
          const replies = await resolve(
            at,
            ...endpoints.map(({ hostname, type }) => `${hostname ?? ''}.east.${nameIn(at)} ${type}`),
          )
          assert.deepEqual(
            replies.map(({ records }) => records),
            endpoints.map(({ type, addresses }) => [`${type} ${addresses[0] ?? ''}`]),
          )
        })
      })
    },
  },
  {
    title:
      '[suite 26, suite 27, mcs 34] the name of a headless service has the addresses of all its pods, and an SRV record for each',
    run: async (stage) => {
      const addresses = await pods(stage, 2, headless)
      assert.equal(addresses.length, 4)
      await everywhere(stage, (at) =>
        soon(async () => {
          const [a, aaaa, srv] = await resolve(at, `${nameIn(at)} A`, `${nameIn(at)} AAAA`, `${nameIn(at)} SRV`)
          assert.deepEqual(
            sorted([...(a?.records ?? []), ...(aaaa?.records ?? [])]),
            sorted(addresses.map((ip) => `${ip.includes(':') ? 'AAAA' : 'A'} ${ip}`)),
          )
          const targets = (srv?.records ?? []).map((record) => /^SRV 0 25 42 (\S+?)\./.exec(record)?.[1] ?? record)
          assert.deepEqual(sorted(targets), sorted(addresses.map((ip) => ip.replaceAll(/[.:]/g, '-'))))
        }),
      )
    },
  },
  {
    title:
      '[mcs 34, mcs 35] a headless service of two clusters has the pods of both, and a cluster’s own name stays without records',
    run: async (stage) => {
      await Promise.all(stage.both.map((at) => runNamed(at, 1)))
      await exportInBoth(stage, { here: { service: headless }, there: { service: headless } })
      await Promise.all(stage.both.map((at) => soonRunning(at, 1)))
      await everywhere(stage, (at) =>
        soon(async () => {
          const [both, east, west, reserved, nobody] = await resolve(
            at,
            `${nameIn(at)} A`,
            `hello-0.east.${nameIn(at)} A`,
            `hello-0.west.${nameIn(at)} A`,
            `east.${nameIn(at)} A`,
            `hello-0.north.${nameIn(at)} A`,
          )
          assert.equal(both?.records.length, 2)
          assert.deepEqual(sorted(both.records), sorted([...(east?.records ?? []), ...(west?.records ?? [])]))
          assert.deepEqual(reserved?.records, [])
          assert.equal(nobody?.status, 'NXDOMAIN')
        }),
      )
    },
  },
  {
    title: '[mcs 32, mcs 33, mcs 35] what does not exist has no name, and what exists without a record says so',
    run: async (stage) => {
      await expose(stage.here, { ipFamilyPolicy: 'SingleStack', ipFamilies: ['IPv4'] })
      await exportIt(stage.here)
      const [own, namespace] = [nameIn(stage.there), stage.there.namespace]
      await soonImported(stage.there, ({ spec }) => assert.deepEqual(spec.ipFamilies, ['IPv4']))
      await soon(async () => {
        const replies = await resolve(
          stage.there,
          `${own} A`,
          `${own} AAAA`,
          `${own} MX`,
          `east.${own} A`,
          `nope.${namespace}.svc.clusterset.local A`,
          `${name}.nowhere.svc.clusterset.local A`,
          `${own}.${namespace}.svc.cluster.local A`,
          'dns-version.clusterset.local TXT',
        )
        assert.deepEqual(
          replies.map(({ status, records }) => [status, records.length]),
          [
            ['NOERROR', 1],
            ['NOERROR', 0],
            ['NOERROR', 0],
            ['NXDOMAIN', 0],
            ['NXDOMAIN', 0],
            ['NXDOMAIN', 0],
            ['NXDOMAIN', 0],
            ['NOERROR', 1],
          ],
        )
        assert.deepEqual(replies.at(-1)?.records, ['TXT "1.0.0"'])
      })
    },
  },
]
