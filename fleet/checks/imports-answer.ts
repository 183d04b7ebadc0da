// What this cluster imports can be used in it.
import { servicesOf } from '../rows/services.ts'
import type { Check, Finding } from './check.ts'
import { counted, orPass } from './check.ts'

export const importsAnswer: Check = {
  name: 'imports-answer',
  subject: 'services',
  asks: 'Has every imported service an address and a ready endpoint?',
  run: (seen) => {
    if (seen.member === undefined || seen.member.imports.length === 0) return []
    const imports = servicesOf(seen).filter((s) => s.type !== undefined)
    return orPass(
      imports.flatMap((s): readonly Finding[] => {
        const name = `${s.namespace}/${s.name}`
        const about = [`ServiceImport ${name}`]
        const from = s.clusters.join(', ') || 'no cluster'
        if (s.type === 'ClusterSetIP' && s.ips.length === 0)
          return [
            {
              level: 'fail',
              about,
              says: `${name} has no address in this cluster: ${s.message ?? 'its derived Service has none yet'}`,
              remedy: `kubectl -n ${s.namespace} get serviceimport ${s.name} -o yaml says why in its conditions.`,
            },
          ]
        // Of a policy that lets nobody answer traffic-policies tells.
        if (s.readyEndpoints > 0 || s.answering?.length === 0) return []
        return [
          {
            level: 'fail',
            about,
            says: `${name}, exported by ${from}, has ${s.endpoints === 0 ? 'no endpoint' : `no ready endpoint of ${s.endpoints}`}: calls to it fail`,
            remedy: `Look at its pods where it is exported (${from}): kubectl -n ${s.namespace} get endpointslices -l kubernetes.io/service-name=${s.name}.`,
          },
        ]
      }),
      `${counted(imports.length, 'import')} with ready endpoints`,
    )
  },
}
