import assert from 'node:assert/strict'
import type { Membership } from '#crds/membership.ts'
import type { CustomResourceDefinition, Deployment, Pod } from '#lib/kube/kinds.ts'
import type { KubeObject } from '#lib/kube/object.ts'
import { checkNoMembers } from './broker.ts'
import type { Found, Part } from './crds.ts'
import { judgeCRDs, kindsToDrop } from './crds.ts'
import type { Watched } from './leave.ts'
import { judgeOperator, notClean } from './leave.ts'

suite('who takes Tombolo off the nodes', () => {
  const operator: Deployment = { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'tombolo-operator' } }
  const scaledTo = (replicas: number) => ({ replicas, selector: {}, template: {} })
  const at = (reason?: string): Pick<Membership, 'status'> => ({
    status: {
      conditions:
        reason === undefined
          ? []
          : [{ type: 'Leaving', status: 'True', reason, message: '', lastTransitionTime: '2026-01-02T00:00:00Z' }],
    },
  })
  const how = { timeoutMs: 180_000, graceMs: 20_000, force: false }
  const watched: Watched = { membership: at(), operator, waitedMs: 0, awayMs: 0 }
  const cases: readonly { readonly name: string; readonly now: Partial<Watched>; readonly verdict: string }[] = [
    { name: 'the operator is given time to begin', now: { waitedMs: 19_000 }, verdict: 'wait' },
    {
      name: 'one that has begun may take its time',
      now: { membership: at('StoppingGateways'), waitedMs: 90_000 },
      verdict: 'wait',
    },
    { name: 'the end is that the Membership is gone', now: { membership: undefined, operator: undefined }, verdict: 'done' },
    { name: 'without an operator we do', now: { operator: undefined }, verdict: 'ours' },
    { name: 'so we do where it was scaled to 0', now: { operator: { ...operator, spec: scaledTo(0) } }, verdict: 'ours' },
    { name: 'one that does not begin is as good as none', now: { waitedMs: 21_000 }, verdict: 'ours' },
    { name: 'one that rolls is waited for', now: { membership: at('RemovingImports'), awayMs: 5000 }, verdict: 'wait' },
    {
      name: 'one that died half way is followed by us',
      now: { membership: at('RemovingImports'), awayMs: 21_000 },
      verdict: 'ours',
    },
    {
      name: 'one that cannot go on leaves the rest to us',
      now: { membership: at('RestoringNames'), waitedMs: 181_000 },
      verdict: 'ours',
    },
    {
      name: 'nodes that do not get clean hold us up just as much',
      now: { membership: at('CleaningNodes'), waitedMs: 181_000 },
      verdict: 'stuck',
    },
  ]
  for (const { name, now, verdict } of cases) test(name, () => assert.equal(judgeOperator({ ...watched, ...now }, how), verdict))

  test('a node is clean when its pod says so, and not when there is no pod on it', () => {
    const pod = (nodeName: string, status: 'True' | 'False'): Pod => ({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: nodeName },
      spec: { nodeName, containers: [] },
      status: { conditions: [{ type: 'Ready', status }] },
    })
    assert.deepEqual(notClean(['a', 'b', 'c'], [pod('a', 'True'), pod('b', 'False')]), ['b', 'c'])
  })
})

suite('which CRDs go', () => {
  const crd = (name: string): CustomResourceDefinition =>
    ({ apiVersion: 'apiextensions.k8s.io/v1', kind: 'CustomResourceDefinition', metadata: { name } }) as CustomResourceDefinition
  const object = (name: string): KubeObject => ({
    apiVersion: 'v1',
    kind: 'ServiceExport',
    metadata: { name, namespace: 'shop' },
  })
  const found: readonly Found[] = [
    { crd: crd('memberships.tombolo.dev'), used: [] },
    { crd: crd('serviceexports.multicluster.x-k8s.io'), used: [object('web'), object('api')] },
    { crd: crd('serviceimports.multicluster.x-k8s.io'), used: [] },
  ]

  test('one that anybody still uses stays, and its objects are named', () => {
    const { go, stay } = judgeCRDs(found)
    assert.deepEqual(
      go.map(({ metadata }) => metadata.name),
      ['memberships.tombolo.dev', 'serviceimports.multicluster.x-k8s.io'],
    )
    assert.match(
      stay.join('\n'),
      /^CRD serviceexports\.multicluster\.x-k8s\.io, as ServiceExport shop\/web and 1 more would go with it/,
    )
  })

  const kinds = (part: Part) => kindsToDrop(part).map(({ kind }) => kind)
  test('a cluster that is member and broker keeps what the other part needs', () => {
    assert.deepEqual(kinds({ leaving: 'member', other: true }), [
      'Membership',
      'ServiceExport',
      'ServiceImport',
      'ServiceTrafficPolicy',
      'ClusterProperty',
    ])
    assert.ok(kinds({ leaving: 'member', other: false }).includes('Allocation'))
    assert.deepEqual(kinds({ leaving: 'broker', other: true }), [
      'Fleet',
      'JoinGrant',
      'JoinRequest',
      'Member',
      'ExportGrant',
      'ExportedService',
      'ExportedEndpoints',
    ])
    assert.ok(kinds({ leaving: 'broker', other: false }).includes('GatewayEndpoint'))
  })
})

test('a broker with members is refused by their names, unless they are to be left behind', () => {
  const survey = { members: [{ metadata: { name: 'east' } }, { metadata: { name: 'west' } }] } as unknown as Parameters<
    typeof checkNoMembers
  >[0]
  assert.throws(() => checkNoMembers(survey, 'hub', false), /The broker in context "hub" still has 2 members: east, west\./)
  checkNoMembers(survey, 'hub', true)
  checkNoMembers({ members: [] }, 'hub', false)
})
