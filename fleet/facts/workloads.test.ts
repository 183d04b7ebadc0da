import assert from 'node:assert/strict'
import type { KubeObject } from '#lib/kube/object.ts'
import { parsePod, parseWorkload } from './workloads.ts'

const labels = { 'app.kubernetes.io/component': 'dns' }
const pod = (status: unknown, metadata: object = {}): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'p', namespace: 'tombolo-system', labels, ...metadata },
  spec: { nodeName: 'n1', containers: [{ image: 'tombolo:1' }] },
  status,
})

suite('a pod of ours', () => {
  const cases: readonly (readonly [string, unknown, object])[] = [
    [
      'runs',
      {
        phase: 'Running',
        conditions: [{ type: 'Ready', status: 'True' }],
        containerStatuses: [{ restartCount: 2, imageID: 'sha256:1', state: { running: {} }, lastState: {} }],
      },
      { ready: true, restarts: 2, trouble: undefined, imageID: 'sha256:1', image: 'tombolo:1', node: 'n1' },
    ],
    [
      'cannot be scheduled',
      {
        phase: 'Pending',
        conditions: [{ type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message: '0/2 nodes are available' }],
      },
      { ready: false, trouble: 'Unschedulable: 0/2 nodes are available' },
    ],
    [
      'crashes, and says of what it died last',
      {
        phase: 'Running',
        containerStatuses: [
          {
            restartCount: 7,
            state: { waiting: { reason: 'CrashLoopBackOff', message: 'back-off 5m' } },
            lastState: { terminated: { reason: 'OOMKilled', message: null } },
          },
        ],
      },
      { restarts: 7, trouble: 'CrashLoopBackOff: back-off 5m; OOMKilled' },
    ],
    ['was just made', {}, { phase: 'Unknown', ready: false, restarts: 0, trouble: undefined }],
  ]
  for (const [name, status, want] of cases)
    test(name, () => {
      const found = parsePod(pod(status))
      assert.deepEqual({ ...found, ...want }, found)
    })

  test('that is being deleted says so', () =>
    assert.equal(parsePod(pod({}, { deletionTimestamp: '2026-01-02T00:00:00Z' }))?.going, true))
  test('of another shape is none', () => assert.equal(parsePod(pod('Running')), undefined))
})

suite('a workload of ours', () => {
  const template = { spec: { containers: [{ image: 'tombolo:1' }] } }
  const object = (kind: string, spec: object, status: unknown): KubeObject => ({
    apiVersion: 'apps/v1',
    kind,
    metadata: { name: 'tombolo-dns', namespace: 'tombolo-system', labels, generation: 3 },
    spec: { template, ...spec },
    status,
  })
  test('counts what a Deployment wants and has', () => {
    const found = parseWorkload(
      object('Deployment', { replicas: 2 }, { observedGeneration: 3, availableReplicas: 1, updatedReplicas: 2 }),
    )
    assert.deepEqual([found?.wanted, found?.available, found?.updated, found?.seen, found?.image], [2, 1, 2, true, 'tombolo:1'])
  })
  test('counts what a DaemonSet wants and has', () => {
    const status = { observedGeneration: 2, desiredNumberScheduled: 4, numberAvailable: 3, updatedNumberScheduled: 1 }
    const found = parseWorkload(object('DaemonSet', {}, status))
    assert.deepEqual([found?.wanted, found?.available, found?.updated, found?.seen], [4, 3, 1, false])
  })
  test('that nobody has looked at has nothing', () => {
    const found = parseWorkload(object('Deployment', {}, undefined))
    assert.deepEqual([found?.wanted, found?.available, found?.seen], [1, 0, false])
  })
})
