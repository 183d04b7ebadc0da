import assert from 'node:assert/strict'
import type { Allocation } from '#crds/allocation.ts'
import type { Fleet } from '#crds/fleet.ts'
import { brokerRoles } from '#broker/install/rbac.ts'
import { fingerprint } from '#lib/identity/identity.ts'
import type { KubeObject } from '#lib/kube/object.ts'
import { keyOf, keyText } from '#lib/kube/object.ts'
import { fleetWith, joiner, memberOf, requestBy } from '#test/kit/joining.ts'
import { memberKeys, memberObjects } from './objects.ts'
import type { MemberSeen } from './plan.ts'
import { planMember } from './plan.ts'

const who = joiner('west')
const west = memberOf(who, { pods: ['10.2.0.0/16'], services: ['10.102.0.0/16'] })

const nothing: MemberSeen = {
  member: undefined,
  fleet: fleetWith(),
  exportGrants: [],
  request: undefined,
  namespace: undefined,
  quota: undefined,
  account: undefined,
  allocation: undefined,
  writes: undefined,
  reads: undefined,
  readsFleet: undefined,
  level: undefined,
  schema: undefined,
  now: new Date('2026-01-02T00:00:00Z'),
}
const everything: MemberSeen = { ...nothing, member: west, ...(memberObjects(west) as Partial<MemberSeen>) }

const said = (seen: MemberSeen): readonly string[] =>
  planMember(seen).steps.map((step) =>
    step.do === 'apply'
      ? `+${step.kind.kind} ${keyText(keyOf(step.object))}`
      : `${step.do} ${step.kind.kind} ${keyText(step.key)}`,
  )

suite('a member that asked for addresses of another', () => {
  const refused = (by = who): MemberSeen['request'] => ({
    ...requestBy(by, { pods: ['10.9.0.0/16'] }),
    status: {
      conditions: [
        { type: 'Overlap', status: 'True', reason: 'Overlap', message: 'M.', lastTransitionTime: '2026-01-01T00:00:00Z' },
      ],
    },
  })
  const conditions = (seen: MemberSeen) => {
    const step = planMember(seen).steps.find((s) => s.do === 'status')
    assert.ok(step?.do === 'status')
    return (step.status as NonNullable<typeof west.status>).conditions?.map(
      ({ type, status, message }) => `${type} ${status}: ${message}`,
    )
  }
  const well = ['Provisioned', 'Ready'].map((type) => `${type} True: Its namespace, account, rights and addresses exist.`)

  test('is told so, and stays Ready with those it has', () => {
    assert.deepEqual(conditions({ ...everything, request: refused() })?.toSorted(), [
      'Overlap True: It asked for other addresses and keeps those it has: M.',
      ...well,
    ])
  })

  test('until it asks for something else; what another asked under its id is not its own', () => {
    const told = planMember({ ...everything, request: refused() }).steps.find((s) => s.do === 'status')
    assert.ok(told?.do === 'status')
    const member = { ...west, status: told.status as NonNullable<typeof west.status> }
    assert.deepEqual(conditions({ ...everything, member, request: requestBy(who) }), well)
    assert.deepEqual(conditions({ ...everything, member, request: refused(joiner('west')) }), well)
  })
})

