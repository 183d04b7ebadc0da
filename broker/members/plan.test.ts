import assert from 'node:assert/strict'
import type { Member } from '#crds/member.ts'
import { brokerRoles } from '#broker/install/rbac.ts'
import type { CIDR } from '#lib/net/cidr.ts'
import type { ClusterID } from '#lib/net/cluster-id.ts'
import type { KubeObject } from '#lib/kube/object.ts'
import { keyOf, keyText } from '#lib/kube/object.ts'
import { memberObjects } from './objects.ts'
import type { MemberSeen } from './plan.ts'
import { planMember } from './plan.ts'

const west: Member = {
  apiVersion: 'tombolo.dev/v1alpha1',
  kind: 'Member',
  metadata: { name: 'west', namespace: 'tombolo-broker', generation: 1 },
  spec: {
    clusterID: 'west' as ClusterID,
    clusterUID: 'uid-west',
    podCIDRs: ['10.2.0.0/16' as CIDR],
    serviceCIDRs: ['10.102.0.0/16' as CIDR],
  },
}

const nothing: MemberSeen = {
  member: undefined,
  request: undefined,
  namespace: undefined,
  account: undefined,
  allocation: undefined,
  writes: undefined,
  reads: undefined,
  fleet: undefined,
  now: new Date('2026-01-02T00:00:00Z'),
}
const everything: MemberSeen = {
  ...nothing,
  member: west,
  ...(memberObjects(west) as Omit<MemberSeen, 'member' | 'request' | 'now'>),
}

const said = (seen: MemberSeen): readonly string[] =>
  planMember(seen).steps.map((step) =>
    step.do === 'apply'
      ? `+${step.kind.kind} ${keyText(keyOf(step.object))}`
      : `${step.do} ${step.kind.kind} ${keyText(step.key)}`,
  )

suite('what a Member consists of', () => {
  test('is made, its addresses before its account', () => {
    assert.deepEqual(said({ ...nothing, member: west }), [
      '+Namespace tombolo-m-west',
      '+Allocation tombolo-m-west/allocation',
      '+ServiceAccount tombolo-m-west/member',
      '+RoleBinding tombolo-m-west/tombolo-member-write',
      '+ClusterRoleBinding tombolo-m-west',
      '+RoleBinding tombolo-broker/tombolo-m-west',
      'status Member tombolo-broker/west',
    ])
  })

  test('goes with it, the account first, and the finalizer holds until the namespace is gone', () => {
    const leaving = { ...west, metadata: { ...west.metadata, deletionTimestamp: '2026-01-02T00:00:00Z' } }
    assert.deepEqual(said({ ...everything, member: leaving }), [
      'delete ServiceAccount tombolo-m-west/member',
      'delete ClusterRoleBinding tombolo-m-west',
      'delete RoleBinding tombolo-broker/tombolo-m-west',
      'delete RoleBinding tombolo-m-west/tombolo-member-write',
      'delete Allocation tombolo-m-west/allocation',
      'delete Namespace tombolo-m-west',
    ])
    assert.equal(planMember({ ...everything, member: leaving }).finalizer, 'keep')
    assert.equal(planMember({ ...nothing, member: leaving }).finalizer, 'release')
  })

  test('goes also when the Member went without us', () => {
    assert.ok(said({ ...everything, member: undefined }).includes('delete Namespace tombolo-m-west'))
  })

  test('waits while its namespace is still being removed', () => {
    const { namespace } = memberObjects(west)
    const going = { ...namespace, metadata: { ...namespace.metadata, deletionTimestamp: '2026-01-02T00:00:00Z' } }
    assert.deepEqual(said({ ...nothing, member: west, namespace: going }), [])
  })
})

suite('rights on the broker', () => {
  const rules = (name: string) =>
    brokerRoles()
      .filter((o) => (o.kind === 'ClusterRole' || o.kind === 'Role') && o.metadata.name === name)
      .flatMap(
        (o) =>
          (o as unknown as KubeObject & { rules: { resources: string[]; verbs: string[]; resourceNames?: string[] }[] }).rules,
      )

  test('a member reads four kinds of the others and nothing else', () => {
    assert.deepEqual(rules('tombolo-member-read'), [
      {
        apiGroups: ['tombolo.dev'],
        resources: ['allocations', 'gatewayendpoints', 'exportedservices', 'exportedendpoints'],
        verbs: ['get', 'list', 'watch'],
      },
    ])
  })

  test('nobody may read a Secret but the controller that of the CA, or write a role, and only a member makes its own token', () => {
    for (const role of ['tombolo-member-read', 'tombolo-member-write', 'tombolo-broker-controller'])
      for (const { resources, verbs, resourceNames } of rules(role)) {
        if (resources.includes('secrets'))
          assert.deepEqual([role, resources, resourceNames], ['tombolo-broker-controller', ['secrets'], ['tombolo-fleet-ca']])
        for (const verb of ['escalate', 'impersonate', '*']) assert.ok(!verbs.includes(verb), role)
        if (resources.some((r) => r === 'roles' || r === 'clusterroles')) assert.deepEqual(verbs, ['bind'])
      }
    const tokens = rules('tombolo-member-write').filter(({ resources }) => resources.includes('serviceaccounts/token'))
    assert.deepEqual(tokens, [
      { apiGroups: [''], resources: ['serviceaccounts/token'], resourceNames: ['member'], verbs: ['create'] },
    ])
    assert.ok(rules('tombolo-broker-controller').every(({ resources }) => !resources.includes('serviceaccounts/token')))
  })
})
