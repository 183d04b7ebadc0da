// Kubernetes has what Tombolo builds on.
import type { Check } from './check.ts'
import { pass } from './check.ts'

/** CEL rules in CRDs are stable from 1.29; admission policies may use CEL's functions for addresses from 1.31. */
const least = { member: 29, broker: 31 } as const

export const kubernetesVersion: Check = {
  name: 'kubernetes-version',
  subject: 'versions',
  asks: `Is Kubernetes new enough: 1.${least.member} in a member, 1.${least.broker} on the broker?`,
  run: ({ member, broker, platform: { version } }) => {
    if (version === undefined || (member === undefined && broker === undefined)) return []
    const role = broker === undefined ? 'member' : 'broker'
    const [, major = '', minor = ''] = /^v(\d+)\.(\d+)/.exec(version) ?? []
    if (Number(major) > 1 || Number(minor) >= least[role]) return [pass(`Kubernetes ${version}`)]
    return [
      {
        level: 'fail',
        about: ['apiserver'],
        says: `Kubernetes ${version} is too old for a ${role}: 1.${least[role]} is the oldest that has what is needed`,
        remedy: role === 'broker' ? 'Upgrade it, or make another cluster the broker.' : 'Upgrade the cluster.',
      },
    ]
  },
}
