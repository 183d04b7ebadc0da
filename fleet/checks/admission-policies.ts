// The broker's apiserver binds what a member writes to its identity and its addresses. Without these policies a member that was taken
// over can announce the addresses of others.
import { admissionPolicies as wanted } from '#broker/install/policy.ts'
import { differs } from '#lib/kube/differs.ts'
import type { KubeObject } from '#lib/kube/object.ts'
import type { Check, Finding } from './check.ts'
import { counted, orPass } from './check.ts'

export const admissionPolicies: Check = {
  name: 'admission-policies',
  subject: 'broker',
  asks: 'Are the admission policies on the broker in place, bound, and as this version made them?',
  run: ({ broker, unread }) => {
    if (broker === undefined || unread.some(({ what }) => what.startsWith('ValidatingAdmissionPolic'))) return []
    return orPass(
      wanted().flatMap((want) => judge(want, broker.admission) ?? []),
      `${counted(wanted().length / 2, 'admission policy').replace('policys', 'policies')} in place and bound`,
    )
  },
}

const wantOf = ({ metadata: { name } }: KubeObject): string =>
  /^tombolo-(member|joiner)-/.test(name)
    ? 'what members write is not held to their addresses'
    : 'whoever comes to act as the broker controller, or beside it, is held by nothing but RBAC'

const remedy = 'tombolo deploy-broker puts it back as it was made, and changes nothing else.'

function judge(want: KubeObject, all: readonly KubeObject[]): Finding | undefined {
  const have = all.find((o) => o.kind === want.kind && o.metadata.name === want.metadata.name)
  const about = [`${want.kind} ${want.metadata.name}`]
  if (have === undefined)
    return {
      level: 'fail',
      about,
      says: `${about[0]} is missing: ${wantOf(want)}`,
      remedy,
    }
  const warnings = warningsOf(have)
  if (warnings.length > 0)
    return {
      level: 'fail',
      about,
      says: `${about[0]} does not work in this Kubernetes: ${warnings.join('; ')}`,
      remedy: 'Run the broker on Kubernetes 1.31 or newer.',
    }
  return differs(want.spec, have.spec)
    ? {
        level: 'fail',
        about,
        says: `${about[0]} is not what this version of Tombolo makes: it was changed, or is of another version`,
        remedy,
      }
    : undefined
}

/** What the apiserver found when it checked the types of the expressions. */
function warningsOf({ status }: KubeObject): readonly string[] {
  const found = (status as { readonly typeChecking?: { readonly expressionWarnings?: unknown } } | undefined)?.typeChecking
    ?.expressionWarnings
  return Array.isArray(found) ? found.map((w: { readonly warning?: unknown }) => String(w.warning)) : []
}
