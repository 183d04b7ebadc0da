import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import type { GatewayEndpoint } from '#crds/gateway-endpoint.ts'
import { gatewayEndpoint } from '#crds/gateway-endpoint.ts'
import { gatewayEndpointName, gatewayNodeLabel, systemNamespace } from '#crds/places.ts'
import { kube } from '#lib/kube/client.ts'
import { nodes } from '#lib/kube/kinds.ts'
import type { Kind, KubeObject } from '#lib/kube/object.ts'
import { reflect } from '#lib/kube/reflector.ts'
import { logger } from '#lib/std/log.ts'
import { apiserver } from '#test/kit/apiserver.ts'
import { eventually } from '#test/kit/eventually.ts'
import { sweepGateways } from './gateways.ts'

const quiet = logger('test', 'silent')

suite('gateways that are none any more', () => {
  test('their GatewayEndpoints go when the label or the node went; those of gateways and of other clusters stay', async () => {
    await using server = await apiserver()
    await using api = kube(server.connection, quiet)
    const put = (kind: Kind, namespace: string | undefined, name: string, rest: object) =>
      server.put<KubeObject>(kind, {
        apiVersion: kind.apiVersion,
        kind: kind.kind,
        metadata: {
          ...(namespace === undefined ? {} : { namespace }),
          name,
          labels: 'labels' in rest ? (rest.labels as Record<string, string>) : {},
        },
        ...rest,
      })
    const putNode = (name: string, labels: object) => put(nodes, undefined, name, { labels })
    const label = { [gatewayNodeLabel]: 'true' }
    putNode('n1', label)
    putNode('n2', label)
    putNode('n3', label)
    for (const [clusterID, node] of [
      ['east', 'n1'],
      ['east', 'n2'],
      ['east', 'n3'],
      ['west', 'n9'],
    ] as const)
      put(gatewayEndpoint, systemNamespace, gatewayEndpointName(clusterID, node), { spec: { clusterID, node } })
    const left = () =>
      ['east/n1', 'east/n2', 'east/n3', 'west/n9'].filter((text) => {
        const [clusterID = '', node = ''] = text.split('/')
        return (
          server.read(gatewayEndpoint, { namespace: systemNamespace, name: gatewayEndpointName(clusterID, node) }) !== undefined
        )
      })

    const stop = new AbortController()
    const endpoints = reflect<GatewayEndpoint>(api, gatewayEndpoint, { namespace: systemNamespace }, stop.signal)
    const sweeping = sweepGateways(api, 'east', endpoints.store, quiet, stop.signal, 20)
    try {
      await sleep(100)
      assert.deepEqual(left(), ['east/n1', 'east/n2', 'east/n3', 'west/n9'])
      putNode('n2', {})
      await eventually(() => assert.deepEqual(left(), ['east/n1', 'east/n3', 'west/n9']))
      server.remove(nodes, { name: 'n3' })
      await eventually(() => assert.deepEqual(left(), ['east/n1', 'west/n9']))
    } finally {
      stop.abort()
      await Promise.all([sweeping, endpoints.done])
    }
  })
})
