import assert from 'node:assert/strict'
import {
  brokerNamespace,
  controllerName,
  joinerAccount,
  joinerRole,
  joinNamespace,
  memberAccount,
  memberNamespace,
  memberWriteRole,
} from '#crds/places.ts'
import { userOf } from '#crds/rules/account.ts'
import { controllersPlace } from '#crds/rules/controller.ts'
import { evaluate, policies } from '#crds/rules/index.ts'
import { numbered } from '#crds/rules/numbered.ts'
import { ownKinds } from '#crds/rules/reach.ts'
import type { Request } from '#crds/rules/rule.ts'
import type { KubeObject } from '#lib/kube/object.ts'
import { memberQuota } from './limits.ts'
import { admissionPolicies } from './policy.ts'
import { brokerRoles } from './rbac.ts'

type Rule = { readonly apiGroups: readonly string[]; readonly resources: readonly string[]; readonly verbs: readonly string[] }

/** `group` and `resource`, also of a subresource, that the ClusterRole lets one write. */
const writes = (role: string): readonly { readonly group: string; readonly resource: string }[] =>
  (brokerRoles() as readonly (KubeObject & { readonly rules?: readonly Rule[] })[])
    .filter(({ kind, metadata }) => kind === 'ClusterRole' && metadata.name === role)
    .flatMap(({ rules = [] }) => rules)
    .filter(({ verbs }) => verbs.some((verb) => !['get', 'list', 'watch', 'bind'].includes(verb)))
    .flatMap(({ apiGroups, resources }) => apiGroups.flatMap((group) => resources.map((resource) => ({ group, resource }))))

suite('admission policies and rights', () => {
  const all = [
    ...writes(memberWriteRole).map((kind) => ({ ...kind, namespace: memberNamespace('east'), account: memberAccount })),
    ...writes(joinerRole).map((kind) => ({ ...kind, namespace: joinNamespace('east'), account: joinerAccount })),
  ]

  test('whatever RBAC lets a cluster write, the second line lets it write, and a policy judges what is in it', () => {
    for (const { group, resource: full, namespace, account } of all) {
      const [resource = '', subresource = ''] = full.split('/')
      const user = userOf(namespace, account)
      const request: Request = { operation: 'CREATE', user, group, resource, subresource, namespace, name: 'x' }
      assert.ok(
        ownKinds.holds({ request, object: undefined, oldObject: undefined, params: undefined, namespaceLabels: {} }),
        full,
      )
      const judging = policies.filter(
        ({ about, whom }) => !about.resources.includes('*/*') && about.resources.includes(full) && whom.includes(request),
      )
      assert.equal(judging.length, 1, `${full} is judged by ${judging.map(({ name }) => name).join(', ') || 'nobody'}`)
    }
  })

  test('whatever a member may make, it may make so much of', () => {
    const kinds = all.filter(({ resource, account }) => account === memberAccount && !resource.includes('/'))
    for (const { group, resource } of kinds) {
      const isNumbered = policies.some(
        ({ about, rules }) => about.resources.includes(resource) && rules.some(({ name }) => name === numbered(1).name),
      )
      // Of what is in both an apiserver would admit one after the other.
      assert.equal(`count/${resource}.${group}` in memberQuota, !isNumbered, resource)
    }
  })

  test('whatever RBAC lets the controller write in every namespace, a policy holds to what it makes', () => {
    const everywhere = writes(controllerName)
    assert.ok(everywhere.length > 0)
    for (const { group, resource: full } of everywhere) {
      const [resource = '', subresource = ''] = full.split('/')
      for (const operation of ['CREATE', 'UPDATE', 'DELETE'] as const) {
        const request = {
          operation,
          user: userOf(brokerNamespace, controllerName),
          group,
          resource,
          subresource,
          namespace: 'default',
          name: 'x',
        } as const
        const review = { request, object: undefined, oldObject: undefined, params: undefined, namespaceLabels: {} }
        const verdict = evaluate(review)
        assert.equal(verdict.allowed ? 'allowed' : verdict.rule, controllersPlace.name, `${operation} ${full}`)
      }
    }
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
