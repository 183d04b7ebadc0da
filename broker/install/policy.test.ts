import assert from 'node:assert/strict'
import { joinerAccount, joinNamespace, memberAccount, memberNamespace } from '#crds/places.ts'
import { userOf } from '#crds/rules/account.ts'
import { policies } from '#crds/rules/index.ts'
import { ownKinds } from '#crds/rules/reach.ts'
import type { Request } from '#crds/rules/rule.ts'
import type { KubeObject } from '#lib/kube/object.ts'
import { memberQuota } from './limits.ts'
import { admissionPolicies } from './policy.ts'
import { brokerRoles, joinerRole, memberWriteRole } from './rbac.ts'

type Rule = { readonly apiGroups: readonly string[]; readonly resources: readonly string[]; readonly verbs: readonly string[] }

/** `group` and `resource`, also of a subresource, that the role may write. */
const writes = (role: string): readonly { readonly group: string; readonly resource: string }[] =>
  (brokerRoles() as readonly (KubeObject & { readonly rules?: readonly Rule[] })[])
    .filter(({ metadata }) => metadata.name === role)
    .flatMap(({ rules = [] }) => rules)
    .filter(({ verbs }) => verbs.some((verb) => !['get', 'list', 'watch'].includes(verb)))
    .flatMap(({ apiGroups, resources }) => apiGroups.flatMap((group) => resources.map((resource) => ({ group, resource }))))

suite('admission policies and rights', () => {
  const all = [
    ...writes(memberWriteRole).map((kind) => ({ ...kind, namespace: memberNamespace('east'), account: memberAccount })),
    ...writes(joinerRole).map((kind) => ({ ...kind, namespace: joinNamespace('east'), account: joinerAccount })),
  ]

  test('whatever RBAC lets a cluster write, the second line lets it write, and a policy judges what is in it', () => {
    for (const { group, resource: full, namespace, account } of all) {
      const [resource = '', subresource = ''] = full.split('/')
      const request: Request = { operation: 'CREATE', user: userOf(namespace, account), group, resource, subresource, namespace }
      assert.ok(ownKinds.holds({ request, object: undefined, oldObject: undefined, params: undefined }), full)
      const judging = policies.filter(
        ({ about, whom }) => !about.resources.includes('*/*') && about.resources.includes(full) && whom.includes(request),
      )
      assert.equal(judging.length, 1, `${full} is judged by ${judging.map(({ name }) => name).join(', ') || 'nobody'}`)
    }
  })

  test('whatever a member may make, it may make so much of', () => {
    const kinds = all.filter(({ resource, account }) => account === memberAccount && !resource.includes('/'))
    for (const { group, resource } of kinds) assert.ok(`count/${resource}.${group}` in memberQuota, resource)
  })

  test('each policy is bound, and fails closed', () => {
    const made: readonly KubeObject[] = admissionPolicies()
    for (const { name, allocation } of policies) {
      const [policy, binding] = made.filter(({ metadata }) => metadata.name === name)
      assert.equal((policy as { readonly spec?: { readonly failurePolicy?: string } } | undefined)?.spec?.failurePolicy, 'Fail')
      const { paramRef } = (binding as { readonly spec?: { readonly paramRef?: unknown } } | undefined)?.spec ?? {}
      assert.deepEqual(paramRef, allocation ? { name: 'allocation', parameterNotFoundAction: 'Deny' } : undefined)
    }
  })
})
