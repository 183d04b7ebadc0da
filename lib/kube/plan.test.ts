import assert from 'node:assert/strict'
import type { ApiServer } from '#test/kit/apiserver.ts'
import { apiserver, writes } from '#test/kit/apiserver.ts'
import { logger } from '#lib/std/log.ts'
import type { Kube } from './client.ts'
import { kube } from './client.ts'
import { settled } from './controller.ts'
import { isConflict } from './errors.ts'
import { configMaps, services } from './kinds.ts'
import type { KubeObject } from './object.ts'
import type { Plan, Step } from './plan.ts'
import { applyPlan } from './plan.ts'
import { printPlan } from './print-plan.ts'

const never = new AbortController().signal
const map = (name: string, data: Record<string, string> = {}): KubeObject => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace: 'n' },
  data,
})

suite('plan', () => {
  let server: ApiServer
  let client: Kube
  setup(async () => {
    server = await apiserver()
    client = kube(server.connection, logger('test', 'silent'))
  })
  teardown(async () => {
    await client[Symbol.asyncDispose]()
    await server[Symbol.asyncDispose]()
  })
  const apply = (...steps: Step[]) => applyPlan(client, { steps, next: settled }, 'test', never)
  const read = (name: string) => client.get(configMaps, { namespace: 'n', name }, never) as Promise<KubeObject | undefined>

  test('writes nothing when nothing changes, also when others added fields of theirs', async () => {
    await apply({ do: 'apply', kind: configMaps, object: map('a', { ours: '1' }) })
    await client.patch(configMaps, { namespace: 'n', name: 'a' }, { data: { theirs: '1' } }, {}, never)
    const before = writes(server).length
    await apply({ do: 'apply', kind: configMaps, object: map('a', { ours: '1' }), have: await read('a') })
    assert.equal(writes(server).length, before)
  })

  test('takes away a field that is not wanted any more, and undoes what others did to ours', async () => {
    await apply({ do: 'apply', kind: configMaps, object: map('a', { x: '1', y: '1' }) })
    await apply({ do: 'apply', kind: configMaps, object: map('a', { x: '1' }), have: await read('a') })
    assert.deepEqual((await read('a'))?.data, { x: '1' })
    await client.patch(configMaps, { namespace: 'n', name: 'a' }, { data: { x: 'other' } }, {}, never)
    await apply({ do: 'apply', kind: configMaps, object: map('a', { x: '1' }), have: await read('a') })
    assert.deepEqual((await read('a'))?.data, { x: '1' })
  })

  test('writes status when anything in it differs, and not otherwise; an object that went meanwhile is no error', async () => {
    const key = { namespace: 'n', name: 's' }
    await client.create(services, { apiVersion: 'v1', kind: 'Service', metadata: key }, {}, never)
    const status = async (want: object) => {
      const have = (await client.get(services, key, never)) as KubeObject | undefined
      const before = writes(server).length
      await apply({ do: 'status', kind: services, key, status: want, have })
      return writes(server).length - before
    }
    assert.deepEqual([await status({ a: '1', b: '1' }), await status({ a: '1', b: '1' }), await status({ a: '1' })], [1, 0, 1])
    assert.deepEqual(server.read(services, key)?.status, { a: '1' })
    await apply({ do: 'status', kind: services, key: { namespace: 'n', name: 'gone' }, status: {} })
  })

  test('a status that others write to all the time is given up after a while, and told', async () => {
    const key = { namespace: 'n', name: 's' }
    const have = server.put(services, { apiVersion: 'v1', kind: 'Service', metadata: key })
    const isStatus = ({ subresource }: { readonly subresource: string }) => subresource === 'status'
    server.fault(isStatus, { do: 'status', code: 409, reason: 'Conflict' }, Infinity)
    await assert.rejects(apply({ do: 'status', kind: services, key, status: { a: '1' }, have }), isConflict)
    assert.ok(server.requests.filter(isStatus).length < 10)
  })

  test('a failed step does not stop the others, but then no status is written; all failures are told', async () => {
    server.fault(({ name }) => name.startsWith('bad'), { do: 'status', code: 422, reason: 'Invalid' }, Infinity)
    const bad = (name: string): Step => ({ do: 'apply', kind: configMaps, object: map(name) })
    const status: Step = { do: 'status', kind: services, key: { namespace: 'n', name: 's' }, status: { ready: true } }
    await assert.rejects(apply(bad('bad-1'), bad('good'), bad('bad-2'), status), (error) => {
      assert.ok(error instanceof AggregateError)
      assert.match(error.message, /^2 of 4 steps failed: .*bad-1.*bad-2/)
      return true
    })
    assert.ok((await read('good')) !== undefined)
    assert.ok(!server.requests.some(({ subresource }) => subresource === 'status'))
  })

  test('prints what it would do, as YAML that can be applied', () => {
    const plan: Plan = {
      steps: [
        { do: 'apply', kind: configMaps, object: map('a', { answer: 'yes' }) },
        { do: 'delete', kind: configMaps, key: { namespace: 'n', name: 'b' } },
        {
          do: 'status',
          kind: services,
          key: { namespace: 'n', name: 's' },
          status: { ok: 1 },
          have: { ...map('s'), status: { ok: 1 } },
        },
      ],
      next: settled,
    }
    assert.equal(
      printPlan(plan, 'test'),
      `# create: ConfigMap n/a
apiVersion: v1
kind: ConfigMap
metadata:
  name: a
  namespace: "n"
data:
  answer: "yes"
---
# delete: ConfigMap n/b
---
# unchanged: Service n/s
`,
    )
  })
})
