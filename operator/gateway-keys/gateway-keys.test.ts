import assert from 'node:assert/strict'
import type { GatewayEndpoint } from '#crds/gateway-endpoint.ts'
import { gatewayEndpoint } from '#crds/gateway-endpoint.ts'
import type { Membership } from '#crds/membership.ts'
import { membership } from '#crds/membership.ts'
import { rotateKeyAnnotation } from '#crds/places.ts'
import { kube } from '#lib/kube/client.ts'
import type { KubeObject } from '#lib/kube/object.ts'
import { reflect } from '#lib/kube/reflector.ts'
import { logger } from '#lib/std/log.ts'
import { apiserver } from '#test/kit/apiserver.ts'
import { eventually } from '#test/kit/eventually.ts'
import { keepGatewayKeys } from './gateway-keys.ts'
import { dueGateway } from './plan.ts'

const dayMs = 86_400_000
const now = Date.parse('2030-03-01T00:00:00Z')
const daysAgo = (days: number) => new Date(now - days * dayMs).toISOString()

type Change = {
  readonly made?: number
  readonly asked?: string
  readonly role?: string
  readonly state?: string
  readonly electable?: string
}
const gateway = (node: string, { made = 40, asked, role = 'Standby', state = 'Connected', electable = 'True' }: Change = {}) =>
  ({
    apiVersion: gatewayEndpoint.apiVersion,
    kind: gatewayEndpoint.kind,
    metadata: {
      namespace: 'tombolo-system',
      name: `east-${node}`,
      creationTimestamp: daysAgo(made),
      ...(asked === undefined ? {} : { annotations: { [rotateKeyAnnotation]: asked } }),
    },
    spec: { clusterID: 'east', node, wireguard: {} },
    status: {
      role,
      connections: [{ endpoint: 'west-n1', state }],
      conditions: [
        { type: 'Ready', status: 'True' },
        { type: 'Electable', status: electable },
      ],
    },
  }) as unknown as GatewayEndpoint

suite('another key for gateways whose key is old', () => {
  const [active, standby] = [gateway('n1', { role: 'Active' }), gateway('n2')]
  const rows: readonly (readonly [string, readonly GatewayEndpoint[], number, string | undefined])[] = [
    ['of two as old, the one that stands by', [active, standby], 30, 'n2'],
    ['no age is given: nobody', [active, standby], 0, undefined],
    ['none is so old: nobody', [active, standby], 41, undefined],
    ['the older one, though it leads', [active, gateway('n2', { asked: daysAgo(35) })], 30, 'n1'],
    ['one that was asked for long ago', [gateway('n1', { asked: daysAgo(31) }), gateway('n2', { asked: daysAgo(1) })], 30, 'n1'],
    ['the other was asked a minute ago: nobody yet', [active, gateway('n2', { asked: daysAgo(1 / 1440) })], 30, undefined],
    ['an annotation that is no date: by the age of the object', [active, gateway('n2', { asked: 'please', made: 50 })], 30, 'n2'],
    ['there is one gateway: nobody', [active], 30, undefined],
    ['the other does not reach what it should: nobody', [active, gateway('n2', { state: 'Error' })], 30, undefined],
    ['the other was drained: nobody', [active, gateway('n2', { electable: 'False' })], 30, undefined],
  ]
  for (const [what, own, days, want] of rows) test(what, () => assert.equal(dueGateway(own, days, now)?.spec.node, want))

  test('is asked for when the Membership gives an age, of one gateway and not of the next', async () => {
    await using server = await apiserver()
    await using api = kube(server.connection, logger('test', 'silent'))
    const [namespace, name] = ['tombolo-system', 'membership']
    const stop = new AbortController()
    const long = new Date(Date.now() - 5 * dayMs).toISOString()
    for (const node of ['n1', 'n2']) server.put<GatewayEndpoint>(gatewayEndpoint, gateway(node, { asked: long }))
    const member = (spec: object) =>
      server.put<KubeObject & { spec: object }>(membership, {
        apiVersion: membership.apiVersion,
        kind: membership.kind,
        metadata: { namespace, name },
        spec,
      })
    member({ clusterID: 'east' })
    const endpoints = reflect<GatewayEndpoint>(api, gatewayEndpoint, { namespace }, stop.signal)
    const memberships = reflect<Membership>(api, membership, { namespace }, stop.signal)
    const seen = { endpoints: endpoints.store, memberships: memberships.store }
    await endpoints.store.whenSynced(stop.signal)
    const keeping = keepGatewayKeys(api, 'east', seen, logger('test', 'silent'), stop.signal)
    const asked = () =>
      ['n1', 'n2'].filter((node) => {
        const found = server.read<GatewayEndpoint>(gatewayEndpoint, { namespace, name: `east-${node}` })
        return found?.metadata.annotations?.[rotateKeyAnnotation] !== long
      })
    const given = (days: number) => {
      member({ clusterID: 'east', gatewayKeyDays: days })
      return eventually(() => assert.equal(memberships.store.get({ namespace, name })?.spec.gatewayKeyDays, days))
    }
    try {
      await eventually(() => assert.ok(memberships.store.synced))
      await given(6)
      assert.deepEqual(asked(), [])
      await given(4)
      await eventually(() => assert.equal(asked().length, 1))
      const heard = () => endpoints.store.list().some(({ metadata }) => metadata.annotations?.[rotateKeyAnnotation] !== long)
      await eventually(() => assert.ok(heard()))
      await given(3)
      assert.equal(asked().length, 1)
    } finally {
      stop.abort()
      await Promise.all([keeping, endpoints.done, memberships.done])
    }
  })
})
