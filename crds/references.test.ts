// T14: an operator that follows a reference into another namespace, because an object of somebody else's says so, does that somebody's bidding.
import assert from 'node:assert/strict'
import { allKinds } from './index.ts'

type Schema = {
  readonly properties?: Readonly<Record<string, Schema>>
  readonly items?: Schema
  readonly additionalProperties?: Schema | boolean
}

/** Every path of a schema, such as `spec.endpoints.address`. */
function pathsOf(schema: Schema, at = ''): readonly string[] {
  const below = Object.entries(schema.properties ?? {}).flatMap(([name, inner]) => {
    const path = at === '' ? name : `${at}.${name}`
    return [path, ...pathsOf(inner, path)]
  })
  const more = typeof schema.additionalProperties === 'object' ? pathsOf(schema.additionalProperties, `${at}.*`) : []
  return [...below, ...(schema.items === undefined ? [] : pathsOf(schema.items, at)), ...more]
}

suite('references in our kinds', () => {
  test('T14: no field names another namespace, a Secret or an account; a service is named where its object is about it', () => {
    const found = allKinds.flatMap((kind) =>
      kind
        .crd()
        .spec.versions.slice(0, 1)
        .flatMap(({ schema }) => pathsOf(schema.openAPIV3Schema as Schema))
        .filter((path) => /namespace|secret|serviceaccount|ref$|configmap/i.test(path))
        .map((path) => `${kind.kind} ${path}`),
    )
    assert.deepEqual(found, [
      'ExportGrant spec.namespace',
      'ExportedService spec.namespace',
      'ExportedEndpoints spec.namespace',
      'Membership spec.importFrom.namespace',
    ])
  })
})
