// Clusters that export one service have to export the same.
import { conditionOf } from '#lib/kube/conditions.ts'
import { servicesOf } from '../rows/services.ts'
import type { Check } from './check.ts'
import { orPass } from './check.ts'

export const exportConflicts: Check = {
  name: 'export-conflicts',
  subject: 'services',
  asks: 'Do the clusters that export one service agree on it?',
  run: (seen) => {
    const { member, broker } = seen
    const conflicts =
      member !== undefined
        ? member.exports.flatMap(({ metadata, status }) => {
            const found = conditionOf(status?.conditions, 'Conflict')
            return found?.status === 'True'
              ? [{ name: `${metadata.namespace ?? ''}/${metadata.name}`, message: found.message }]
              : []
          })
        : servicesOf(seen).flatMap((s) =>
            s.state === 'Conflict' ? [{ name: `${s.namespace}/${s.name}`, message: s.message ?? '' }] : [],
          )
    if ((member?.exports ?? broker?.services ?? []).length === 0) return []
    return orPass(
      conflicts.map(({ name, message }) => ({
        level: 'fail' as const,
        about: [`ServiceExport ${name}`],
        says: `${name}: ${message}`,
        remedy: `Compare kubectl -n ${name.split('/')[0] ?? ''} get service ${name.split('/')[1] ?? ''} -o yaml in the clusters that are named, and make them equal.`,
      })),
      'all clusters export the same',
    )
  },
}
