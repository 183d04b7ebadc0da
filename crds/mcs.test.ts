// The MCS kinds are not ours: whoever finds our CRDs installed must find what upstream's release has (sigs.k8s.io/mcs-api v0.5.2).
import assert from 'node:assert/strict'
import type { CustomResourceDefinition } from './define.ts'
import { serviceExport } from './service-export.ts'
import { serviceImport } from './service-import.ts'

/** metav1.Condition as controller-gen writes it, without its prose. */
const conditions = {
  type: 'array',
  'x-kubernetes-list-type': 'map',
  'x-kubernetes-list-map-keys': ['type'],
  items: {
    type: 'object',
    required: ['lastTransitionTime', 'message', 'reason', 'status', 'type'],
    properties: {
      lastTransitionTime: { type: 'string', format: 'date-time' },
      message: { type: 'string', maxLength: 32768 },
      observedGeneration: { type: 'integer', format: 'int64', minimum: 0 },
      reason: { type: 'string', minLength: 1, maxLength: 1024, pattern: '^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$' },
      status: { type: 'string', enum: ['True', 'False', 'Unknown'] },
      type: {
        type: 'string',
        maxLength: 316,
        pattern: String.raw`^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])$`,
      },
    },
  },
}
const text = { type: 'string' }
const atMostTwo = { type: 'array', maxItems: 2, items: text }

const upstream: readonly (readonly [CustomResourceDefinition, Readonly<Record<string, unknown>>])[] = [
  [
    serviceExport.crd(),
    {
      spec: {
        type: 'object',
        properties: {
          exportedLabels: { type: 'object', additionalProperties: text },
          exportedAnnotations: { type: 'object', additionalProperties: text },
        },
      },
      status: { type: 'object', properties: { conditions } },
    },
  ],
  [
    serviceImport.crd(),
    {
      spec: {
        type: 'object',
        required: ['ports', 'type'],
        properties: {
          type: { type: 'string', enum: ['ClusterSetIP', 'Headless'] },
          ports: {
            type: 'array',
            'x-kubernetes-list-type': 'atomic',
            items: {
              type: 'object',
              required: ['port'],
              properties: { name: text, protocol: text, appProtocol: text, port: { type: 'integer', format: 'int32' } },
            },
          },
          ips: atMostTwo,
          ipFamilies: atMostTwo,
          sessionAffinity: text,
          sessionAffinityConfig: {
            type: 'object',
            properties: {
              clientIP: { type: 'object', properties: { timeoutSeconds: { type: 'integer', format: 'int32' } } },
            },
          },
          internalTrafficPolicy: text,
          trafficDistribution: text,
        },
      },
      status: {
        type: 'object',
        properties: {
          clusters: {
            type: 'array',
            'x-kubernetes-list-type': 'map',
            'x-kubernetes-list-map-keys': ['cluster'],
            items: { type: 'object', required: ['cluster'], properties: { cluster: text } },
          },
          endpointSliceObjects: { type: 'string', enum: ['Present', 'Absent'] },
          conditions,
        },
      },
    },
  ],
]

suite('the MCS kinds', () => {
  for (const [crd, properties] of upstream)
    test(`${crd.spec.names.plural} are upstream’s, field for field and bound for bound, in both versions`, () => {
      assert.deepEqual(
        crd.spec.versions.map(({ name }) => name),
        ['v1beta1', 'v1alpha1'],
      )
      for (const { schema } of crd.spec.versions) {
        const own = schema.openAPIV3Schema.properties as Readonly<Record<string, unknown>>
        for (const [part, wanted] of Object.entries(properties)) assert.deepEqual(bare(own[part]), bare(wanted), part)
      }
    })
})

/** Without prose, and with lists whose order says nothing in order. */
function bare(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(bare)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .filter(([name, field]) => name !== 'description' || typeof field !== 'string')
      .map(([name, field]) => [
        name,
        name === 'required' && Array.isArray(field) ? [...(field as string[])].sort() : bare(field),
      ]),
  )
}
