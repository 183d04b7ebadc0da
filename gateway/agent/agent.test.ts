import assert from 'node:assert/strict'
import { allocation } from '#crds/allocation.ts'
import { gatewayEndpoint } from '#crds/gateway-endpoint.ts'
import { gatewayEndpointName, gatewayNodeLabel } from '#crds/places.ts'
import type { FakeHost } from '#lib/host/fake.ts'
import { fakeHost } from '#lib/host/fake.ts'
import type { Host } from '#lib/host/host.ts'
import type { Node } from '#lib/kube/kinds.ts'
import { nodes } from '#lib/kube/kinds.ts'
import type { Kind, KubeObject } from '#lib/kube/object.ts'
import type { Store, StoreWriter } from '#lib/kube/store.ts'
import { store } from '#lib/kube/store.ts'
import { logger } from '#lib/std/log.ts'
import { keyOf } from '#test/kit/gateway.ts'
import { Agent } from './agent.ts'

const quiet = logger('test', 'silent')
const { signal } = new AbortController()

suite('an agent at work', () => {
  let host: FakeHost
  let cluster: { nodes: Kept<Node>; allocations: Kept; endpoints: Kept }

  setup(() => {
    host = fakeHost({ devices: { eth0: ['172.29.1.2/24'], cni0: ['10.241.2.1/24'] } })
    cluster = { nodes: kept(nodes), allocations: kept(allocation), endpoints: kept(gatewayEndpoint) }
    for (const [clusterID, podCIDR, serviceCIDR] of [
      ['east', '10.241.0.0/16', '10.91.0.0/16'],
      ['west', '10.242.0.0/16', '10.92.0.0/16'],
    ] as const)
      cluster.allocations.put(clusterID, { spec: { clusterID, podCIDRs: [podCIDR], serviceCIDRs: [serviceCIDR] } })
    putNode('n1', true)
    putNode('n2', false)
    putNode('n3', true)
    putGateway('n1', 'Active', 1)
    putGateway('n3', 'Standby', 1)
  })

  const putNode = (name: string, labelled: boolean) =>
    cluster.nodes.put(
      name,
      {
        spec: { podCIDRs: [`10.241.${name.slice(1)}.0/24`] },
        status: { addresses: [{ type: 'InternalIP', address: `172.29.1.${name.slice(1)}` }] },
      },
      labelled ? { [gatewayNodeLabel]: 'true' } : {},
    )
  const putGateway = (node: string, role: string, term: number) =>
    cluster.endpoints.put(gatewayEndpointName('east', node), {
      spec: {
        clusterID: 'east',
        node,
        candidates: [{ type: 'NodeInternal', address: '192.0.2.1', port: 51820 }],
        wireguard: { publicKey: keyOf(`east/${node}`) },
      },
      status: { role, term },
    })
  const agent = (nodeAddress = '172.29.1.2', on: Host = host) =>
    new Agent({
      node: 'n2',
      cables: ['wireguard'],
      nodeAddress,
      clusterID: 'east',
      host: on,
      stateDir: '/var/lib/tombolo',
      nodes: cluster.nodes.store,
      allocations: cluster.allocations.store,
      endpoints: cluster.endpoints.store,
      log: quiet,
    })
  const lines = (kind: string) =>
    host
      .print()
      .split('\n')
      .filter((line) => line.startsWith(`${kind} `))
  /** The node that packets for west go to, by the forwarding entry of the router; undefined: nowhere. */
  const gatewayInUse = () => {
    const via = lines('route')
      .map((line) => /^route 10\.242\.0\.0\/16 via inet6 (\S+)/.exec(line)?.[1])
      .find((found) => found !== undefined)
    const mac = lines('neigh')
      .find((line) => via !== undefined && line.includes(` ${via} `))
      ?.split(' ')
      .at(-1)
    return lines('fdb')
      .find((line) => mac !== undefined && line.includes(mac))
      ?.split(' ')
      .at(-1)
  }

  test('routes to the active gateway, and to another one when that takes over', async () => {
    const it = agent()
    await it.reconcile(signal)
    assert.equal(gatewayInUse(), '172.29.1.1')
    putGateway('n3', 'Active', 2)
    await it.reconcile(signal)
    assert.equal(gatewayInUse(), '172.29.1.3')
    assert.deepEqual(it.read(), { routes: 1, refused: 0 })
  })

  test('then moves the routes before it looks at the node at all, and mends what others have done since in the same pass', async () => {
    const asked: string[] = []
    const watched = Object.assign(Object.create(host) as FakeHost, {
      run: (...[program, args, how, during]: Parameters<Host['run']>) => {
        asked.push([program, ...args, how.stdin ?? ''].join(' '))
        return host.run(program, args, how, during)
      },
    })
    const it = agent('172.29.1.2', watched)
    await it.reconcile(signal)
    await host.write('/proc/sys/net/ipv4/ip_forward', '0', {}, signal)
    asked.length = 0
    putGateway('n3', 'Active', 2)
    await it.reconcile(signal)
    assert.match(asked[0] ?? '', /^ip .*-batch - .*route replace 10\.242\.0\.0\/16/)
    assert.equal(gatewayInUse(), '172.29.1.3')
    assert.deepEqual(
      lines('sysctl').filter((line) => line.includes('ip_forward')),
      ['sysctl net/ipv4/ip_forward=1'],
    )
  })

  test('a restart finds everything as it should be and changes nothing', async () => {
    await agent().reconcile(signal)
    const before = [host.print(), host.ran.length]
    await agent().reconcile(signal)
    assert.deepEqual([host.print(), host.ran.length], before)
  })

  test('is out of date when the first pod brings the address of the node among pods, and not with the second, nor with a device', async () => {
    host = fakeHost({ devices: { eth0: ['172.29.1.2/24'] } })
    const it = agent()
    const pod = async (device: string, address: string) => {
      await host.run('ip', ['link', 'add', device, 'type', 'dummy'], {}, signal)
      await host.run('ip', ['-4', '-batch', '-'], { stdin: `address replace ${address} dev ${device}\n` }, signal)
    }
    assert.equal(await it.isOutdated(signal), false, 'a node that was not set up is not out of date')
    await it.reconcile(signal)
    assert.equal(await it.isOutdated(signal), false)
    await pod('veth1', '10.241.2.1/32')
    assert.equal(await it.isOutdated(signal), true)
    await it.reconcile(signal)
    for (const address of ['10.241.2.1/32', '169.254.1.1/32']) {
      await pod(`veth${address}`, address)
      assert.equal(await it.isOutdated(signal), false, address)
    }
  })

  test('a gateway whose node lost the label is routed to until its GatewayEndpoint is gone, as it hands over first', async () => {
    const it = agent()
    putNode('n1', false)
    await it.reconcile(signal)
    assert.equal(gatewayInUse(), '172.29.1.1')
    cluster.endpoints.gone(gatewayEndpointName('east', 'n1'))
    await it.reconcile(signal)
    assert.equal(gatewayInUse(), undefined)
    assert.deepEqual(
      lines('route').filter((line) => line.includes('10.242.')),
      ['route unreachable 10.242.0.0/16 table 7300 metric 9000 proto 98'],
    )
  })

  /** As a gateway leaves a node whose kernel has WireGuard. */
  const leavings = async () => {
    await host.run('ip', ['link', 'add', 'tmb-wg', 'type', 'dummy'], {}, signal)
    const route = 'route replace 10.242.0.0/16 dev tmb-wg table 7300 metric 10 proto 98\n'
    await host.run('ip', ['-4', '-batch', '-'], { stdin: route }, signal)
    const table = 'table inet tombolo-gateway {\n}\n'
    await host.run('nft', ['-f', '-'], { stdin: table }, signal)
  }
  const leftOver = () =>
    host
      .print()
      .split('\n')
      .filter((line) => /tmb-wg|tombolo-gateway/.test(line))

  test('takes away what a gateway left on a node that is none any more, once its GatewayEndpoint is gone', async () => {
    await leavings()
    putGateway('n2', 'Standby', 1)
    await agent().reconcile(signal)
    assert.match(leftOver().join('\n'), /route 10\.242\.0\.0\/16 dev tmb-wg/)
    cluster.endpoints.gone(gatewayEndpointName('east', 'n2'))
    await agent().reconcile(signal)
    assert.deepEqual(leftOver(), [])
    assert.equal(gatewayInUse(), '172.29.1.1')
  })

  test('leaves the gateway of its node alone', async () => {
    putNode('n2', true)
    await leavings()
    await agent().reconcile(signal)
    assert.equal(leftOver().length, 3)
  })

  test('without the cluster’s own Allocation it touches nothing', async () => {
    cluster.allocations.gone('east')
    assert.equal((await agent().reconcile(signal)).kind, 'blocked')
    assert.deepEqual(host.ran, [])
  })

  test('waits for its Node to have an address of its family', async () => {
    cluster.nodes.put('n2', { status: { addresses: [{ type: 'InternalIP', address: 'fd00::2' }] } })
    assert.equal((await agent().reconcile(signal)).kind, 'again')
  })

  test('an address that no device of the node has is an error that says what may be wrong', async () => {
    await assert.rejects(agent('172.29.1.99').reconcile(signal), /no device here has the node's address 172\.29\.1\.99/)
  })
})

type Kept<T extends KubeObject = KubeObject> = {
  readonly store: Store<T>
  put(name: string, rest: object, labels?: Readonly<Record<string, string>>): void
  gone(name: string): void
}

/** A store without an apiserver. */
function kept<T extends KubeObject>(kind: Kind<T>): Kept<T> {
  const { store: objects, writer }: { store: Store<T>; writer: StoreWriter<T> } = store(kind, quiet)
  let version = 0
  const object = (name: string, rest: object, labels: object) =>
    ({
      apiVersion: kind.apiVersion,
      kind: kind.kind,
      metadata: {
        ...(kind.scope === 'Namespaced' ? { namespace: 'tombolo-system' } : {}),
        name,
        labels,
        resourceVersion: String(++version),
      },
      ...rest,
    }) as unknown as T
  writer.take({ type: 'synced' })
  return {
    store: objects,
    put: (name, rest, labels = {}) => writer.take({ type: 'put', object: object(name, rest, labels) }),
    gone: (name) => writer.take({ type: 'gone', object: object(name, {}, {}) }),
  }
}
