// The list of kinds. A new one is a file beside this and a line here; YAML, reference page and tests follow from the list.
import { allocation } from './allocation.ts'
import { clusterProperty } from './cluster-property.ts'
import { exportGrant } from './export-grant.ts'
import { exportedEndpoints } from './exported-endpoints.ts'
import { exportedService } from './exported-service.ts'
import { fleet } from './fleet.ts'
import { gatewayCertificate } from './gateway-certificate.ts'
import { gatewayEndpoint } from './gateway-endpoint.ts'
import { joinGrant } from './join-grant.ts'
import { joinRequest } from './join-request.ts'
import { member } from './member.ts'
import { membership } from './membership.ts'
import { serviceExport } from './service-export.ts'
import { serviceImport } from './service-import.ts'
import { serviceTrafficPolicy } from './service-traffic-policy.ts'
import { trustBundle } from './trust-bundle.ts'

/** Kinds that live on the broker. */
export const brokerKinds = [
  fleet,
  joinGrant,
  joinRequest,
  member,
  exportGrant,
  allocation,
  gatewayEndpoint,
  exportedService,
  exportedEndpoints,
  gatewayCertificate,
  trustBundle,
] as const

/** Kinds that live in a member cluster. */
export const memberKinds = [
  membership,
  allocation,
  gatewayEndpoint,
  gatewayCertificate,
  trustBundle,
  serviceExport,
  serviceImport,
  serviceTrafficPolicy,
  clusterProperty,
] as const

export const allKinds = [...new Set([...brokerKinds, ...memberKinds])]
