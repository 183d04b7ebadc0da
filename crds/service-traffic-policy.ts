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

const percentField = z.int().min(0).max(100)
const shareField = z
  .object({
    wantedPercent: percentField.describe('Its weight, of the weights of those that answer.'),
    gotPercent: percentField.describe('Its endpoints that are in use, of all that are.'),
    readyEndpoints: z.int().min(0),
    usedEndpoints: z.int().min(0).describe('The other ready ones are left out of the EndpointSlices here.'),
  })
  .describe('There where weights hold. Of a dual-stack service, those of the family that has more endpoints.')
/** Of the calls that go to one cluster. */
export type Share = z.output<typeof shareField>

const localityField = z.enum(localities)
const localityMeaning =
  '`Local`: this cluster first, then all others together. `Nearest`: this cluster first, then those that share a zone with it, then a region, as the labels of nodes say and a round trip of at most 20 ms bears out, then by measured round trip, in steps of 1, 2, 5, 10, 20, 50, 100 and 200 ms; clusters of one step answer together.'
const minReadyField = z.int().min(1).max(10000).default(1)

/** What holds for services without a policy. */
export const trafficDefaultField = z.object({
  locality: localityField.describe(localityMeaning),
  minReadyEndpoints: minReadyField.describe(
    'While those that answer have fewer ready endpoints than this, the next beside them answer too.',
  ),
})
export type TrafficDefault = z.output<typeof trafficDefaultField>

const oneList = 'allow names all that may answer, deny all that may not: give one of the two'

export const serviceTrafficPolicy = define({
  group: tomboloGroup,
  kind: 'ServiceTrafficPolicy',
  plural: 'servicetrafficpolicies',
  shortNames: ['stp'],
  scope: 'Namespaced',
  versions: ['v1alpha1'],
  about:
    'Which of the clusters that export a service answer this cluster’s calls to it. Has the namespace and the name of the ServiceImport that it is about; the spec is a person’s or Git’s, the status is the operator’s. It holds in the cluster that it is in, and nowhere else. Without one `spec.traffic` of the Fleet holds, and without that every cluster answers.',
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
      locality: localityField.optional().describe(`How those come that \`order\` does not name. ${localityMeaning}`),
      weights: z
        .array(z.object({ cluster: clusterIDField, weight: z.int().min(0).max(1000) }))
        .min(1)
        .max(500)
        .optional()
        .describe(
          'How calls are shared among those of these clusters that answer: 90 and 10, or 9 and 1. Kept by leaving endpoints out, and so not exactly: the status says what comes of it. A cluster that is not named, or has 0, comes after all others; while it must help, no endpoint is left out.',
        )
        .meta({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['cluster'] }),
      minReadyEndpoints: minReadyField.describe(
        'While those that answer have fewer ready endpoints than this, the next in order answers beside them. `weights` leaves no fewer.',
      ),
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
          share: shareField.optional(),
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
