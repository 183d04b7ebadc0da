// Fields that many kinds share. Every string and list is bounded: the apiserver's CEL cost estimator wants it, and so does memory.
import { contains, parseCIDR } from '#lib/net/cidr.ts'
import { clusterIDPattern } from '#lib/net/cluster-id.ts'
import type { ClusterID } from '#lib/net/cluster-id.ts'
import { parseIP } from '#lib/net/ip.ts'
import type { CIDR } from '#lib/net/cidr.ts'
import { z } from 'zod'

export const tomboloGroup = 'tombolo.dev'

export const clusterIDField = z
  .string()
  .min(1)
  .max(53)
  .regex(clusterIDPattern, 'a DNS label of at most 53 characters')
  .transform((id) => id as ClusterID)
  .describe('Name of the cluster in its fleet: one DNS label (KEP-1645).')

/** Canonical CIDR text. The regular expression is for the apiserver; the refinement is the real parser. */
export const cidrField = z
  .string()
  .max(43)
  .regex(/^[0-9a-fA-F:.]+\/[0-9]{1,3}$/, 'a network such as 10.1.0.0/16')
  .refine((text) => parseCIDR(text).ok, 'a network address in canonical form, such as 10.1.0.0/16')
  .transform((text) => text as CIDR)

/** Of one cluster and use. */
export const maxCIDRs = 16

export const cidrsField = z.array(cidrField).max(maxCIDRs).meta({ 'x-kubernetes-list-type': 'set' })

export const addressField = z
  .string()
  .max(39)
  .refine((text) => parseIP(text).ok, 'an IPv4 or IPv6 address')

/** The name of a namespaced object: a DNS subdomain, or a label for namespaces and Services. */
export const dnsLabelField = z
  .string()
  .min(1)
  .max(63)
  .regex(/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/, 'a DNS label')

// Written so that no text makes a backtracking matcher slow: others write it.
const subdomain = '[a-z0-9]+(-+[a-z0-9]+)*([.][a-z0-9]+(-+[a-z0-9]+)*)*'

/** The name of a node. */
export const dnsSubdomainField = z
  .string()
  .min(1)
  .max(253)
  .regex(new RegExp(`^${subdomain}$`), 'a DNS subdomain')

/** The key of a label or annotation, or an application protocol: `http`, `example.com/proto`. */
export const qualifiedNameField = z
  .string()
  .min(1)
  .max(317)
  .regex(new RegExp(`^(${subdomain}/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$`), 'a qualified name')
  .refine((name) => name.indexOf('/') <= 253, 'a qualified name with a prefix of at most 253 characters')

export const labelValueField = z
  .string()
  .max(63)
  .regex(/^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$/, 'the value of a label')

/** Kinds of cables, in the order in which they are taken where nobody prefers one. */
export const cableDrivers = ['wireguard', 'ipsec'] as const
export type CableName = (typeof cableDrivers)[number]

export const portField = z.int().min(1).max(65535)
export const protocols = ['TCP', 'UDP', 'SCTP'] as const
export const serviceTypes = ['ClusterSetIP', 'Headless'] as const
export const ipFamilies = ['IPv4', 'IPv6'] as const

/** metav1.Condition, bound for bound. What is too long is not matched at all: a backtracking matcher would take its time. */
export const conditionField = z.object({
  type: z
    .string()
    .max(316, { abort: true })
    .regex(/^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*\/)?(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])$/),
  status: z.enum(['True', 'False', 'Unknown']),
  observedGeneration: z.int().min(0).optional().meta({ format: 'int64' }),
  lastTransitionTime: z.string().meta({ format: 'date-time' }),
  reason: z
    .string()
    .min(1)
    .max(1024, { abort: true })
    .regex(/^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$/),
  message: z.string().max(32768),
})

export type Condition = z.output<typeof conditionField>

const conditionList = { 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['type'] }

/** As upstream has it, without a bound of ours: others may write there too. */
export const mcsConditionsField = z.array(conditionField).optional().meta(conditionList)

export const conditionsField = z
  .array(conditionField)
  .max(32)
  .optional()
  .meta(conditionList)
  .describe('kstatus conditions: Ready, Progressing, Stalled and the kind’s own.')

/** Whether an address may be announced by a cluster that was admitted with these blocks. */
export const admits = (blocks: readonly CIDR[], address: string): boolean => blocks.some((block) => contains(block, address))
