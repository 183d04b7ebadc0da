// What the broker controller may and may not do with the levels and schemas of its apiserver: a part of admission-cases.ts.
import { memberSchema } from '#broker/install/limits.ts'
import { levelOfAMember } from '#crds/limits.ts'
import { brokerNamespace, controllerName, memberAccount, memberNamespace } from '#crds/places.ts'
import { userOf } from '#crds/rules/account.ts'
import { flowSchemas, priorityLevelConfigurations } from '#lib/kube/kinds.ts'
import type { Kind } from '#lib/kube/object.ts'
import type { Case, Write } from './admission-cases.ts'

const [ownRule] = memberSchema('north').spec.rules
const ruleFor = (...subjects: readonly object[]) => ({ ...ownRule, subjects })
const accountIn = (namespace: string, name: string) => ({ kind: 'ServiceAccount', serviceAccount: { namespace, name } })
const [ownAccount, asksAgain] = [accountIn('tombolo-m-north', 'member'), accountIn('tombolo-j-north', 'joiner')]

export function levelCases(write: (name: string, kind: Kind, rule: string | undefined, how: Write) => Case): readonly Case[] {
  const queue = { namespace: '', user: userOf(brokerNamespace, controllerName) } as const
  const queues: readonly Case[] = [priorityLevelConfigurations, flowSchemas].flatMap((kind) => [
    write('of a member', kind, undefined, queue),
    write('of a member, again', kind, undefined, {
      ...queue,
      operation: 'UPDATE',
      metadata: { name: 'tombolo-m-was' },
      ...(kind === flowSchemas ? { spec: memberSchema('was').spec } : {}),
    }),
    write('of a member', kind, undefined, { ...queue, operation: 'DELETE', metadata: { name: 'tombolo-m-was' } }),
    ...['tombolo-members-2', 'tombolo-m', 'workload-higher', 'tombolo-j-north'].map((name) =>
      write(`called ${name}`, kind, 'controllers-place', { ...queue, metadata: { name } }),
    ),
    write('of somebody else', kind, 'controllers-place', { ...queue, operation: 'UPDATE', metadata: { name: 'theirs' } }),
    write('of somebody else', kind, 'controllers-place', { ...queue, operation: 'DELETE', metadata: { name: 'theirs' } }),
    write('of somebody else, by an administrator', kind, undefined, {
      ...queue,
      user: 'jane',
      metadata: { name: 'workload-higher' },
    }),
    write('of its own, by the member', kind, 'own-namespace', {
      ...queue,
      user: userOf(memberNamespace('north'), memberAccount),
    }),
  ])

  const levels: readonly Case[] = Object.entries({
    'of 30 shares': { nominalConcurrencyShares: 30 },
    'of no share': { nominalConcurrencyShares: 0 },
    'that borrows': { borrowingLimitPercent: 100 },
    'that borrows without end': { borrowingLimitPercent: undefined },
    'that lends all': { lendablePercent: 100 },
    'that lends nothing': { lendablePercent: undefined },
    'without a queue': { limitResponse: { type: 'Reject' } },
    'of 64 queues': { limitResponse: { type: 'Queue', queuing: { queues: 64, handSize: 1, queueLengthLimit: 200 } } },
    'with a long queue': { limitResponse: { type: 'Queue', queuing: { queues: 1, handSize: 1, queueLengthLimit: 100_000 } } },
  }).flatMap(([name, change]) => {
    const spec = { limited: { ...levelOfAMember.limited, ...change } }
    return [
      write(name, priorityLevelConfigurations, 'level-shape', { ...queue, spec }),
      write(`that comes to be one ${name}`, priorityLevelConfigurations, 'level-shape', {
        ...queue,
        operation: 'UPDATE',
        metadata: { name: 'tombolo-m-was' },
        spec,
      }),
    ]
  })

  const schemas: readonly Case[] = [
    ...Object.entries({
      'for everybody': [ruleFor({ kind: 'Group', group: { name: 'system:authenticated' } })],
      'for all accounts': [ruleFor({ kind: 'Group', group: { name: 'system:serviceaccounts' } })],
      'for a user': [ruleFor({ kind: 'User', user: { name: 'system:kube-scheduler' } })],
      'for another besides': [ruleFor(ownAccount, { kind: 'User', user: { name: 'jane' } })],
      'for another in a second rule': [ruleFor(ownAccount), ruleFor(accountIn('kube-system', 'job-controller'))],
      'for west': [ruleFor(accountIn('tombolo-m-west', 'member'))],
      'for every account of its namespace': [ruleFor(accountIn('tombolo-m-north', '*'))],
      'for the account of its name elsewhere': [ruleFor(accountIn('kube-system', 'member'))],
      'for who asks to be west': [ruleFor(accountIn('tombolo-j-west', 'joiner'))],
    }).map(([name, rules]) => write(name, flowSchemas, 'schema-shape', { ...queue, spec: { rules } })),
    write('for the member without its renewal', flowSchemas, undefined, { ...queue, spec: { rules: [ruleFor(ownAccount)] } }),
    write('for its renewal alone', flowSchemas, undefined, { ...queue, spec: { rules: [ruleFor(asksAgain)] } }),
    write('for nobody', flowSchemas, undefined, { ...queue, spec: { rules: [] } }),
    ...['exempt', 'workload-high', 'tombolo-m-west', 'tombolo-m-nort'].map((name) =>
      write(`to the level ${name}`, flowSchemas, 'schema-shape', { ...queue, spec: { priorityLevelConfiguration: { name } } }),
    ),
    write('before those of Kubernetes', flowSchemas, 'schema-shape', { ...queue, spec: { matchingPrecedence: 2 } }),
    write('that comes before those of Kubernetes', flowSchemas, 'schema-shape', {
      ...queue,
      operation: 'UPDATE',
      metadata: { name: 'tombolo-m-was' },
      spec: { matchingPrecedence: 2 },
    }),
  ]

  return [...queues, ...levels, ...schemas]
}
