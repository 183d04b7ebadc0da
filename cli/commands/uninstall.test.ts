import assert from 'node:assert/strict'
import { fleet } from '#crds/fleet.ts'
import { joinRequest } from '#crds/join-request.ts'
import { member } from '#crds/member.ts'
import { membership } from '#crds/membership.ts'
import { serviceExport } from '#crds/service-export.ts'
import {
  clusterRoles,
  configMaps,
  customResourceDefinitions,
  daemonSets,
  flowSchemas,
  namespaces,
  nodes,
  priorityLevelConfigurations,
  roles,
} from '#lib/kube/kinds.ts'
import type { Kind, KubeObject } from '#lib/kube/object.ts'
import { serverFile, wire } from '#operator/install/corefile.ts'
import type { ApiServer } from '#test/kit/apiserver.ts'
import { apiserver, writes } from '#test/kit/apiserver.ts'
import type { Ran } from '#test/kit/cli.ts'
import { inProcess, withImage } from '#test/kit/in-process.ts'
import { eventually } from '#test/kit/eventually.ts'
import { bareCluster, installedBroker, installedMember, uidOf } from '#test/kit/installed.ts'
import { joiner, requestBy } from '#test/kit/joining.ts'
import type { Kubeconfig } from '#test/kit/kubeconfig.ts'
import { kubeconfig } from '#test/kit/kubeconfig.ts'

const ownMembership = { namespace: 'tombolo-system', name: 'membership' }

