// What other clusters export could be written here.
import { conditionOf } from '#lib/kube/conditions.ts'
import { membershipName, systemNamespace } from '#crds/places.ts'
import type { Check } from './check.ts'
import { pass } from './check.ts'

export const importsMade: Check = {
  name: 'imports-made',
  subject: 'services',
  asks: 'Could every service that others export be imported here?',
  run: ({ member }) => {
    const made = conditionOf(member?.membership.status?.conditions, 'ImportsMade')
    if (made === undefined) return []
    if (made.status !== 'False') return [pass(made.message)]
    return [
      {
        level: 'fail',
        about: [`Membership ${systemNamespace}/${membershipName}`],
        says: made.message,
        remedy:
          'Delete what has the name of an import and was not made by Tombolo; where the apiserver refuses, look for a quota, an admission webhook, or a service CIDR without a free address. It is tried again by itself.',
      },
    ]
  },
}
