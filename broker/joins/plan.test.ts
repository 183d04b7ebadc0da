import assert from 'node:assert/strict'
import type { JoinRequest } from '#crds/join-request.ts'
import type { Member } from '#crds/member.ts'
import type { CIDR } from '#lib/net/cidr.ts'
import type { ClusterID } from '#lib/net/cluster-id.ts'
import { planJoins } from './plan.ts'

const now = new Date('2026-01-02T00:00:00Z')

const request = (id: string, pods: string, more: Partial<JoinRequest> = {}): JoinRequest => ({
  apiVersion: 'tombolo.dev/v1alpha1',
  kind: 'JoinRequest',
  metadata: { name: id, namespace: 'tombolo-join', generation: 1, creationTimestamp: '2026-01-01T00:00:00Z' },
  spec: {
    clusterID: id as ClusterID,
    clusterUID: `uid-${id}`,
    podCIDRs: [pods as CIDR],
    serviceCIDRs: [pods.replace('10.', '11.') as CIDR],
    version: '0.1.0',
  },
  ...more,
})

const member = (of: JoinRequest, provisioned: 'True' | 'False', deletionTimestamp?: string): Member => ({
  apiVersion: 'tombolo.dev/v1alpha1',
  kind: 'Member',
  metadata: {
    name: of.metadata.name,
    namespace: 'tombolo-broker',
    ...(deletionTimestamp === undefined ? {} : { deletionTimestamp }),
  },
  spec: {
    clusterID: of.spec.clusterID,
    clusterUID: of.spec.clusterUID,
    podCIDRs: of.spec.podCIDRs,
    serviceCIDRs: of.spec.serviceCIDRs,
  },
  status: {
    conditions: [
      { type: 'Provisioned', status: provisioned, reason: 'x', message: '', lastTransitionTime: '2026-01-01T00:00:00Z' },
    ],
  },
})

/** `west: Pending` and `+Member west`, in the order of the steps. */
const said = (requests: readonly JoinRequest[], members: readonly Member[] = []): readonly string[] =>
  planJoins({ requests, members, now }).steps.map((step) => {
    switch (step.do) {
      case 'apply':
        return `+${step.kind.kind} ${step.object.metadata.name}`
      case 'status':
        return `${step.key.name}: ${(step.status as { state: string }).state}`
      case 'delete':
        return `-${step.kind.kind} ${step.key.name}`
    }
  })

suite('answers to join requests', () => {
  const west = request('west', '10.2.0.0/16')
  const refused = { observedGeneration: 1, state: 'Refused', message: '' } as const
  const admitted = { observedGeneration: 1, state: 'Admitted', message: '' } as const

  test('a first request makes a Member and stays Pending until that is provisioned', () => {
    assert.deepEqual(said([west]), ['+Member west', 'west: Pending'])
    assert.deepEqual(said([west], [member(west, 'False')]), ['west: Pending'])
    assert.deepEqual(said([west], [member(west, 'True')]), ['west: Admitted'])
  })

  test('two requests that overlap make one Member', () => {
    const north = request('north', '10.2.128.0/17')
    assert.deepEqual(said([west, north]), ['+Member north', 'north: Pending', 'west: Refused'])
  })

  test('a refusal stands for what was asked, also when the obstacle has gone', () => {
    assert.deepEqual(said([{ ...west, status: refused }]), [])
  })

  test('a refused request that was changed is judged again', () => {
    const changed = { ...west, status: refused, metadata: { ...west.metadata, generation: 2 } }
    assert.deepEqual(said([changed]), ['+Member west', 'west: Pending'])
  })

  test('an admitted request whose Member was removed does not bring it back', () => {
    assert.deepEqual(said([{ ...west, status: admitted }]), ['west: Refused'])
  })

  test('a request under the id of a Member that is being removed waits', () => {
    assert.deepEqual(said([west], [member(west, 'True', '2026-01-02T00:00:00Z')]), ['west: Pending'])
  })

  test('a request that says already what is so is not written again', () => {
    const [step] = planJoins({ requests: [west], members: [member(west, 'True')], now }).steps
    assert.ok(step?.do === 'status')
    const answered = { ...west, status: step.status } as JoinRequest
    const [again] = planJoins({ requests: [answered], members: [member(west, 'True')], now: new Date('2026-01-03') }).steps
    assert.ok(again?.do === 'status')
    assert.deepEqual(again.status, step.status)
  })
})
