import assert from 'node:assert/strict'
import type { JoinRequest } from '#crds/join-request.ts'
import type { Kube } from '#lib/kube/client.ts'
import { joiner, requestBy } from '#test/kit/joining.ts'
import { issue } from './issue.ts'

const now = new Date('2026-01-01T00:00:00Z')
const hour = 3600

/** The status that is written where the apiserver gives tokens of at most so many seconds. */
async function statusWhere(mostSeconds: number): Promise<NonNullable<JoinRequest['status']>> {
  const kube: Pick<Kube, 'request'> = {
    request: ({ body }) => {
      const { expirationSeconds } = (body as { readonly spec: { readonly expirationSeconds: number } }).spec
      const end = new Date(now.getTime() + Math.min(mostSeconds, expirationSeconds) * 1000)
      return Promise.resolve({ status: { token: 'a.b.c', expirationTimestamp: end.toISOString() } })
    },
  }
  const granting = { request: requestBy(joiner('east')), remarks: { VersionSkewed: 'old' } }
  const step = await issue(kube, granting, 'default', now, new AbortController().signal)
  assert.ok(step.do === 'status')
  return step.status
}
const conditions = async (mostSeconds: number) => ((await statusWhere(mostSeconds)).conditions ?? []).map(({ type }) => type)

suite('credentials that are handed out', () => {
  test('are as long as they were asked for, and nothing is remarked of them', async () =>
    assert.deepEqual(await conditions(Infinity), ['Ready', 'Stalled', 'VersionSkewed']))

  test('where the apiserver cuts them, the member is told how long it may sleep', async () => {
    const status = await statusWhere(hour)
    assert.equal(status.state, 'Admitted')
    assert.match(
      status.conditions?.find(({ type }) => type === 'ShortCredentials')?.message ?? '',
      /tokens of 1\.0 h where 336 h were asked for: "east" comes back by itself only within that time.*--service-account-max-token-expiration/,
    )
  })
})
