// The endpoints of what is exported are ready, and as many are in the slices that the clusterset uses.
import type { Check, Finding } from './check.ts'
import { orPass } from './check.ts'
import type { MemberView } from '../snapshot.ts'
import type { ServiceFact } from '../facts/exported.ts'
import { conditionOf } from '#lib/kube/conditions.ts'

export const exportedEndpoints: Check = {
  name: 'exported-endpoints',
  subject: 'services',
  asks: 'Have the exported services endpoints, and are these in the clusterset?',
  run: ({ member }) => {
    if (member === undefined || member.exported.services.length === 0) return []
    return orPass(
      member.exported.services.flatMap((service) => judge(service, member) ?? []),
      'the endpoints of every exported service are in the clusterset',
    )
  },
}

function judge(service: ServiceFact, member: MemberView): Finding | undefined {
  const { namespace, name, endpoints } = service
  const of = (o: { readonly metadata: { readonly namespace?: string; readonly name: string } }) =>
    o.metadata.namespace === namespace && o.metadata.name === name
  const valid = conditionOf(member.exports.find(of)?.status?.conditions, 'Valid')
  if (valid?.status === 'False') return undefined
  const about = [`Service ${namespace}/${name}`]
  const ready = new Set(endpoints.filter((e) => e.ready).map((e) => e.address)).size
  if (ready === 0)
    return {
      level: 'warn',
      about,
      says: `${namespace}/${name} is exported and has no endpoint that is ready`,
      remedy: `kubectl -n ${namespace} get pods -l ${
        Object.entries(service.selector)
          .map(([key, value]) => `${key}=${value}`)
          .join(',') || 'KEY=VALUE'
      } shows its pods.`,
    }
  const here = member.membership.spec.clusterID as string
  const imported = member.imports.find(of)
  // Those of a cluster whose export lost a conflict serve nothing, which another check says.
  if (imported === undefined || !(imported.status?.clusters ?? []).some((c) => c.cluster === here)) return undefined
  const inClusterset = member.slices
    .filter((s) => s.namespace === namespace && s.service === name && s.cluster === here)
    .reduce((sum, s) => sum + s.ready, 0)
  return inClusterset >= ready
    ? undefined
    : {
        level: 'warn',
        about,
        says: `${namespace}/${name} has ${ready} ready endpoints, of which ${inClusterset} are in the clusterset`,
        remedy:
          'It passes within a second or two. If it stays: kubectl -n tombolo-system logs deployment/tombolo-operator. Addresses outside of the admitted pod addresses are never exported.',
      }
}
