import assert from 'node:assert/strict'
import type { KubeObject } from '#lib/kube/object.ts'
import { brokerRoles } from './rbac.ts'

type Rule = {
  readonly resources: readonly string[]
  readonly resourceNames?: readonly string[]
  readonly verbs: readonly string[]
}

suite('rights on the broker', () => {
  test('the only Secret that anybody is given is the CA’s, by its name, to the controller alone', () => {
    const roles: readonly (KubeObject & { readonly rules?: readonly Rule[] })[] = brokerRoles()
    const given = roles.flatMap((object) =>
      (object.rules ?? [])
        .filter(({ resources }) => resources.some((r) => /^(secrets|\*)/.test(r)))
        .map(({ resourceNames, verbs }) => ({ kind: object.kind, metadata: object.metadata, resourceNames, verbs })),
    )
    assert.deepEqual(
      given.map((g) => [g.kind, g.metadata.namespace, g.metadata.name, g.resourceNames, g.verbs]),
      [['Role', 'tombolo-broker', 'tombolo-broker-controller', ['tombolo-fleet-ca'], ['get', 'create', 'patch']]],
    )
  })

  test('a member asks for certificates, and cannot answer itself', () => {
    const rules = brokerRoles()
      .filter(({ metadata }) => metadata.name.startsWith('tombolo-member-'))
      .flatMap((object) => (object as { readonly rules?: readonly Rule[] }).rules ?? [])
    const verbs = (resource: string) => rules.filter((r) => r.resources.includes(resource)).flatMap((r) => r.verbs)
    assert.ok(verbs('gatewaycertificates').includes('create'))
    assert.deepEqual([verbs('gatewaycertificates/status'), verbs('trustbundles')], [[], ['get', 'list', 'watch']])
  })
})
