// ExportGrants that do not say what their writer may think: a name that is mistyped is granted to nobody.
import type { Check, Finding } from './check.ts'
import { orPass } from './check.ts'

export const exportGrants: Check = {
  name: 'export-grants',
  subject: 'broker',
  asks: 'Do ExportGrants name clusters that are members?',
  run: ({ broker }) => {
    if (broker === undefined || broker.exportGrants.length === 0) return []
    const members = new Set<string>(broker.members.map(({ spec }) => spec.clusterID))
    return orPass(
      broker.exportGrants.flatMap(({ metadata, spec }): readonly Finding[] => {
        const unknown = spec.clusters.filter((id) => !members.has(id))
        return unknown.length === 0
          ? []
          : [
              {
                level: 'warn',
                about: [`ExportGrant ${metadata.name}`],
                says: `${metadata.name} grants names of ${spec.namespace} to clusters that are no members: ${unknown.join(', ')}`,
                remedy: `If they are to join, all is well; else correct it: kubectl -n tombolo-broker edit exportgrant ${metadata.name}.`,
              },
            ]
      }),
      'every cluster that an ExportGrant names is a member',
    )
  },
}
