// A policy: some rules, what they are asked about, and of whom.
import type { Whom } from './account.ts'
import type { Operation, Request, Rule, Variable } from './rule.ts'

/** `*` is everything; a subresource is `kind/status`. */
export type Asked = {
  readonly groups: readonly string[]
  readonly resources: readonly string[]
  readonly operations: readonly Operation[]
}

export type Policy = {
  readonly name: string
  readonly about: Asked
  /** Left out of what it is about. */
  readonly except?: Pick<Asked, 'groups' | 'resources'>
  readonly whom: Whom
  /** Whether the rules look at the Allocation; without one everything is refused. */
  readonly allocation: boolean
  readonly variables: readonly Variable[]
  /** The first that does not hold is the answer. */
  readonly rules: readonly Rule[]
}

export function applies({ about, except, whom }: Policy, request: Request): boolean {
  return (
    about.operations.includes(request.operation) &&
    covers(about, request) &&
    !(except !== undefined && covers(except, request)) &&
    whom.includes(request)
  )
}

function covers({ groups, resources }: Pick<Asked, 'groups' | 'resources'>, { group, resource, subresource }: Request): boolean {
  const name = subresource === '' ? resource : `${resource}/${subresource}`
  return (groups.includes('*') || groups.includes(group)) && (resources.includes('*/*') || resources.includes(name))
}
