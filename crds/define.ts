// From one zod schema to everything an API kind needs: the TypeScript type, the parser that guards our door,
// the structural CRD that guards the apiserver's, and the reference page. A kind is plain data; see membership.ts for one.
import type { KubeObject } from '#lib/kube/object.ts'
import type { Result } from '#lib/std/result.ts'
import { invalid, ok } from '#lib/std/result.ts'
import { z } from 'zod'

export type Scope = 'Namespaced' | 'Cluster'
export type Column = { readonly name: string; readonly path: string; readonly type?: 'string' | 'integer' | 'date' }

type Shape = {
  readonly group: string
  readonly kind: string
  readonly plural: string
  readonly shortNames?: readonly string[]
  readonly categories?: readonly string[]
  readonly scope: Scope
  /** Served versions of one schema, the stored one first. */
  readonly versions: readonly [string, ...string[]]
  /** What the kind is for and who writes it: the first paragraph of its reference page. */
  readonly about: string
  readonly columns?: readonly Column[]
  readonly labels?: Readonly<Record<string, string>>
  readonly annotations?: Readonly<Record<string, string>>
  /** Whether `spec` may be left out; the upstream MCS kinds allow it. */
  readonly specOptional?: boolean
}

/** An object of a kind, as parsed. Status may be absent: the object was just made. */
export type Resource<Spec, Status> = KubeObject & { readonly spec: Spec; readonly status?: Status }

/** The object of a kind definition: `type Membership = ObjectOf<typeof membership>`. */
export type ObjectOf<D> = D extends { readonly _type?: infer T } ? Exclude<T, undefined> : never

/** As much of `apiextensions.k8s.io/v1` as readers of our CRDs look at. */
export type CustomResourceDefinition = KubeObject & {
  readonly spec: {
    readonly group: string
    readonly scope: Scope
    readonly names: Readonly<Record<string, unknown>> & { readonly plural: string }
    readonly versions: readonly {
      readonly name: string
      readonly schema: { readonly openAPIV3Schema: Readonly<Record<string, unknown>> }
    }[]
  }
}

export interface Definition<T extends KubeObject> extends Shape {
  readonly apiVersion: string
  readonly schema: z.ZodType
  /** Checks a whole object as it came from an apiserver; the error names the first field that is wrong. */
  parse(object: unknown): Result<T>
  /** The CustomResourceDefinition, `apiextensions.k8s.io/v1`. */
  crd(): CustomResourceDefinition
  readonly _type?: T
}

export function define<Spec extends z.ZodType, Status extends z.ZodType>(
  shape: Shape & { readonly spec: Spec; readonly status: Status },
): Definition<Resource<z.output<Spec>, z.output<Status>>> {
  type T = Resource<z.output<Spec>, z.output<Status>>
  const { spec, status, ...rest } = shape
  const apiVersions = shape.versions.map((v) => `${shape.group}/${v}`)
  const schema = z.looseObject({
    apiVersion: z.string(),
    kind: z.literal(shape.kind),
    metadata: z.looseObject({ name: z.string() }),
    spec: shape.specOptional === true ? spec.optional() : spec,
    status: status.optional(),
  })
  return {
    ...rest,
    apiVersion: apiVersions[0] ?? '',
    schema,
    parse: (object) => {
      const parsed = schema.safeParse(object)
      if (parsed.success) return ok(parsed.data as unknown as T)
      const [issue] = parsed.error.issues
      const path = issue?.path.join('.') ?? ''
      return invalid(path, show(valueAt(object, issue?.path ?? [])), issue?.message ?? 'another shape')
    },
    crd: () => crdOf(shape, spec, status),
  }
}

function crdOf(shape: Shape, spec: z.ZodType, status: z.ZodType): CustomResourceDefinition {
  const singular = shape.kind.toLowerCase()
  const properties = { spec: structural(spec), status: structural(status) }
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: {
      name: `${shape.plural}.${shape.group}`,
      labels: { 'app.kubernetes.io/managed-by': 'tombolo', ...shape.labels },
      ...(shape.annotations === undefined ? {} : { annotations: shape.annotations }),
    },
    spec: {
      group: shape.group,
      scope: shape.scope,
      names: {
        kind: shape.kind,
        listKind: `${shape.kind}List`,
        plural: shape.plural,
        singular,
        ...(shape.shortNames === undefined ? {} : { shortNames: shape.shortNames }),
        ...(shape.categories === undefined ? {} : { categories: shape.categories }),
      },
      versions: shape.versions.map((name, index) => ({
        name,
        served: true,
        storage: index === 0,
        subresources: { status: {} },
        additionalPrinterColumns: [
          ...(shape.columns ?? []),
          { name: 'Age', path: '.metadata.creationTimestamp', type: 'date' },
        ].map((c) => ({
          name: c.name,
          type: c.type ?? 'string',
          jsonPath: c.path,
        })),
        schema: {
          openAPIV3Schema: {
            type: 'object',
            description: shape.about,
            ...(shape.specOptional === true ? {} : { required: ['spec'] }),
            properties: {
              apiVersion: { type: 'string' },
              kind: { type: 'string' },
              metadata: { type: 'object' },
              ...properties,
            },
          },
        },
      })),
    },
  }
}

/** JSON Schema as zod writes it, made structural: no `additionalProperties: false` (the apiserver prunes), no bounds of JavaScript's integers. */
export function structural(schema: z.ZodType): Readonly<Record<string, unknown>> {
  const json = z.toJSONSchema(schema, {
    target: 'openapi-3.0',
    io: 'input',
    override: ({ jsonSchema }) => {
      if (jsonSchema.additionalProperties === false) delete jsonSchema.additionalProperties
      if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum
      if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum
      if (jsonSchema.type === 'integer') jsonSchema.format ??= 'int32'
      // A slash has a backslash before it in JavaScript's spelling alone.
      if (jsonSchema.pattern !== undefined) jsonSchema.pattern = jsonSchema.pattern.replaceAll('\\/', '/')
      delete jsonSchema.propertyNames
    },
  })
  return Object.fromEntries(Object.entries(json).filter(([key]) => key !== '$schema' && key !== '~standard'))
}

function valueAt(object: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (at, key) => (typeof at === 'object' && at !== null ? (at as Record<PropertyKey, unknown>)[key] : undefined),
    object,
  )
}

/** Short, because it goes into conditions: an object from another cluster may be large on purpose. */
function show(value: unknown): string {
  const text = typeof value === 'string' ? value : value === undefined ? 'nothing' : JSON.stringify(value)
  return text.length <= 80 ? text : `${text.slice(0, 77)}…`
}
