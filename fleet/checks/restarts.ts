// A pod that was restarted again and again works now and will not for long.
import type { Check } from './check.ts'
import { orPass } from './check.ts'

const many = 5

export const restarts: Check = {
  name: 'restarts',
  subject: 'deployment',
  asks: `Was any pod of Tombolo restarted ${many} times or more?`,
  run: ({ member, broker }) => {
    const pods = [...(member?.pods ?? []), ...(broker?.pods ?? [])]
    if (pods.length === 0) return []
    return orPass(
      pods
        .filter((p) => p.restarts >= many)
        .map((p) => ({
          level: 'warn' as const,
          about: [`Pod ${p.namespace}/${p.name}`],
          says: `${p.name} was restarted ${p.restarts} times${p.trouble === undefined ? '' : ` (${p.trouble})`}`,
          remedy: `kubectl -n ${p.namespace} logs ${p.name} --previous shows how it ended last.`,
        })),
      `no pod was restarted ${many} times`,
    )
  },
}
