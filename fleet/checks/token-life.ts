// The token for the broker is renewed at two thirds of its life; one that is older is not being renewed.
import type { Check } from './check.ts'
import { pass } from './check.ts'

/** A renewal that is late by so much is in trouble. */
const lateMs = 10 * 60_000

export const tokenLife: Check = {
  name: 'token-life',
  subject: 'broker',
  asks: 'Is the token for the broker good, and is it renewed?',
  run: ({ member, takenAt }) => {
    if (member?.token === undefined) return []
    const { expiresAt, renewAt } = member.token
    const left = expiresAt.getTime() - takenAt.getTime()
    const about = ['Secret tombolo-system/tombolo-broker']
    if (left <= 0)
      return [
        {
          level: 'fail',
          about,
          says: `the token for the broker ran out at ${expiresAt.toISOString()}`,
          remedy: `The operator renews it when it reaches the broker. Where CredentialsValid says Expired, on the broker: tombolo grant create ${member.membership.spec.clusterID}; then tombolo join with it here, which keeps the membership.`,
        },
      ]
    const hours = `${(left / 3_600_000).toFixed(1)} h`
    if (takenAt.getTime() - renewAt.getTime() > lateMs)
      return [
        {
          level: 'warn',
          about,
          says: `the token for the broker should have been renewed at ${renewAt.toISOString()}, and is good for ${hours} more`,
          remedy:
            'The operator renews it while it reaches the broker: kubectl -n tombolo-system logs deployment/tombolo-operator | grep token',
        },
      ]
    return [pass(`the token for the broker is good for ${hours}`)]
  },
}
