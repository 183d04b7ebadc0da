// The addresses a cluster may announce: the one source of routes, allowed IPs and admission.
import { z } from 'zod'
import type { ObjectOf } from './define.ts'
import { define } from './define.ts'
import { cidrField, clusterIDField, maxCIDRs, tomboloGroup } from './fields.ts'
import { identityField } from './identity-fields.ts'
import { ungrantedExports } from './fleet.ts'
import { maxDraining, memberStates, relayField } from './member.ts'
import { trafficDefaultField } from './service-traffic-policy.ts'

export const maxExportNames = 1000
/** Each `namespace/service`, or `namespace/*` for all of them. */
const exportNamesField = z.array(z.string().max(127)).max(maxExportNames).default([]).meta({ 'x-kubernetes-list-type': 'atomic' })

/** What it was admitted with, and what it had before. */
const believedField = z
  .array(cidrField)
  .max(maxCIDRs + maxDraining)
  .meta({ 'x-kubernetes-list-type': 'set' })

export const allocation = define({
  group: tomboloGroup,
  kind: 'Allocation',
  plural: 'allocations',
  scope: 'Namespaced',
  versions: ['v1alpha1'],
  about:
    'The addresses a member was admitted with and the names it may export: parameter of the admission policies, and what every other member builds routes and imports from. `allocation` in `tombolo-m-<id>`, written by the broker controller alone; copied into `tombolo-system` of every member.',
  columns: [
    { name: 'Cluster', path: '.spec.clusterID' },
    { name: 'Pods', path: '.spec.podCIDRs' },
    { name: 'Services', path: '.spec.serviceCIDRs' },
    { name: 'State', path: '.spec.state' },
  ],
  spec: z.object({
    clusterID: clusterIDField,
    podCIDRs: believedField.min(1).describe('Addresses to believe of it now, draining ones among them.'),
    serviceCIDRs: believedField.min(1),
    draining: z
      .array(cidrField)
      .max(maxDraining)
      .meta({ 'x-kubernetes-list-type': 'set' })
      .optional()
      .describe('Those of `podCIDRs` and `serviceCIDRs` that will go soon.'),
    state: z
      .enum(memberStates)
      .default('Admitted')
      .describe('Quarantined: nothing of this cluster is routed or imported, and it is still there to be seen.'),
    relay: relayField
      .optional()
      .describe(
        'Of its Member: its gateways pass sealed datagrams of others, which reach them at this port. Absent: they do not.',
      ),
    exports: z
      .object({
        ungranted: z.enum(ungrantedExports).default('Allow').describe('What holds for names in neither list.'),
        granted: exportNamesField.describe('`namespace/service`, or `namespace/*`: names it may export.'),
        reserved: exportNamesField.describe('Names that are granted to others alone.'),
      })
      .prefault({})
      .describe(
        'What it may export, as the ExportGrants say. `default`, `kube-*`, `tombolo-*` and namespaces called like a top-level domain, such as `com`, are granted or not exported.',
      ),
    traffic: trafficDefaultField
      .optional()
      .describe('Of the Fleet, for this member to read where it reads what else holds for it: `spec.traffic` there.'),
    identity: identityField.optional().describe('What it signs with, and what pairs agree on keys with.'),
  }),
  status: z.object({}),
})
export type Allocation = ObjectOf<typeof allocation>