suite('tombolo uninstall', () => {
  withImage()
  const { signal } = new AbortController()
  let east: ApiServer
  let hub: ApiServer
  let config: Kubeconfig
  setup(async () => {
    east = await apiserver()
    hub = await apiserver()
    config = await kubeconfig({ east: east.connection.server, hub: hub.connection.server })
    bareCluster(east, 'east', 'east-1')
    bareCluster(hub, 'hub', 'hub-1')
  })
  teardown(async () => {
    await config[Symbol.asyncDispose]()
    await east[Symbol.asyncDispose]()
    await hub[Symbol.asyncDispose]()
  })

  const run = (...args: readonly string[]): Promise<Ran> =>
    inProcess(['uninstall', ...args, '--kubeconfig', config.path], { signal })

  /** What a controller does when an object is asked to go: its work, which here is none, and its finalizer off. */
  async function controllerReleases<T extends KubeObject>(
    server: ApiServer,
    kind: Kind<T>,
    key: { namespace: string; name: string },
  ) {
    await eventually(() => assert.ok(server.read(kind, key)?.metadata.deletionTimestamp), 10_000)
    const object = server.read(kind, key)
    if (object !== undefined) server.put(kind, { ...object, metadata: { ...object.metadata, finalizers: [] } })
  }
  /** What an operator that lives does, as far as it is seen from here. */
  async function operatorLeaves() {
    await eventually(() => assert.ok(east.read(membership, ownMembership)?.metadata.deletionTimestamp), 10_000)
    east.remove(daemonSets, { namespace: 'tombolo-system', name: 'tombolo-agent' })
    await controllerReleases(east, membership, ownMembership)
  }
  /** What the kubelets do: the cleanup pods run and become ready. */
  async function nodesGetClean(server: ApiServer) {
    const key = { namespace: 'tombolo-system', name: 'tombolo-cleanup' }
    await eventually(() => assert.ok(server.read(daemonSets, key)), 10_000)
    const object = server.read(daemonSets, key)
    if (object !== undefined)
      server.put(daemonSets, {
        ...object,
        status: {
          observedGeneration: object.metadata.generation ?? 1,
          desiredNumberScheduled: 1,
          numberReady: 1,
          currentNumberScheduled: 1,
          numberMisscheduled: 0,
        },
      })
  }
  const isGone = (server: ApiServer) => {
    assert.equal(server.read(membership, ownMembership), undefined)
    assert.equal(server.read(namespaces, { name: 'tombolo-system' }), undefined)
    assert.equal(server.read(clusterRoles, { name: 'tombolo-operator' }), undefined)
    assert.equal(server.read(roles, { namespace: 'kube-system', name: 'tombolo-operator' }), undefined)
    assert.equal(server.read(customResourceDefinitions, { name: 'memberships.tombolo.dev' }), undefined)
  }

  test('the operator takes it off the nodes, the command removes the operator, and says what remains on the broker', async () => {
    installedMember(east, 'east', 'alive')
    const [ran] = await Promise.all([run('--yes'), operatorLeaves()])
    assert.equal(ran.code, 0, ran.err)
    isGone(east)
    assert.match(
      ran.out,
      /^Tombolo is gone from context "east"\.\nWhat remains:\n {2}on the broker Member east with its namespace/,
    )
    assert.match(ran.out, /tombolo uninstall --context east --broker-context BROKER/)
  })

  test('with the broker’s context the broker forgets it too, and nothing remains', async () => {
    installedMember(east, 'east', 'alive')
    installedBroker(hub, { east: uidOf(east), west: 'another-cluster' })
    const [ran] = await Promise.all([
      run('--yes', '--broker-context', 'hub', '-o', 'json'),
      controllerReleases(hub, member, { namespace: 'tombolo-broker', name: 'east' }),
      operatorLeaves(),
    ])
    assert.equal(ran.code, 0, ran.err)
    assert.deepEqual(JSON.parse(ran.out), { context: 'east', clusterID: 'east', removed: true, remains: [] })
    assert.equal(hub.read(member, { namespace: 'tombolo-broker', name: 'east' }), undefined)
    assert.equal(hub.read(member, { namespace: 'tombolo-broker', name: 'west' })?.metadata.deletionTimestamp, undefined)
  })

  test('a member that another cluster has under the same id is left alone', async () => {
    installedMember(east, 'east', 'alive')
    installedBroker(hub, { east: 'another-cluster' })
    const [ran] = await Promise.all([run('--yes', '--broker-context', 'hub'), operatorLeaves()])
    assert.equal(ran.code, 0, ran.err)
    assert.deepEqual(writes(hub), [])
  })

  test('a request to join that was never answered is taken back, or it would be admitted later', async () => {
    installedBroker(hub)
    hub.put(joinRequest, requestBy(joiner('east'), { uid: uidOf(east) }))
    const ran = await run('--yes', '--broker-context', 'hub')
    assert.equal(ran.code, 0, ran.err)
    assert.equal(hub.read(joinRequest, { namespace: 'tombolo-j-east', name: 'east' }), undefined)
  })

  test('where the operator is dead the command does its work', async () => {
    installedMember(east, 'east', 'dead')
    const corefile = '.:53 {\n    forward . 1.1.1.1\n}\n'
    const coreDNS = { namespace: 'kube-system', name: 'coredns' }
    east.put(configMaps, {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { ...coreDNS },
      data: { Corefile: wire(corefile, 'clusterset.local', '10.101.0.9') ?? '' },
    })
    const [ran] = await Promise.all([run('--yes', '--timeout', '2'), nodesGetClean(east)])
    assert.equal(ran.code, 0, ran.err)
    isGone(east)
    assert.equal(east.read(configMaps, coreDNS)?.data?.['Corefile'], corefile)
    assert.equal(east.read(daemonSets, { namespace: 'tombolo-system', name: 'tombolo-agent' }), undefined)
    assert.equal(east.read(daemonSets, { namespace: 'tombolo-system', name: 'tombolo-cleanup' }), undefined)
  })

  test('names that were wired through coredns-custom are taken out of it, whoever made it', async () => {
    installedMember(east, 'east', 'dead')
    const custom = { namespace: 'kube-system', name: 'coredns-custom' }
    const theirs = { 'corp.server': 'corp.example:53 {\n}\n' }
    east.put(configMaps, {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { ...custom },
      data: { ...theirs, 'tombolo.server': serverFile('clusterset.local', '10.101.0.9') },
    })
    const [ran] = await Promise.all([run('--yes', '--timeout', '2'), nodesGetClean(east)])
    assert.equal(ran.code, 0, ran.err)
    assert.deepEqual(east.read(configMaps, custom)?.data, theirs)
  })

  test('a node that does not get clean is named and holds it up; --force goes on without it and says what stays there', async () => {
    installedMember(east, 'east', 'dead')
    const held = await run('--yes', '--timeout', '1')
    assert.equal(held.code, 1)
    assert.match(held.err, /could not be taken off node east-1 within 1 s\.\n {2}.*--force/)
    assert.ok(east.read(membership, ownMembership), 'it can be gone on with')
    const forced = await run('--yes', '--timeout', '1', '--force')
    assert.equal(forced.code, 0, forced.err)
    isGone(east)
    assert.match(forced.out, /on node east-1, until it is restarted: Tombolo's devices, routes and rules/)
  })

  test('an apiserver that goes away in the middle is exit code 3, and the same command goes on', async () => {
    installedMember(east, 'east', 'alive')
    east.fault(({ verb, plural }) => verb === 'delete' && plural === 'clusterroles', { do: 'reset' }, 3)
    const [broken] = await Promise.all([run('--yes'), operatorLeaves()])
    assert.equal(broken.code, 3, broken.err)
    assert.match(
      broken.err,
      /The apiserver of context "east" .* cannot be reached.*\n {2}.*running the command again goes on from there/,
    )
    const again = await run('--yes')
    assert.equal(again.code, 0, again.err)
    isGone(east)
    const third = await run('--yes')
    assert.equal(third.code, 0, third.err)
    assert.match(third.out, /There is nothing of Tombolo in context "east"/)
  })

  test('a person’s ServiceExports stay, with the CRD they need and without a word that is no longer true', async () => {
    installedMember(east, 'east', 'alive')
    const key = { namespace: 'shop', name: 'web' }
    east.put(serviceExport, {
      apiVersion: serviceExport.apiVersion,
      kind: 'ServiceExport',
      metadata: { ...key },
      spec: {},
      status: {
        conditions: [
          { type: 'Ready', status: 'True', reason: 'Exported', message: 'm', lastTransitionTime: '2026-01-02T00:00:00Z' },
        ],
      },
    })
    const [ran] = await Promise.all([run('--yes'), operatorLeaves()])
    assert.equal(ran.code, 0, ran.err)
    assert.deepEqual(east.read(serviceExport, key)?.status?.conditions, [])
    assert.ok(east.read(customResourceDefinitions, { name: 'serviceexports.multicluster.x-k8s.io' }))
    assert.equal(east.read(customResourceDefinitions, { name: 'serviceimports.multicluster.x-k8s.io' }), undefined)
    assert.match(ran.out, /CRD serviceexports\.multicluster\.x-k8s\.io, as ServiceExport shop\/web would go with it/)
  })

  test('--keep-crds leaves every CRD, names what lives on with them, and without it the same command takes them later', async () => {
    installedMember(east, 'east', 'alive')
    const key = { namespace: 'shop', name: 'web' }
    east.put(serviceExport, {
      apiVersion: serviceExport.apiVersion,
      kind: 'ServiceExport',
      metadata: { ...key },
      spec: {},
    })
    const dry = await run('--dry-run', '--keep-crds')
    assert.equal(dry.code, 0, dry.err)
    assert.match(dry.out, /kind: Membership/)
    assert.doesNotMatch(dry.out, /CustomResourceDefinition/)
    const [ran] = await Promise.all([run('--yes', '--keep-crds', '-o', 'json'), operatorLeaves()])
    assert.equal(ran.code, 0, ran.err)
    const { remains } = JSON.parse(ran.out) as { readonly remains: readonly string[] }
    assert.ok(remains.includes('CRD memberships.tombolo.dev, as --keep-crds says, without objects'), ran.out)
    assert.ok(
      remains.includes('CRD serviceexports.multicluster.x-k8s.io, as --keep-crds says, with ServiceExport shop/web'),
      ran.out,
    )
    assert.equal(east.read(namespaces, { name: 'tombolo-system' }), undefined)
    assert.equal(east.read(clusterRoles, { name: 'tombolo-operator' }), undefined)
    assert.ok(east.read(customResourceDefinitions, { name: 'memberships.tombolo.dev' }))
    const again = await run('--yes', '--keep-crds')
    assert.match(again.out, /nothing of Tombolo in context "east" but what --keep-crds leaves/)
    const rest = await run('--yes')
    assert.equal(rest.code, 0, rest.err)
    isGone(east)
    assert.ok(east.read(serviceExport, key), 'what a person made stays')
  })

  test('a broker goes with --keep-crds too, and its CRDs stay', async () => {
    installedBroker(hub)
    const ran = await run('--broker', '--context', 'hub', '--yes', '--keep-crds')
    assert.equal(ran.code, 0, ran.err)
    assert.match(ran.out, /CRD fleets\.tombolo\.dev, as --keep-crds says/)
    assert.equal(hub.read(namespaces, { name: 'tombolo-broker' }), undefined)
    assert.ok(hub.read(customResourceDefinitions, { name: 'fleets.tombolo.dev' }))
  })

  test('a gateway label that a person set stays and is told', async () => {
    installedMember(east, 'east', 'alive')
    east.put(nodes, { apiVersion: 'v1', kind: 'Node', metadata: { name: 'east-1', labels: { 'tombolo.dev/gateway': 'true' } } })
    const [ran] = await Promise.all([run('--yes'), operatorLeaves()])
    assert.equal(ran.code, 0, ran.err)
    assert.equal(east.read(nodes, { name: 'east-1' })?.metadata.labels?.['tombolo.dev/gateway'], 'true')
    assert.match(ran.out, /label tombolo\.dev\/gateway on node east-1, which was not set by tombolo join/)
  })

  test('a CRD that somebody else installed stays', async () => {
    installedMember(east, 'east', 'alive')
    const name = 'serviceimports.multicluster.x-k8s.io'
    const crd = east.read(customResourceDefinitions, { name })
    if (crd !== undefined) east.put(customResourceDefinitions, { ...crd, metadata: { ...crd.metadata, labels: {} } })
    const [ran] = await Promise.all([run('--yes'), operatorLeaves()])
    assert.equal(ran.code, 0, ran.err)
    assert.ok(east.read(customResourceDefinitions, { name }))
  })

  test('nothing is changed where nobody can be asked, and by --dry-run', async () => {
    installedMember(east, 'east', 'alive')
    const asked = await run()
    assert.equal(asked.code, 2)
    assert.match(asked.err, /Nobody can be asked.*\n {2}.*--yes/)
    const dry = await run('--dry-run')
    assert.equal(dry.code, 0, dry.err)
    assert.match(dry.out, /kind: Membership\nmetadata:\n {2}name: membership\n {2}namespace: tombolo-system\n---\n/)
    assert.match(dry.out, /name: memberships\.tombolo\.dev/)
    assert.deepEqual(writes(east), [])
  })

  test('a broker goes when it has no members, whether its controller lives or not', async () => {
    installedBroker(hub)
    const ran = await run('--broker', '--context', 'hub', '--yes')
    assert.equal(ran.code, 0, ran.err)
    assert.equal(hub.read(namespaces, { name: 'tombolo-broker' }), undefined)
    assert.equal(hub.read(customResourceDefinitions, { name: 'fleets.tombolo.dev' }), undefined)
    const again = await run('--broker', '--context', 'hub', '--yes')
    assert.equal(again.code, 0, again.err)
    // The test server keeps what was in a namespace that went.
    hub.remove(fleet, { namespace: 'tombolo-broker', name: 'fleet' })
    assert.match((await run('--broker', '--context', 'hub', '--yes')).out, /There is no broker in context "hub"/)
  })

  test('a broker with members is refused by their names; --force leaves them behind and says so', async () => {
    installedBroker(hub, { east: 'u1', west: 'u2' })
    const refused = await run('--broker', '--context', 'hub', '--yes')
    assert.equal(refused.code, 2)
    assert.match(refused.err, /still has 2 members: east, west\.\n {2}.*tombolo uninstall --context CLUSTER;/)
    assert.deepEqual(writes(hub), [])
    const forced = await run('--broker', '--context', 'hub', '--yes', '--force')
    assert.equal(forced.code, 0, forced.err)
    for (const kind of [namespaces, flowSchemas, priorityLevelConfigurations] as readonly Kind[])
      assert.equal(hub.read(kind, { name: 'tombolo-m-east' }), undefined, kind.kind)
    assert.equal(hub.read(member, { namespace: 'tombolo-broker', name: 'west' }), undefined)
    assert.match(forced.out, /member east, which goes on with what it knows/)
  })
})
