// The table of what each question gets: KEP-1645's DNS section, and what resolvers need beyond it. Read this first.
import assert from 'node:assert/strict'
import { emptyZone, headlessServices, virtual, zoneOf } from '#test/kit/names.ts'
import { answer } from './answer.ts'
import { classes } from './wire/codes.ts'
import { nameOf } from './wire/name.ts'
import { recordText } from './wire/record.ts'

const http = [{ name: 'http', protocol: 'TCP', port: 80 }]

const zone = zoneOf([
  [virtual('web', ['10.42.0.7'], http)],
  [virtual('dual', ['10.42.0.8', 'FD00:42::8'], http)],
  [virtual('six', ['fd00:42::6'], http)],
  [virtual('fresh', [], http)],
  [virtual('plain', ['10.42.0.9'], [{ port: 80 }])],
  [virtual('portless', ['10.42.0.10'])],
  [
    virtual(
      'hello',
      ['10.42.0.11'],
      [
        { name: 'tcp', protocol: 'TCP', port: 42 },
        { name: 'udp', protocol: 'UDP', port: 42 },
        { name: 'alt', protocol: 'SCTP', port: 43 },
      ],
    ),
  ],
  ...headlessServices,
])

// Numbers of the types that our records do not have a name for.
const askable = {
  A: 1,
  NS: 2,
  SOA: 6,
  MX: 15,
  TXT: 16,
  AAAA: 28,
  SRV: 33,
  HTTPS: 65,
  TYPE65280: 65_280,
  IXFR: 251,
  AXFR: 252,
  ANY: 255,
} as const

type Row = readonly [about: string, question: string, want: string]

