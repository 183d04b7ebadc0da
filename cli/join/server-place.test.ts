import assert from 'node:assert/strict'
import { cidrs } from '#test/kit/gateway.ts'
import { joiner, memberOf } from '#test/kit/joining.ts'
import { Problem } from '../problem.ts'
import { checkPlace, checkServer } from './server-place.ts'

const services = cidrs('10.96.0.0/16', 'fd00:96::/112')
const members = [memberOf(joiner('east'), { pods: ['10.1.0.0/16'], services: ['10.101.0.0/16'] })]

suite('the address that a grant names', () => {
  const cases: readonly (readonly [string, string, RegExp | undefined])[] = [
    ['may be a node of the broker', 'https://192.0.2.1:6443', undefined],
    ['may be a name', 'https://hub.example:6443', undefined],
    [
      'is not a Service of the broker',
      'https://10.96.0.1:443',
      /10\.96\.0\.1 lies in its cluster's Services \(10\.96\.0\.0\/16\)/,
    ],
    ['nor of its IPv6 ones', 'https://[fd00:96::1]:443', /fd00:96::1 lies in its cluster's Services/],
    ['is not a member’s', 'https://10.1.2.3:6443', /10\.1\.2\.3 lies in the addresses of member "east"/],
  ]
  for (const [name, server, want] of cases)
    test(name, () => {
      const check = () => checkPlace(server, services, members)
      if (want === undefined) check()
      else assert.throws(check, (error) => error instanceof Problem && want.test(error.message))
    })

  for (const server of [
    ...['https://localhost:6443', 'https://LOCALHOST', 'https://localhost.', 'https://hub.localhost:6443'],
    ...['https://127.0.0.1:6443', 'https://127.9.9.9', 'https://0x7f.1', 'https://[::1]:6443', 'https://[::ffff:127.0.0.1]'],
    ...['https://0.0.0.0', 'https://[::]:6443', 'https://169.254.169.254', 'https://[fe80::1]', 'https://224.0.0.1'],
  ])
    test(`is none that means something else on every machine: ${server}`, () => {
      assert.throws(
        () => checkServer(server),
        (error) =>
          error instanceof Problem &&
          /means something else on every machine/.test(error.message) &&
          /--broker-server/.test(error.remedy),
      )
    })

  test('may be any other, of the form https://host:port', () => {
    for (const server of ['https://192.0.2.1:6443', 'https://[2001:db8::1]', 'https://hub.example', 'https://localhost.example'])
      checkServer(server)
    for (const server of ['http://192.0.2.1', '192.0.2.1:6443', 'https://hub.example/path', 'hub'])
      assert.throws(() => checkServer(server), /is not of the form https/)
  })
})
