import assert from 'node:assert/strict'
import { membership } from '#crds/membership.ts'
import type { ServiceExport } from '#crds/service-export.ts'
import { serviceExport } from '#crds/service-export.ts'
import { namespaces, services } from '#lib/kube/kinds.ts'
import type { Service } from '#lib/kube/kinds.ts'
import type { ApiServer } from '#test/kit/apiserver.ts'
import { apiserver, writes } from '#test/kit/apiserver.ts'
import type { Ran } from '#test/kit/cli.ts'
import { inProcess } from '#test/kit/in-process.ts'
import { eventually } from '#test/kit/eventually.ts'
import type { Kubeconfig } from '#test/kit/kubeconfig.ts'
import { membershipOf } from '#test/kit/installed.ts'
import { kubeconfig } from '#test/kit/kubeconfig.ts'

const key = { namespace: 'shop', name: 'web' }
const condition = (type: string, status: 'True' | 'False', reason: string, message: string) => ({
  type,
  status,
  reason,
  message,
  lastTransitionTime: '2026-01-02T00:00:00Z',
})

suite('tombolo export service', () => {
  const { signal } = new AbortController()
  let server: ApiServer
  let config: Kubeconfig
  setup(async () => {
    server = await apiserver()
    config = await kubeconfig({ east: server.connection.server })
    server.put(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop' } })
  })
  teardown(async () => {
    await config[Symbol.asyncDispose]()
    await server[Symbol.asyncDispose]()
  })

  const run = (...args: readonly string[]): Promise<Ran> => inProcess([...args, '--kubeconfig', config.path], { signal })
  const joined = () => server.put(membership, membershipOf('east'))
  const serviceOf = (spec: Service['spec'] = {}) =>
    server.put(services, { apiVersion: 'v1', kind: 'Service', metadata: { ...key }, spec })
  /** The operator's word, as soon as there is an export to say it of. */
  const operatorSays = async (...conditions: readonly ReturnType<typeof condition>[]) => {
    await eventually(() => assert.ok(server.read(serviceExport, key)))
    const object = server.read(serviceExport, key) as ServiceExport
    server.put(serviceExport, { ...object, status: { conditions: [...conditions] } })
  }

  test('a Service is exported, and doing it again writes nothing new', async () => {
    joined()
    serviceOf()
    const [ran] = await Promise.all([
      run('export', 'service', 'web', '-n', 'shop', '-o', 'json'),
      operatorSays(condition('Valid', 'True', 'Valid', 'ok'), condition('Ready', 'True', 'Exported', 'can be imported')),
    ])
    assert.equal(ran.code, 0, ran.err)
    assert.deepEqual(JSON.parse(ran.out), {
      context: 'east',
      namespace: 'shop',
      name: 'web',
      dnsName: 'web.shop.svc.clusterset.local',
      state: 'exported',
      message: 'can be imported',
    })
    const { resourceVersion } = server.read(serviceExport, key)?.metadata ?? {}
    const again = await run('export', 'service', 'web', '-n', 'shop')
    assert.equal(again.code, 0, again.err)
    assert.equal(server.read(serviceExport, key)?.metadata.resourceVersion, resourceVersion)
  })

  test('a Service that does not exist yet is allowed, and said to be missing', async () => {
    joined()
    const [ran] = await Promise.all([
      run('export', 'service', 'web', '-n', 'shop'),
      operatorSays(condition('Valid', 'False', 'NoService', 'there is no Service shop/web')),
    ])
    assert.equal(ran.code, 0, ran.err)
    assert.match(ran.err, /warning: Service shop\/web does not exist yet \(NoService\)/)
    assert.match(ran.out, /will be exported as web\.shop\.svc\.clusterset\.local when the Service exists/)
  })

  test('an ExternalName Service is refused with the remedy, and nothing is written', async () => {
    joined()
    serviceOf({ type: 'ExternalName', externalName: 'db.example.com' })
    const ran = await run('export', 'service', 'web', '-n', 'shop')
    assert.equal(ran.code, 2)
    assert.match(ran.err, /of type ExternalName.*\n {2}Export a Service of another type; .*db\.example\.com/)
    assert.deepEqual(writes(server), [])
  })

  test('a namespace that does not exist is refused with the remedy', async () => {
    joined()
    const ran = await run('export', 'service', 'web', '-n', 'shpo')
    assert.equal(ran.code, 2)
    assert.match(ran.err, /no namespace "shpo".*\n.*create namespace shpo/)
    assert.deepEqual(writes(server), [])
  })

  test('in a cluster without Tombolo the remedy is to join', async () => {
    const ran = await run('export', 'service', 'web', '-n', 'shop')
    assert.equal(ran.code, 1)
    assert.match(
      ran.err,
      /There is no Tombolo in context "east"\.\n {2}.*tombolo grant create.*tombolo join --grant - --context east/,
    )
    assert.deepEqual(writes(server), [])
  })

  test('an operator that does not answer is waited for as long as asked, and nothing has to be undone', async () => {
    joined()
    serviceOf()
    const ran = await run('export', 'service', 'web', '-n', 'shop', '--timeout', '0.3')
    assert.equal(ran.code, 1)
    assert.match(ran.err, /did not happen within .*the operator has not looked at it yet.*\n {2}Nothing has to be undone/)
    assert.ok(server.read(serviceExport, key))
  })

  test('a type that only the operator can refuse ends with its words', async () => {
    joined()
    serviceOf()
    const [ran] = await Promise.all([
      run('export', 'service', 'web', '-n', 'shop'),
      operatorSays(condition('Valid', 'False', 'InvalidServiceType', 'it is of no type that can be exported')),
    ])
    assert.equal(ran.code, 1)
    assert.match(ran.err, /cannot be exported: it is of no type.*\n.*tombolo unexport service web -n shop --context east/)
  })

  test('--to says who may import it, and doing it again without leaves it at that', async () => {
    joined()
    serviceOf()
    const says = condition('Ready', 'True', 'Exported', 'south and west can import the service')
    const caution = condition('ImportersKnown', 'False', 'UnknownCluster', 'it names south, no member of the fleet')
    const [ran] = await Promise.all([
      run('export', 'service', 'web', '-n', 'shop', '--to', 'west, south'),
      operatorSays(condition('Valid', 'True', 'Valid', 'ok'), says, caution),
    ])
    assert.equal(ran.code, 0, ran.err)
    assert.match(ran.out, /is exported as web\.shop\.svc\.clusterset\.local: south and west can import the service\./)
    assert.match(ran.err, /warning: it names south, no member/)
    const annotations = () => server.read(serviceExport, key)?.metadata.annotations
    assert.deepEqual(annotations(), { 'tombolo.dev/export-to': 'south,west' })
    const again = await run('export', 'service', 'web', '-n', 'shop')
    assert.equal(again.code, 0, again.err)
    assert.deepEqual(annotations(), { 'tombolo.dev/export-to': 'south,west' })
    const other = await run('export', 'service', 'web', '-n', 'shop', '--to', 'west;south')
    assert.equal(other.code, 2)
    assert.match(other.err, /"west;south" is not valid \(want ids of clusters with commas between/)
  })

  test('--dry-run prints the manifest and changes nothing', async () => {
    joined()
    serviceOf()
    const ran = await run('export', 'service', 'web', '-n', 'shop', '--dry-run')
    assert.equal(ran.code, 0, ran.err)
    assert.match(ran.out, /kind: ServiceExport\nmetadata:\n {2}namespace: shop\n {2}name: web\n/)
    assert.deepEqual(writes(server), [])
  })

  test('unexport takes it back, and is a success where there is nothing to take back', async () => {
    joined()
    serviceOf()
    await Promise.all([run('export', 'service', 'web', '-n', 'shop', '--no-wait'), operatorSays()])
    const ran = await run('unexport', 'service', 'web', '-n', 'shop')
    assert.equal(ran.code, 0, ran.err)
    assert.match(ran.out, /no longer exported/)
    assert.equal(server.read(serviceExport, key), undefined)
    const again = await run('unexport', 'service', 'web', '-n', 'shop')
    assert.equal(again.code, 0, again.err)
    assert.match(again.out, /was not exported/)
  })
})