suite('what a Member consists of', () => {
  test('is made, its addresses and its queue before its account', () => {
    assert.deepEqual(said({ ...nothing, member: west }), [
      '+Namespace tombolo-m-west',
      '+Allocation tombolo-m-west/allocation',
      '+PriorityLevelConfiguration tombolo-m-west',
      '+FlowSchema tombolo-m-west',
      '+ServiceAccount tombolo-m-west/member',
      '+RoleBinding tombolo-m-west/tombolo-member-write',
      '+ResourceQuota tombolo-m-west/member',
      '+ClusterRoleBinding tombolo-m-west',
      '+RoleBinding tombolo-broker/tombolo-m-west',
      'status Member tombolo-broker/west',
    ])
  })

  test('has no quota before the quota controller of a new broker knows our kinds, and looks again when it does', () => {
    const fleet = fleetWith()
    const young = { ...fleet, metadata: { ...fleet.metadata, creationTimestamp: '2026-01-01T23:59:20Z' } }
    const { steps, next } = planMember({ ...nothing, member: west, fleet: young })
    assert.ok(!steps.some((step) => step.do === 'apply' && step.kind.kind === 'ResourceQuota'))
    assert.deepEqual(next, { kind: 'again', afterMs: 20_100, because: 'the broker is too young for quotas' })
  })

  test('goes with it, the account first, and the finalizer holds until the namespace is gone', () => {
    const leaving = { ...west, metadata: { ...west.metadata, deletionTimestamp: '2026-01-02T00:00:00Z' } }
    assert.deepEqual(said({ ...everything, member: leaving }), [
      'delete ServiceAccount tombolo-m-west/member',
      'delete ClusterRoleBinding tombolo-m-west',
      'delete RoleBinding tombolo-broker/tombolo-m-west',
      'delete RoleBinding tombolo-m-west/tombolo-member-write',
      'delete Allocation tombolo-m-west/allocation',
      'delete FlowSchema tombolo-m-west',
      'delete PriorityLevelConfiguration tombolo-m-west',
      'delete Namespace tombolo-m-west',
    ])
    assert.equal(planMember({ ...everything, member: leaving }).finalizer, 'keep')
    const until = '2026-01-02T00:02:00Z'
    const who = { clusterID: 'west', clusterUID: 'uid-west', identity: fingerprint(west.spec.identity) }
    const kept = ['10.2.0.0/16', '10.102.0.0/16'].map((cidr) => ({ cidr, ...who, until }))
    const recorded = fleetWith({}, { released: kept as NonNullable<Fleet['status']>['released'] })
    assert.equal(planMember({ ...nothing, member: leaving, fleet: recorded }).finalizer, 'release')
    assert.equal(planMember({ ...nothing, member: leaving }).finalizer, 'keep', 'its addresses would be free at once')
  })

  test('is found again by its id alone', () => {
    const objects = memberObjects(west)
    for (const [name, key] of Object.entries(memberKeys('west')))
      assert.equal(keyText(key), keyText(keyOf(objects[name as keyof typeof objects])), name)
  })

  test('in quarantine its Allocation says so, and nothing else changes', () => {
    const quarantined = { ...west, spec: { ...west.spec, state: 'Quarantined' as const } }
    const { spec } = memberObjects(quarantined).allocation as Allocation
    assert.deepEqual([spec.state, spec.podCIDRs], ['Quarantined', ['10.2.0.0/16']])
    assert.ok(!said({ ...everything, member: quarantined }).some((step) => step.startsWith('delete')))
    const status = planMember({ ...everything, member: quarantined }).steps.at(-1)
    assert.match(JSON.stringify(status), /"reason":"Quarantined".*tombolo quarantine west --lift/)
  })

  test('what has drained leaves its Allocation first, and its status when that is seen: in between it would drain anew', () => {
    const draining = [{ cidr: '10.9.0.0/16', use: 'Pods', until: '2026-01-01T23:59:59Z' }] as const
    const member = { ...west, status: { ...west.status, draining: [...draining] } } as typeof west
    const planned = (allocation: unknown) => {
      const { steps } = planMember({ ...everything, member, allocation: allocation as Allocation })
      const objects = steps.flatMap((s) => (s.do === 'apply' && s.kind.kind === 'Allocation' ? [s.object as Allocation] : []))
      const status = steps.flatMap((s) => (s.do === 'status' ? [s.status as NonNullable<typeof west.status>] : []))
      return { believed: objects[0]?.spec.podCIDRs, listed: status[0]?.draining }
    }
    const { allocation } = memberObjects(member, draining as unknown as Parameters<typeof memberObjects>[1])
    assert.deepEqual(planned(allocation), { believed: ['10.2.0.0/16'], listed: draining })
    assert.deepEqual(planned(everything.allocation), { believed: ['10.2.0.0/16'], listed: undefined })
  })

  test('T5: its Allocation has the names that grants let it export; without a Fleet the rest stays as it was, at first closed', () => {
    const exportGrants = [{ spec: { namespace: 'payments', clusters: ['east'] } }] as unknown as MemberSeen['exportGrants']
    const ungranted = (change: Partial<MemberSeen>) => {
      const [step] = planMember({ ...everything, ...change }).steps.filter(
        (s) => s.do === 'apply' && s.kind.kind === 'Allocation',
      )
      assert.ok(step?.do === 'apply')
      return (step.object as Allocation).spec.exports
    }
    assert.deepEqual(ungranted({ exportGrants }), { ungranted: 'Allow', granted: [], reserved: ['payments/*'] })
    const { fleet } = everything
    assert.ok(fleet !== undefined)
    const shut: Fleet = { ...fleet, spec: { ...fleet.spec, exports: { ungranted: 'Deny' } } }
    assert.deepEqual(ungranted({ exportGrants, fleet: shut }), { ungranted: 'Deny', granted: [], reserved: [] })
    assert.equal(ungranted({ fleet: undefined }).ungranted, 'Allow')
    assert.equal(ungranted({ fleet: undefined, allocation: undefined }).ungranted, 'Deny')
  })

  test('its Allocation has the fleet’s traffic default; without a Fleet it stays as it was', () => {
    const traffic = { locality: 'Nearest', minReadyEndpoints: 2 } as const
    const { fleet } = everything
    assert.ok(fleet !== undefined)
    const told = (change: Partial<MemberSeen>) =>
      planMember({ ...everything, ...change }).steps.flatMap((s) =>
        s.do === 'apply' && s.kind.kind === 'Allocation' ? [s.object as Allocation] : [],
      )
    const [allocation] = told({ fleet: { ...fleet, spec: { ...fleet.spec, traffic } } })
    assert.deepEqual(allocation?.spec.traffic, traffic)
    assert.deepEqual(told({ fleet: undefined, allocation })[0]?.spec.traffic, traffic)
    assert.equal(told({ allocation })[0]?.spec.traffic, undefined)
  })

  test('goes also when the Member went without us', () => {
    const steps = said({ ...everything, member: undefined })
    for (const step of ['delete Namespace tombolo-m-west', 'delete PriorityLevelConfiguration tombolo-m-west'])
      assert.ok(steps.includes(step), step)
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

  test('nobody may read a Secret but the controller that of the CA, or write a role, and only it makes tokens, of the two accounts it made', () => {
    for (const role of ['tombolo-member-read', 'tombolo-member-write', 'tombolo-broker-controller'])
      for (const { resources, verbs, resourceNames } of rules(role)) {
        if (resources.includes('secrets'))
          assert.deepEqual([role, resources, resourceNames], ['tombolo-broker-controller', ['secrets'], ['tombolo-fleet-ca']])
        for (const verb of ['escalate', 'impersonate', '*']) assert.ok(!verbs.includes(verb), role)
        if (resources.some((r) => r === 'roles' || r === 'clusterroles')) assert.deepEqual(verbs, ['bind'])
      }
    for (const role of ['tombolo-member-write', 'tombolo-member-read', 'tombolo-joiner'])
      assert.ok(
        rules(role).every(({ resources }) => !resources.includes('serviceaccounts/token')),
        role,
      )
    const tokens = rules('tombolo-broker-controller').filter(({ resources }) => resources.includes('serviceaccounts/token'))
    assert.deepEqual(tokens, [
      { apiGroups: [''], resources: ['serviceaccounts/token'], resourceNames: ['member', 'joiner'], verbs: ['create'] },
    ])
  })

  test('whoever may ask to join may do nothing else', () => {
    assert.deepEqual(rules('tombolo-joiner'), [
      { apiGroups: ['tombolo.dev'], resources: ['joinrequests'], verbs: ['get', 'create', 'delete'] },
    ])
  })
})
