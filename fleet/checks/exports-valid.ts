// What this cluster exports reaches the others.
import type { Check, Finding } from './check.ts'
import { counted, orPass } from './check.ts'
import { conditionOf } from '#lib/kube/conditions.ts'

export const exportsValid: Check = {
  name: 'exports-valid',
  subject: 'services',
  asks: 'Is every ServiceExport valid and published?',
  run: ({ member }) => {
    if (member === undefined || member.exports.length === 0) return []
    return orPass(
      member.exports.flatMap(({ metadata, status }): readonly Finding[] => {
        const name = `${metadata.namespace ?? ''}/${metadata.name}`
        const about = [`ServiceExport ${name}`]
        const unexport = `tombolo unexport service ${metadata.name} -n ${metadata.namespace ?? ''} takes it back.`
        const [valid, ready, importersKnown] = ['Valid', 'Ready', 'ImportersKnown'].map((type) =>
          conditionOf(status?.conditions, type),
        )
        if (valid?.status === 'False') {
          const mend = valid.reason === 'NotGranted' ? 'Ask the administrator of the broker for that grant' : 'Mend the Service'
          return [{ level: 'fail', about, says: `${name}: ${valid.message}`, remedy: `${mend}, or: ${unexport}` }]
        }
        if (ready?.status === 'True')
          return importersKnown?.status !== 'False'
            ? []
            : [
                {
                  level: 'warn',
                  about,
                  says: `${name}: ${importersKnown.message}`,
                  remedy: `If it is to join, all is well; else: tombolo export service ${metadata.name} -n ${metadata.namespace ?? ''} --to CLUSTERS.`,
                },
              ]
        return [
          {
            level: ready?.reason === 'Failed' ? 'fail' : 'warn',
            about,
            says: `${name} is not published: ${ready?.message ?? 'the operator has not looked at it yet'}`,
            remedy: `The broker has to take it: tombolo diagnose broker. Or: ${unexport}`,
          },
        ]
      }),
      `${counted(member.exports.length, 'export')} published`,
    )
  },
}
