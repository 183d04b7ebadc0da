// Messages, read back by another codec (dns-packet): what we write must be what others read.
import assert from 'node:assert/strict'
import * as packet from 'dns-packet'
import { emptyZone, headless, serviceTree, slice, virtual, zoneOf } from '#test/kit/names.ts'
import type { Transport } from './respond.ts'
import { responder } from './respond.ts'
import { flags } from './wire/codes.ts'
import { nameOf } from './wire/name.ts'

const pg = [{ name: 'pg', port: 5432 }]
const crowd = Array.from({ length: 60 }, (_, i) => `pod-${i} 10.1.9.${i + 1}`)

const zone = zoneOf([
  [virtual('web', ['10.42.0.7', 'fd00:42::7'], [{ name: 'http', port: 80 }])],
  [headless('db'), slice('c-a', ['db-0 10.1.2.1', 'db-1 10.1.2.2', 'db-2 10.1.2.3'], pg)],
  [headless('crowd'), slice('c-a', crowd, pg)],
  [
    headless('few'),
    ...[(i: number) => `10.1.2.${i}`, (i: number) => `fd00::${i}`].map((address) =>
      slice(
        'a-cluster-id-as-long-as-a-uid-is-0000',
        [1, 2, 3, 4].map((i) => `pod-${i} ${address(i)}`),
        pg,
      ),
    ),
  ],
])

type Edns = { readonly size?: number; readonly version?: number; readonly dnssecOk?: boolean }

/** A query as dns-packet writes it. */
function query(name: string, type: packet.RecordType, edns?: Edns): Buffer {
  const bytes = packet.encode({
    type: 'query',
    id: 0xbeef,
    flags: packet.RECURSION_DESIRED,
    questions: [{ name, type, class: 'IN' }],
    ...(edns === undefined
      ? {}
      : {
          additionals: [
            {
              type: 'OPT',
              name: '.',
              udpPayloadSize: 4096,
              extendedRcode: 0,
              ednsVersion: edns.version ?? 0,
              flags: edns.dnssecOk === true ? packet.DNSSEC_OK : 0,
              flag_do: edns.dnssecOk === true,
              options: [],
            },
          ],
        }),
  })
  // The other codec takes 0 for its own default; the size stands 8 octets before the end of an OPT without options.
  if (edns?.size !== undefined) bytes.writeUInt16BE(edns.size, bytes.length - 8)
  return bytes
}

function ask(bytes: Buffer, transport: Transport = 'udp', respond = responder(zone)) {
  const reply = respond(bytes, transport)
  assert.ok(reply, 'an answer')
  const read = packet.decode(reply.bytes) as packet.DecodedPacket & { readonly rcode: string }
  return { ...read, bytes: reply.bytes, flagBits: reply.bytes.readUInt16BE(2) }
}

const addresses = (answers: readonly packet.Answer[] | undefined): readonly unknown[] =>
  (answers ?? []).map((answer) => ('data' in answer ? answer.data : undefined))