// `+` stands for an additional record, `SOA` for the negative answer's authority; the zone's name is left out.
const rows: readonly Row[] = [
  ['a service has its clusterset IP', 'web.shop.svc A', 'NOERROR | web.shop.svc 5 IN A 10.42.0.7'],
  ['the name is found in any case and answered as it was asked', 'wEb.SHOP.svc A', 'NOERROR | wEb.SHOP.svc 5 IN A 10.42.0.7'],
  ['an IPv4-only service has no IPv6 address, and exists', 'web.shop.svc AAAA', 'NOERROR | SOA'],
  ['an IPv6-only service has no IPv4 address, and exists', 'six.shop.svc A', 'NOERROR | SOA'],
  ['a dual-stack service has an address of each family', 'dual.shop.svc AAAA', 'NOERROR | dual.shop.svc 5 IN AAAA fd00:42::8'],
  ['types that we never have are absent from a name that exists', 'web.shop.svc MX', 'NOERROR | SOA'],
  ['browsers ask for HTTPS records first and must not be told "no such name"', 'web.shop.svc HTTPS', 'NOERROR | SOA'],
  ['HTTPS of a name that does not exist says so', 'nope.shop.svc HTTPS', 'NXDOMAIN | SOA'],
  ['a type that nobody has defined is absent too', 'web.shop.svc TYPE65280', 'NOERROR | SOA'],
  ['TXT exists for the version alone', 'web.shop.svc TXT', 'NOERROR | SOA'],
  ['other types of a name that does not exist say so', 'nope.shop.svc MX', 'NXDOMAIN | SOA'],
  ['ANY gets one kind of record (RFC 8482)', 'web.shop.svc ANY', 'NOERROR | web.shop.svc 5 IN A 10.42.0.7'],
  ['an import whose address is still to come exists: AAAA', 'fresh.shop.svc AAAA', 'NOERROR | SOA'],
  ['an import whose address is still to come exists', 'fresh.shop.svc A', 'NOERROR | SOA'],
  ['a service without ports has its address', 'portless.shop.svc A', 'NOERROR | portless.shop.svc 5 IN A 10.42.0.10'],
  [
    'a named port is found by SRV, with the address beside it',
    '_http._tcp.web.shop.svc SRV',
    'NOERROR | _http._tcp.web.shop.svc 5 IN SRV 0 100 80 web.shop.svc | + web.shop.svc 5 IN A 10.42.0.7',
  ],
  [
    'SRV brings the addresses of both families',
    '_http._tcp.dual.shop.svc SRV',
    'NOERROR | _http._tcp.dual.shop.svc 5 IN SRV 0 100 80 dual.shop.svc | + dual.shop.svc 5 IN A 10.42.0.8 | + dual.shop.svc 5 IN AAAA fd00:42::8',
  ],
  [
    'SRV at the bare name lists each target and port once, whatever the protocols',
    'hello.shop.svc SRV',
    'NOERROR | hello.shop.svc 5 IN SRV 0 50 42 hello.shop.svc | hello.shop.svc 5 IN SRV 0 50 43 hello.shop.svc | + hello.shop.svc 5 IN A 10.42.0.11',
  ],
  [
    'a port without a name is listed at the bare name',
    'plain.shop.svc SRV',
    'NOERROR | plain.shop.svc 5 IN SRV 0 100 80 plain.shop.svc | + plain.shop.svc 5 IN A 10.42.0.9',
  ],
  ['a port that does not exist is no name', '_nope._tcp.web.shop.svc SRV', 'NXDOMAIN | SOA'],
  ['a port under another protocol is no name', '_http._udp.web.shop.svc SRV', 'NXDOMAIN | SOA'],
  [
    'a port name that stands for nothing has no records under a protocol either',
    '_http._tcp.plain.shop.svc SRV',
    'NXDOMAIN | SOA',
  ],
  [
    'SRV is found in any case, and its target is written as it is',
    '_HTTP._tcp.Web.shop.svc SRV',
    'NOERROR | _HTTP._tcp.Web.shop.svc 5 IN SRV 0 100 80 web.shop.svc | + web.shop.svc 5 IN A 10.42.0.7',
  ],
  ['the name of a port has no address', '_http._tcp.web.shop.svc A', 'NOERROR | SOA'],
  ['a protocol with ports below it exists (RFC 8020)', '_tcp.web.shop.svc SRV', 'NOERROR | SOA'],
  [
    'a headless service has the addresses of its ready pods in all clusters',
    'db.shop.svc A',
    'NOERROR | db.shop.svc 5 IN A 10.1.2.4 | db.shop.svc 5 IN A 10.1.2.3 | db.shop.svc 5 IN A 10.2.0.4',
  ],
  ['a headless service of IPv4 pods has no IPv6 address, and exists', 'db.shop.svc AAAA', 'NOERROR | SOA'],
  ['a headless service without a ready pod does not exist: A', 'asleep.shop.svc A', 'NXDOMAIN | SOA'],
  ['a headless service without a ready pod does not exist: AAAA', 'asleep.shop.svc AAAA', 'NXDOMAIN | SOA'],
  ['a headless service without a ready pod does not exist: SRV', '_pg._tcp.asleep.shop.svc SRV', 'NXDOMAIN | SOA'],
  ['a headless service without a ready pod does not exist: any type', 'asleep.shop.svc MX', 'NXDOMAIN | SOA'],
  ['a cluster whose pods are all unready is no name', 'c-a.asleep.shop.svc A', 'NXDOMAIN | SOA'],
  ['a pod of IPv4 has no IPv6 address, and exists', 'db-0.c-a.db.shop.svc AAAA', 'NOERROR | SOA'],
  ['a pod has no ports of its own', 'db-0.c-a.db.shop.svc SRV', 'NOERROR | SOA'],
  ['nothing is below a pod', 'x.db-0.c-a.db.shop.svc A', 'NXDOMAIN | SOA'],
  ['a headless service without any pod does not exist', 'void.shop.svc A', 'NXDOMAIN | SOA'],
  ['a pod with a hostname has a name in its cluster', 'db-0.c-a.db.shop.svc A', 'NOERROR | db-0.c-a.db.shop.svc 5 IN A 10.1.2.4'],
  [
    'the same hostname in another cluster is another name',
    'db-0.c-b.db.shop.svc A',
    'NOERROR | db-0.c-b.db.shop.svc 5 IN A 10.2.0.4',
  ],
  [
    'a pod without a hostname is named by its address',
    '10-1-2-3.c-a.db.shop.svc A',
    'NOERROR | 10-1-2-3.c-a.db.shop.svc 5 IN A 10.1.2.3',
  ],
  ['a pod with a hostname is not named by its address', '10-1-2-4.c-a.db.shop.svc A', 'NXDOMAIN | SOA'],
  ['a pod that is not ready has no name', 'db-9.c-a.db.shop.svc A', 'NXDOMAIN | SOA'],
  [
    'pods that share a hostname share the name',
    'm-0.c-a.many.shop.svc A',
    'NOERROR | m-0.c-a.many.shop.svc 5 IN A 10.1.3.1 | m-0.c-a.many.shop.svc 5 IN A 10.1.3.2',
  ],
  [
    'the label of an IPv6 address does not end in a dash',
    'fd00-1--0.c-a.six-pods.shop.svc AAAA',
    'NOERROR | fd00-1--0.c-a.six-pods.shop.svc 5 IN AAAA fd00:1::',
  ],
  ['a pod of a service with an address of its own has no name', 'db-0.c-a.web.shop.svc A', 'NXDOMAIN | SOA'],
  [
    'SRV of a headless port names every ready pod',
    '_pg._tcp.db.shop.svc SRV',
    [
      'NOERROR',
      '_pg._tcp.db.shop.svc 5 IN SRV 0 33 5432 db-0.c-a.db.shop.svc',
      '_pg._tcp.db.shop.svc 5 IN SRV 0 33 5432 10-1-2-3.c-a.db.shop.svc',
      '_pg._tcp.db.shop.svc 5 IN SRV 0 33 5432 db-0.c-b.db.shop.svc',
      '+ db-0.c-a.db.shop.svc 5 IN A 10.1.2.4',
      '+ 10-1-2-3.c-a.db.shop.svc 5 IN A 10.1.2.3',
      '+ db-0.c-b.db.shop.svc 5 IN A 10.2.0.4',
    ].join(' | '),
  ],
  [
    'pods that share a hostname are one target',
    'many.shop.svc SRV',
    [
      'NOERROR',
      'many.shop.svc 5 IN SRV 0 100 5432 m-0.c-a.many.shop.svc',
      '+ m-0.c-a.many.shop.svc 5 IN A 10.1.3.1',
      '+ m-0.c-a.many.shop.svc 5 IN A 10.1.3.2',
    ].join(' | '),
  ],
  ['a cluster of a service with an address is no name: it is reserved', 'c-a.web.shop.svc A', 'NXDOMAIN | SOA'],
  ['a cluster with pods below it exists without records, so that nobody denies its pods', 'c-a.db.shop.svc A', 'NOERROR | SOA'],
  ['a cluster with pods below it exists without records: AAAA', 'c-a.db.shop.svc AAAA', 'NOERROR | SOA'],
  ['a cluster without pods is no name', 'c-z.db.shop.svc A', 'NXDOMAIN | SOA'],
  ['a service that nobody exports does not exist', 'nope.shop.svc A', 'NXDOMAIN | SOA'],
  ['a namespace that is not in this cluster does not exist', 'web.nope.svc A', 'NXDOMAIN | SOA'],
  ['a namespace exists', 'shop.svc A', 'NOERROR | SOA'],
  ['a namespace that is not there does not', 'nope.svc A', 'NXDOMAIN | SOA'],
  ['svc exists', 'svc A', 'NOERROR | SOA'],
  ['nothing else does at the top', 'pod A', 'NXDOMAIN | SOA'],
  [
    'a cluster.local name behind our zone is no name: musl must go on searching',
    'web.shop.svc.cluster.local A',
    'NXDOMAIN | SOA',
  ],
  ['our own zone in a search list is no name: musl must go on searching', 'web.shop.svc.clusterset.local A', 'NXDOMAIN | SOA'],
  ['a wildcard is a name like any other', '*.shop.svc A', 'NXDOMAIN | SOA'],
  ['what the name server is below exists (RFC 8020)', 'dns A', 'NOERROR | SOA'],
  ['the version is text, and its name has no address', 'dns-version A', 'NOERROR | SOA'],
  ['the top has its SOA', '@ SOA', 'NOERROR | @ 5 IN SOA ns.dns hostmaster N 7200 1800 86400 5'],
  ['the top has a name server, with its address', '@ NS', 'NOERROR | @ 5 IN NS ns.dns | + ns.dns 5 IN A 10.96.0.53'],
  ['the name server has its address', 'ns.dns A', 'NOERROR | ns.dns 5 IN A 10.96.0.53'],
  ['the top has no address', '@ A', 'NOERROR | SOA'],
  ['the version of the names can be asked', 'dns-version TXT', 'NOERROR | dns-version 28800 IN TXT "1.0.0"'],
  ['the zone is not given away: AXFR', '@ AXFR', 'REFUSED'],
  ['the zone is not given away: IXFR', '@ IXFR', 'REFUSED'],
]

