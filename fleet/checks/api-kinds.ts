// The apiserver serves the kinds that Tombolo keeps its state in.
import type { Check } from './check.ts'
import { orPass } from './check.ts'

export const apiKinds: Check = {
  name: 'api-kinds',
  subject: 'versions',
  asks: 'Does the apiserver serve every kind of Tombolo?',
  run: ({ member, broker, unserved }) => {
    if (member === undefined && broker === undefined) return []
    return orPass(
      unserved.map((kind) => ({
        level: 'fail' as const,
        about: [kind],
        says: `the apiserver does not know ${kind}`,
        remedy: `${broker === undefined ? 'tombolo join' : 'tombolo deploy-broker'} brings the CRD again.`,
      })),
      'every kind is served',
    )
  },
}
