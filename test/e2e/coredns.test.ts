// CoreDNS' own `multicluster` option on our objects: it must answer right from them too. Both servers watch one real apiserver, and what
// they say is compared answer by answer; where they differ, the reason stands beside what CoreDNS says.
import assert from 'node:assert/strict'
import { serviceImport } from '#crds/service-import.ts'
import type { Slice } from '#dns/pods.ts'
import type { Service } from '#dns/records.ts'
import { endpointSlices, namespaces } from '#lib/kube/kinds.ts'
import type { BareBroker } from '#test/kit/bare-broker.ts'
import { bareBroker } from '#test/kit/bare-broker.ts'
import type { NameServer } from '#test/kit/coredns.ts'
import { coreDNS, ourServer, said, takeImports } from '#test/kit/coredns.ts'
import { headlessServices, virtual } from '#test/kit/names.ts'

const http = [{ name: 'http', protocol: 'TCP', port: 80 }]

const services: readonly (readonly [Service, ...slices: readonly Slice[]])[] = [
  [virtual('web', ['10.42.0.7'], http)],
  [virtual('dual', ['10.42.0.8', 'fd00:42::8'], http)],
  [virtual('fresh', [], http)],
  [virtual('portless', ['10.42.0.10'])],
  [
    virtual(
      'hello',
      ['10.42.0.11'],
      [
        { name: 'tcp', protocol: 'TCP', port: 42 },
        { name: 'udp', protocol: 'UDP', port: 42 },
      ],
    ),
  ],
  ...headlessServices,
]

/** Both must say the same. */
const alike = [
  ...['web.shop.svc A', 'wEb.SHOP.svc A', 'web.shop.svc AAAA', 'web.shop.svc MX', 'web.shop.svc TXT', 'web.shop.svc HTTPS'],
  ...['dual.shop.svc A', 'dual.shop.svc AAAA', 'fresh.shop.svc A', 'fresh.shop.svc AAAA'],
  ...['_http._tcp.web.shop.svc SRV', 'web.shop.svc SRV'],
  ...['_nope._tcp.web.shop.svc SRV', '_http._udp.web.shop.svc SRV', '_http._tcp.web.shop.svc AAAA'],
  ...['db.shop.svc A', 'db.shop.svc AAAA', 'db.shop.svc SRV', '_pg._tcp.db.shop.svc SRV'],
  ...['db-0.c-a.db.shop.svc A', 'db-0.c-b.db.shop.svc A', '10-1-2-3.c-a.db.shop.svc A', 'db-0.c-a.db.shop.svc AAAA'],
  ...['db-9.c-a.db.shop.svc A', '10-1-2-4.c-a.db.shop.svc A', 'many.shop.svc A', 'm-0.c-a.many.shop.svc A'],
  ...[
    'six-pods.shop.svc AAAA',
    'fd00-1--0.c-a.six-pods.shop.svc AAAA',
    'p-1.c-a.six-pods.shop.svc AAAA',
    'six-pods.shop.svc SRV',
  ],
  ...['asleep.shop.svc A', 'asleep.shop.svc AAAA', '_pg._tcp.asleep.shop.svc SRV', 'void.shop.svc A'],
  ...['c-a.web.shop.svc A', 'c-z.db.shop.svc A', 'nope.shop.svc A', 'web.nope.svc A', 'web.shop.svc.cluster.local A'],
  ...['shop.svc A', 'nope.svc A', 'svc A', '@ SOA', '@ A'],
]

/** What CoreDNS says otherwise, and why we do not. */
const otherwise: readonly (readonly [question: string, theirs: string, why: string])[] = [
  [
    '_http._tcp.dual.shop.svc SRV',
    'NOERROR aa | _http._tcp.dual.shop.svc 5 SRV 0 50 80 dual.shop.svc | + dual.shop.svc 5 A 10.42.0.8 | + dual.shop.svc 5 AAAA fd00:42::8',
    'the hundred is shared by addresses; we share it by targets, of which there is one',
  ],
  [
    'hello.shop.svc SRV',
    'NOERROR aa | hello.shop.svc 5 SRV 0 50 42 hello.shop.svc | + hello.shop.svc 5 A 10.42.0.11',
    'the hundred is shared before equal records are made one',
  ],
  [
    'many.shop.svc SRV',
    'NOERROR aa | many.shop.svc 5 SRV 0 50 5432 m-0.c-a.many.shop.svc | + m-0.c-a.many.shop.svc 5 A 10.1.3.1 | + m-0.c-a.many.shop.svc 5 A 10.1.3.2',
    'the hundred is shared by addresses; we share it by targets, of which there is one',
  ],
  ['portless.shop.svc A', 'NXDOMAIN aa | SOA', 'it makes records from ports; a service without any has an address all the same'],
  ['c-a.db.shop.svc A', 'NXDOMAIN aa | SOA', 'there are names below it (RFC 8020): whoever remembers this denies them'],
  ['_tcp.web.shop.svc SRV', 'NXDOMAIN aa | SOA', 'there are names below it (RFC 8020)'],
  ['dns A', 'NXDOMAIN aa | SOA', 'there are names below it (RFC 8020)'],
  ['pod A', 'NOERROR aa | SOA', 'pods have no names there in the clusterset, so there is nothing to search'],
  ['@ NS', 'NOERROR aa | SOA', 'it looks for its own Service, and is started outside of any here; ours is told its address'],
  ['ns.dns A', 'NOERROR aa | SOA', 'it looks for its own Service, and is started outside of any here; ours is told its address'],
  ['dns-version TXT', 'NOERROR aa | dns-version 28800 TXT 1.1.0', 'it tells the version of the cluster DNS; KEP-1645 says 1.0.0'],
  ['web.shop.svc ANY', 'NOERROR aa | SOA', 'we give one kind of record (RFC 8482)'],
]

suite("CoreDNS' multicluster option on our objects", function () {
  this.timeout(120_000)
  const stop = new AbortController()
  let broker: BareBroker
  let ours: NameServer
  let theirs: NameServer

  suiteSetup(async () => {
    broker = await bareBroker('apiserver', stop.signal)
    await takeImports(broker, stop.signal)
    const { admin } = broker
    await admin.create(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop' } }, {}, stop.signal)
    for (const [service, ...slices] of services) {
      const { name } = service.metadata
      await admin.create(
        serviceImport,
        { apiVersion: serviceImport.apiVersion, kind: serviceImport.kind, ...service },
        {},
        stop.signal,
      )
      for (const [i, { metadata, ...rest }] of slices.entries())
        await admin.create(
          endpointSlices,
          {
            apiVersion: 'discovery.k8s.io/v1',
            kind: 'EndpointSlice',
            metadata: {
              name: `${name}-${i}`,
              namespace: 'shop',
              labels: { ...metadata.labels, 'multicluster.kubernetes.io/service-name': name },
            },
            ...rest,
          } as never,
          {},
          stop.signal,
        )
    }
    ours = await ourServer(broker)
    theirs = await coreDNS(broker, 'many.shop.svc.clusterset.local')
  })

  suiteTeardown(async () => {
    stop.abort()
    for (const one of [ours, theirs, broker]) await (one as AsyncDisposable | undefined)?.[Symbol.asyncDispose]()
  })

  for (const question of alike)
    test(`${question}: the same answer`, async () => {
      assert.equal(await said(theirs, question), await said(ours, question))
    })

  for (const [question, want, why] of otherwise)
    test(`${question}: another answer: ${why}`, async () => {
      const [their, our] = [await said(theirs, question), await said(ours, question)]
      assert.equal(their, want)
      assert.notEqual(our, want)
    })
})
