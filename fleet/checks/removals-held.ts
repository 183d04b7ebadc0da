// What is here of the other clusters is what the broker has of them.
import { conditionOf } from '#lib/kube/conditions.ts'
import { membershipName, systemNamespace } from '#crds/places.ts'
import type { Check } from './check.ts'
import { pass } from './check.ts'

export const removalsHeld: Check = {
  name: 'removals-held',
  subject: 'services',
  asks: 'Does the broker still have what is here of the other clusters?',
  run: ({ member }) => {
    const believed = conditionOf(member?.membership.status?.conditions, 'RemovalsBelieved')
    if (believed === undefined) return []
    if (believed.status !== 'False') return [pass(believed.message)]
    return [
      {
        level: 'fail',
        about: [`Membership ${systemNamespace}/${membershipName}`],
        says: believed.message,
        remedy:
          'Calls go on as before. Find out on the broker what became of them: tombolo show services --context BROKER; docs/guide/services.md has the rest.',
      },
    ]
  },
}
