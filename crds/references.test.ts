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

/** Those that could name another namespace, or what stands in one and is no business of the object's. */
const reaching = (schema: Schema): readonly string[] =>
  pathsOf(schema).filter((path) => /namespace|secret|serviceaccount|ref(erence)?s?$|configmap/i.test(path))

const schemas: readonly { readonly kind: string; readonly schema: Schema }[] = allKinds.flatMap((kind) =>
  kind.crd().spec.versions.map(({ schema }) => ({ kind: kind.kind, schema: schema.openAPIV3Schema })),
)

/** Copies of a schema, each with a field more somewhere else. */
function plantedIn(schema: Schema, name: string): readonly Schema[] {
  const text = JSON.stringify(schema)
  return [...text.matchAll(/"properties":/g)].map((_, i) => {
    let at = 0
    return JSON.parse(text, (key, value: object) =>
      key === 'properties' && at++ === i ? { ...value, [name]: { type: 'string' } } : value,
    ) as Schema
  })
}

suite('references in our kinds', () => {
  test('T14: no field names another namespace, a Secret or an account; a service is named where its object is about it', () => {
    assert.deepEqual(
      schemas.flatMap(({ kind, schema }) => reaching(schema).map((path) => `${kind} ${path}`)),
      [
        'ExportGrant spec.namespace',
        'ExportedService spec.namespace',
        'ExportedEndpoints spec.namespace',
        'Membership spec.importFrom.namespace',
      ],
    )
  })

  test('T14: a new field that did would be found, in whatever kind and however deep', () => {
    for (const { kind, schema } of schemas)
      for (const name of ['targetNamespace', 'namespaceRef', 'secretName', 'serviceAccount', 'backendRefs'])
        for (const planted of plantedIn(schema, name)) {
          const found = reaching(planted).filter((path) => path.endsWith(name))
          assert.equal(found.length, 1, `${kind}: ${name}`)
        }
  })

  test('T14: no field holds whatever one writes into it', () => {
    for (const { kind, schema } of schemas)
      assert.doesNotMatch(JSON.stringify(schema), /x-kubernetes-preserve-unknown-fields/, kind)
  })
})
