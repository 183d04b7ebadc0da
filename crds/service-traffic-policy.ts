// Which clusters answer a service of the clusterset, as this cluster calls it.
import { z } from 'zod'
import type { ObjectOf } from './define.ts'
import { define } from './define.ts'
import { clusterIDField, conditionsField, tomboloGroup } from './fields.ts'

export const localities = ['Local', 'Nearest'] as const
export type Locality = (typeof localities)[number]

/** `Standby`: others before it suffice. `Unready`: it would answer and cannot. `Denied`: the policy leaves it out. */
export const choiceStates = ['Answers', 'Standby', 'Unready', 'Denied'] as const
export type ChoiceState = (typeof choiceStates)[number]

// Replaced whole by an apply: of a set, each manager would keep what it named.
const clustersField = z.array(clusterIDField).min(1).max(500).meta({ 'x-kubernetes-list-type': 'atomic' })

const oneList = 'allow names all that may answer, deny all that may not: give one of the two'

export const serviceTrafficPolicy = define({
  group: tomboloGroup,
  kind: 'ServiceTrafficPolicy',
  plural: 'servicetrafficpolicies',
  shortNames: ['stp'],
  scope: 'Namespaced',
  versions: ['v1alpha1'],
  about:
    'Which of the clusters that export a service answer this cluster’s calls to it. Has the namespace and the name of the ServiceImport that it is about; the spec is a person’s or Git’s, the status is the operator’s. It holds in the cluster that it is in, and nowhere else. Without one, every cluster answers.',
  columns: [
    { name: 'Order', path: '.spec.order' },
    { name: 'Locality', path: '.spec.locality' },
    { name: 'Ready', path: '.status.conditions[?(@.type=="Ready")].status' },
    { name: 'Reason', path: '.status.conditions[?(@.type=="Ready")].reason' },
  ],
  spec: z
    .object({
      allow: clustersField.optional().describe('Only these clusters may answer.'),
      deny: clustersField.optional().describe('These clusters may not answer. Not together with `allow`.'),
      order: clustersField
        .optional()
        .describe(
          'Fail-over: the first answers alone for as long as it can, then the second, and so on; all that are not named come after, together.',
        ),
      locality: z
        .enum(localities)
        .optional()
        .describe(
          'How those come that `order` does not name. `Local`: this cluster first, then all others together. `Nearest`: this cluster first, then by measured round trip, in steps of 1, 2, 5, 10, 20, 50, 100 and 200 ms; clusters of one step answer together.',
        ),
      minReadyEndpoints: z
        .int()
        .min(1)
        .max(10000)
        .default(1)
        .describe('While those that answer have fewer ready endpoints than this, the next in order answers beside them.'),
    })
    .refine(({ allow, deny }) => allow === undefined || deny === undefined, oneList)
    .meta({ 'x-kubernetes-validations': [{ rule: '!has(self.allow) || !has(self.deny)', message: oneList }] }),
  status: z.object({
    observedGeneration: z.int().optional(),
    clusters: z
      .array(
        z.object({
          cluster: clusterIDField,
          state: z.enum(choiceStates),
          message: z.string().max(1024).describe('Why.'),
        }),
      )
      .max(500)
      .optional()
      .describe('Every cluster that exports the service, and whether it answers this cluster’s calls now.')
      .meta({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['cluster'] }),
    conditions: conditionsField,
  }),
})
export type ServiceTrafficPolicy = ObjectOf<typeof serviceTrafficPolicy>
