// What the broker controller may make of the queues of its apiserver: each member has a level of its own and a schema that leads there, and by
// the rights that takes the controller could starve the cluster that the broker lives in. Whose they may be says controller.ts.
import type { KubeObject } from '#lib/kube/object.ts'
import { levelOfAMember, schemaPrecedence } from '../limits.ts'
import { joinerAccount, joinNamespace, memberAccount, memberNamespace } from '../places.ts'
import type { Rule, Variable } from './rule.ts'

const prefix = memberNamespace('')

type Leaf = readonly [path: readonly string[], value: string | number]

const leavesOf = (value: object): readonly Leaf[] =>
  Object.entries(value).flatMap(([field, inner]: [string, string | number | object]): readonly Leaf[] =>
    typeof inner === 'object' ? leavesOf(inner).map(([path, leaf]) => [[field, ...path], leaf]) : [[[field], inner]],
  )

const read = (spec: unknown, path: readonly string[]): unknown =>
  path.reduce((value, field) => (value as Readonly<Record<string, unknown>> | undefined)?.[field], spec)

/** That all these fields have these values, in CEL. */
const celOf = (spec: object): string =>
  leavesOf(spec)
    .map(
      ([path, value]) =>
        `object.spec${path.map((field) => `.?${field}`).join('')} == optional.of(${typeof value === 'string' ? `'${value}'` : value})`,
    )
    .join(' && ')

export const levelShape: Rule = {
  name: 'level-shape',
  says: 'the level of a member has one share, borrows nothing and has one queue',
  cel: `object == null || (${celOf(levelOfAMember)})`,
  holds: ({ object }) =>
    object === undefined || leavesOf(levelOfAMember).every(([path, value]) => read(object.spec, path) === value),
}

/** `namespace/name` of those whose requests are a member's: its own account, and the one by which it asks for new credentials. */
const accountsOf = (name: string): readonly string[] => [
  `${name}/${memberAccount}`,
  `${joinNamespace(name.slice(prefix.length))}/${joinerAccount}`,
]
export const schemaVariables: readonly Variable[] = [
  {
    name: 'accounts',
    expression: `[object.metadata.name + '/${memberAccount}', '${joinNamespace('')}' + object.metadata.name.substring(${prefix.length}) + '/${joinerAccount}']`,
  },
]

type Schema = {
  readonly priorityLevelConfiguration: { readonly name: string }
  readonly matchingPrecedence: number
  readonly rules?: readonly {
    readonly subjects: readonly {
      readonly kind: string
      readonly serviceAccount?: { readonly namespace: string; readonly name: string }
    }[]
  }[]
}

/** Whatever it says of requests then, it says of the member's own. */
export const schemaShape: Rule = {
  name: 'schema-shape',
  says: 'the schema of a member leads to the level of that member, and nobody else there',
  cel: [
    'object == null || (object.spec.priorityLevelConfiguration.name == object.metadata.name',
    `object.spec.matchingPrecedence == ${schemaPrecedence}`,
    "object.spec.?rules.orValue([]).all(rule, rule.subjects.all(subject, subject.kind == 'ServiceAccount' && subject.serviceAccount.namespace + '/' + subject.serviceAccount.name in variables.accounts)))",
  ].join(' && '),
  holds: ({ object }) => object === undefined || isMembersOwn(object as KubeObject & { readonly spec: Schema }),
}

const isMembersOwn = ({
  metadata: { name },
  spec: { priorityLevelConfiguration, matchingPrecedence, rules = [] },
}: KubeObject & { readonly spec: Schema }): boolean =>
  priorityLevelConfiguration.name === name &&
  matchingPrecedence === schemaPrecedence &&
  rules
    .flatMap(({ subjects }) => subjects)
    .every(
      ({ kind, serviceAccount: account }) =>
        kind === 'ServiceAccount' && account !== undefined && accountsOf(name).includes(`${account.namespace}/${account.name}`),
    )
