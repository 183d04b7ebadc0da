import assert from 'node:assert/strict'
import { z } from 'zod'
import { dnsConfig } from './config.ts'

suite('configuration of the DNS server', () => {
  test('nothing has to be said', () => {
    assert.deepEqual(dnsConfig.parse({}), {
      DNS_ZONE: 'clusterset.local',
      DNS_PORT: 5353,
      DNS_LISTEN: ['0.0.0.0', '::'],
      DNS_SHARE_PORT: false,
      DNS_TTL: 5,
      DRAIN_SECONDS: 8,
      METRICS_PORT: 9473,
      LOG_LEVEL: 'info',
    })
  })

  test('lists are separated by commas', () => {
    assert.deepEqual(dnsConfig.parse({ DNS_LISTEN: '10.0.0.1, fd00::1' }).DNS_LISTEN, ['10.0.0.1', 'fd00::1'])
  })

  test("the Service's address as Kubernetes tells it is taken, and what else may stand there is passed over", () => {
    const read = (value: string) => dnsConfig.parse({ TOMBOLO_DNS_SERVICE_HOST: value }).TOMBOLO_DNS_SERVICE_HOST
    assert.deepEqual(['10.96.0.53', 'None', ''].map(read), ['10.96.0.53', undefined, undefined])
  })

  for (const [name, value] of [
    ['DNS_ZONE', 'cluster set'],
    ['DNS_ZONE', '.'],
    ['DNS_PORT', '70000'],
    ['DNS_PORT', 'dns'],
    ['DNS_LISTEN', 'localhost'],
    ['DNS_LISTEN', ''],
    ['DNS_SHARE_PORT', 'perhaps'],
    ['DNS_TTL', '-1'],
    ['DNS_ADDRESSES', '10.0.0.300'],
    ['LOG_LEVEL', 'loud'],
  ] as const)
    test(`${name}=${JSON.stringify(value)} is refused by name`, () => {
      const parsed = dnsConfig.safeParse({ [name]: value })
      assert.ok(!parsed.success)
      assert.match(z.prettifyError(parsed.error), new RegExp(name))
    })
})
