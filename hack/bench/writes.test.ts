import assert from 'node:assert/strict'
import { between, total, writesIn } from './writes.ts'

const line = (verb: string, group: string, resource: string, count: number, more = '') =>
  `apiserver_request_total{code="200",component="apiserver",dry_run="",group="${group}",resource="${resource}",scope="resource",subresource="${more}",verb="${verb}",version="v1"} ${count}`

suite('bench writes', () => {
  test('writes are counted, over all answers; reads, dry runs and what kubelets write are not', () => {
    const text = [
      '# TYPE apiserver_request_total counter',
      line('APPLY', 'tombolo.dev', 'memberships', 3, 'status'),
      line('APPLY', '', 'services', 2),
      line('APPLY', '', 'services', 1).replace('code="200"', 'code="409"'),
      line('GET', '', 'services', 50),
      line('PATCH', '', 'pods', 7, 'status'),
      line('PATCH', '', 'services', 9).replace('dry_run=""', 'dry_run="All"'),
    ].join('\n')
    assert.deepEqual(Object.fromEntries(writesIn(text)), { 'APPLY memberships/status': 3, 'APPLY services': 3 })
  })

  test('what is counted is what came in between, leases apart', () => {
    const before = writesIn([line('PUT', 'coordination.k8s.io', 'leases', 10), line('APPLY', '', 'services', 4)].join('\n'))
    const after = writesIn(
      [
        line('PUT', 'coordination.k8s.io', 'leases', 16),
        line('APPLY', '', 'services', 4),
        line('POST', 'discovery.k8s.io', 'endpointslices', 2),
      ].join('\n'),
    )
    const { leases, others } = between(before, after)
    assert.equal(leases, 6)
    assert.deepEqual(others, { 'POST endpointslices': 2 })
    assert.equal(total(others), 2)
  })
})