/** The answer as the table writes it. */
function ask(from: typeof zone, question: string, class_ = classes.IN as number): string {
  const [name = '', type = ''] = question.split(' ')
  const { rcode, authoritative, answers, authority, additional } = answer(from, {
    name: nameOf(name.endsWith('.') ? name : name === '@' ? 'clusterset.local' : `${name}.clusterset.local`),
    type: askable[type as keyof typeof askable],
    class: class_,
  })
  const saysNo = rcode === 'NXDOMAIN' || rcode === 'NOERROR'
  assert.equal(authoritative, saysNo, 'authoritative')
  const short = (text: string) =>
    text
      .replace(/(?<=hostmaster\S* )\d+/, 'N')
      .replaceAll('.clusterset.local.', '')
      .replaceAll('clusterset.local.', '@')
  return [
    rcode,
    ...answers.map((record) => short(recordText(record))),
    ...authority.map(({ data }) => data.type),
    ...additional.map((record) => `+ ${short(recordText(record))}`),
  ].join(' | ')
}

suite('answers', () => {
  for (const [about, question, want] of rows)
    test(`${about} (${question})`, () => {
      assert.equal(ask(zone, question), want)
    })

  for (const name of [
    'web.shop.svc.cluster.local.',
    'web.shop.svc.clusterset.local.shop.svc.cluster.local.',
    'web.shop.svc.clusterset.local.svc.cluster.local.',
    '7.0.42.10.in-addr.arpa.',
    'local.',
    'xclusterset.local.',
    '.',
  ])
    test(`T7: ${name} is somebody else's: refused, never denied`, () => {
      assert.equal(ask(zone, `${name} A`), 'REFUSED')
    })

  test('other classes than IN are refused', () => {
    assert.equal(ask(zone, 'web.shop.svc A', 3), 'REFUSED')
  })

  test('before everything was heard nobody is told that a name does not exist', () => {
    const early = emptyZone()
    assert.equal(ask(early, 'web.shop.svc A'), 'SERVFAIL')
    assert.equal(ask(early, '@ SOA'), 'SERVFAIL')
    assert.equal(ask(early, 'example.org. A'), 'REFUSED')
    early.markSynced()
    assert.equal(ask(early, 'web.shop.svc A'), 'NXDOMAIN | SOA')
  })

  test('a label with a dot in it is not two labels', () => {
    const name = ['web.shop', 'svc', 'clusterset', 'local']
    assert.equal(answer(zone, { name, type: 1, class: 1 }).rcode, 'NXDOMAIN')
  })
})