suite('responses', () => {
  test('another codec reads the address, the id and the question as it was written', () => {
    const got = ask(query('wEb.Shop.svc.ClusterSet.local', 'A'))
    assert.equal(got.id, 0xbeef)
    assert.equal(got.questions?.[0]?.name, 'wEb.Shop.svc.ClusterSet.local')
    assert.deepEqual(got.answers?.[0], {
      name: 'wEb.Shop.svc.ClusterSet.local',
      type: 'A',
      class: 'IN',
      ttl: 5,
      flush: false,
      data: '10.42.0.7',
    })
    assert.equal(got.flagBits, flags.QR | flags.AA | flags.RD)
  })

  test('another codec reads every kind of record that we write', () => {
    assert.deepEqual(addresses(ask(query('web.shop.svc.clusterset.local', 'AAAA')).answers), ['fd00:42::7'])
    assert.deepEqual(addresses(ask(query('_http._tcp.web.shop.svc.clusterset.local', 'SRV')).answers), [
      { priority: 0, weight: 100, port: 80, target: 'web.shop.svc.clusterset.local' },
    ])
    assert.deepEqual(addresses(ask(query('clusterset.local', 'NS')).answers), ['ns.dns.clusterset.local'])
    assert.deepEqual(addresses(ask(query('dns-version.clusterset.local', 'TXT')).answers), [[Buffer.from('1.0.0')]])
    const [soa] = ask(query('nope.clusterset.local', 'A')).authorities ?? []
    assert.equal(
      soa?.type === 'SOA' ? `${soa.data.mname} ${soa.data.rname} ${String(soa.data.minimum)}` : soa?.type,
      'ns.dns.clusterset.local hostmaster.clusterset.local 5',
    )
  })

  test('an answer is kept, and serves another id, case and flags', () => {
    const respond = responder(zone)
    const first = ask(query('db.shop.svc.clusterset.local', 'SRV'), 'udp', respond)
    const other = query('DB.shop.SVC.clusterset.local', 'SRV')
    other.writeUInt16BE(7, 0)
    other.writeUInt16BE(flags.CD, 2)
    const second = ask(other, 'udp', respond)
    assert.deepEqual([second.id, second.flagBits], [7, flags.QR | flags.AA | flags.CD])
    assert.deepEqual(addresses(second.answers), addresses(first.answers))
    assert.equal(second.answers?.[0]?.name, 'DB.shop.SVC.clusterset.local')
  })

  test('a changed service is answered anew at once', () => {
    const changing = emptyZone()
    const respond = responder(changing)
    const settings = { zone: nameOf('clusterset.local'), ttl: 5 }
    const now = () => addresses(ask(query('web.shop.svc.clusterset.local', 'A'), 'udp', respond).answers)
    changing.markSynced()
    assert.deepEqual(now(), [])
    for (const ip of ['10.42.0.1', '10.42.0.2']) {
      changing.setService('shop', 'web', serviceTree(virtual('web', [ip]), [], settings))
      assert.deepEqual(now(), [ip])
    }
    changing.setService('shop', 'web', undefined)
    assert.deepEqual(now(), [])
  })

  test('kept answers stay within their bound, and being out of room changes no answer', () => {
    const respond = responder(zone, 700)
    for (let i = 0; i < 10; i++)
      for (const name of ['db', 'web', 'few', 'crowd'])
        assert.equal(ask(query(`${name}.shop.svc.clusterset.local`, 'A'), 'udp', respond).rcode, 'NOERROR')
  })

  test('a change of one service leaves the answers of the others, with the serial number of now in a "no"', () => {
    const changing = zoneOf([[virtual('web', ['10.42.0.7'])], [headless('db'), slice('c-a', ['db-0 10.1.2.1'], pg)]])
    let made = 0
    const respond = responder({
      name: changing.name,
      synced: true,
      get serial() {
        return changing.serial
      },
      stampOf: (path) => changing.stampOf(path),
      soa: () => changing.soa(),
      find: (path) => {
        made++
        return changing.find(path)
      },
    })
    const asked = (type: packet.RecordType) => ask(query('web.shop.svc.clusterset.local', type), 'udp', respond)
    const serialOf = ({ authorities: [soa] = [] }: ReturnType<typeof ask>) => (soa?.type === 'SOA' ? soa.data.serial : undefined)
    asked('A')
    const before = serialOf(asked('AAAA'))
    assert.equal(made, 2)
    changing.setService('shop', 'db', undefined)
    assert.deepEqual(addresses(asked('A').answers), ['10.42.0.7'])
    assert.deepEqual([made, serialOf(asked('AAAA'))], [2, changing.serial])
    assert.notEqual(changing.serial, before)
    changing.setService('shop', 'web', undefined)
    assert.equal(asked('A').rcode, 'NXDOMAIN')
  })

  test('addresses change places from answer to answer, and none is lost', () => {
    const respond = responder(zone)
    const orders = Array.from({ length: 3 }, () =>
      addresses(ask(query('db.shop.svc.clusterset.local', 'A'), 'udp', respond).answers),
    )
    assert.equal(new Set(orders.map((order) => order[0])).size, 3)
    for (const order of orders) assert.deepEqual([...order].sort(), ['10.1.2.1', '10.1.2.2', '10.1.2.3'])
  })

  suite('size', () => {
    test('what does not fit loses its additional records first, and nothing that was asked for', () => {
      const got = ask(query('few.shop.svc.clusterset.local', 'SRV'))
      assert.deepEqual([got.answers?.length, got.additionals?.length, got.flag_tc], [4, 0, false])
    })

    test('a larger answer is cut at a whole record and says so', () => {
      const got = ask(query('crowd.shop.svc.clusterset.local', 'SRV'))
      assert.equal(got.flag_tc, true)
      assert.ok(got.bytes.length <= 512 && got.bytes.length > 400)
      assert.ok((got.answers?.length ?? 0) > 3)
    })

    test('a cut list of addresses is another part each time', () => {
      const respond = responder(zone)
      const seen = new Set<unknown>()
      for (let i = 0; i < 60; i++) {
        const got = ask(query('crowd.shop.svc.clusterset.local', 'A'), 'udp', respond)
        assert.equal(got.flag_tc, true)
        for (const address of addresses(got.answers)) seen.add(address)
      }
      assert.equal(seen.size, 60)
    })

    test('TCP carries all of it', () => {
      const got = ask(query('crowd.shop.svc.clusterset.local', 'SRV'), 'tcp')
      assert.deepEqual([got.answers?.length, got.additionals?.length, got.flag_tc], [60, 60, false])
    })

    test('even TCP ends at 64 KiB', () => {
      const pods = Array.from({ length: 2000 }, (_, i) => `pod-${i} 10.${i >> 8}.${i & 255}.1`)
      const got = ask(
        query('huge.shop.svc.clusterset.local', 'SRV'),
        'tcp',
        responder(zoneOf([[headless('huge'), slice('c-a', pods, pg)]])),
      )
      assert.ok(got.bytes.length <= 65_535 && got.bytes.length > 65_000)
    })

    for (const [said, most] of [
      [0, 512],
      [512, 512],
      [900, 900],
      [1232, 1232],
      [65_535, 1232],
    ] as const)
      test(`an asker that takes ${said} octets gets at most ${most}`, () => {
        const got = ask(query('crowd.shop.svc.clusterset.local', 'SRV', { size: said }))
        assert.ok(got.bytes.length <= most && got.bytes.length > most - 100, String(got.bytes.length))
        assert.equal(got.flag_tc, true)
      })
  })

  suite('EDNS', () => {
    const opt = (got: ReturnType<typeof ask>) => got.additionals?.find((record) => record.type === 'OPT')

    test('is answered when it was used, and the DO bit comes back', () => {
      const record = opt(ask(query('web.shop.svc.clusterset.local', 'A', { dnssecOk: true })))
      assert.deepEqual([record?.udpPayloadSize, record?.ednsVersion, record?.flag_do], [1232, 0, true])
      assert.equal(opt(ask(query('web.shop.svc.clusterset.local', 'A', {})))?.flag_do, false)
    })

    test('is left out when it was not used', () => {
      assert.equal(opt(ask(query('web.shop.svc.clusterset.local', 'A'))), undefined)
    })

    test('of another version is BADVERS, without an answer', () => {
      const got = ask(query('web.shop.svc.clusterset.local', 'A', { version: 1 }))
      assert.deepEqual([got.answers?.length, got.flagBits & 0xf, opt(got)?.extendedRcode], [0, 0, 1])
    })

    test('comes with negative answers too', () => {
      const got = ask(query('nope.clusterset.local', 'A', {}))
      assert.deepEqual([got.rcode, got.authorities?.length, opt(got)?.ednsVersion], ['NXDOMAIN', 1, 0])
    })
  })

  suite('what is no query', () => {
    const plain = query('web.shop.svc.clusterset.local', 'A')
    const withHeader = (flagBits: number) => {
      const bytes = Buffer.from(plain)
      bytes.writeUInt16BE(flagBits, 2)
      return bytes
    }

    test('an answer is never answered, so that two servers cannot keep each other busy', () => {
      assert.equal(responder(zone)(withHeader(flags.QR), 'udp'), undefined)
    })

    test('bytes without a whole header are never answered', () => {
      for (let length = 0; length < 12; length++) assert.equal(responder(zone)(plain.subarray(0, length), 'udp'), undefined)
    })

    test('other operations are not implemented', () => {
      for (const opcode of [1, 2, 4, 5, 15]) {
        const got = ask(withHeader((opcode << 11) | flags.RD))
        assert.deepEqual([got.rcode, got.id, got.bytes.length], ['NOTIMP', 0xbeef, 12])
        assert.equal(got.flagBits & 0x7800, opcode << 11)
      }
    })

    test('a message that is cut off or goes on too long is malformed', () => {
      for (let length = 12; length < plain.length; length++) assert.equal(ask(plain.subarray(0, length)).rcode, 'FORMERR')
      assert.equal(ask(Buffer.concat([plain, Buffer.from([0])])).rcode, 'FORMERR')
    })
  })
})
