// What the controller watches: requests, grants, Members, and every object that these consist of, found again by their label.
import { allocation } from '#crds/allocation.ts'
import { exportGrant } from '#crds/export-grant.ts'
import { fleet } from '#crds/fleet.ts'
import { gatewayCertificate } from '#crds/gateway-certificate.ts'
import { joinGrant } from '#crds/join-grant.ts'
import { joinRequest } from '#crds/join-request.ts'
import { member } from '#crds/member.ts'
import { brokerNamespace, clusterIDLabel } from '#crds/places.ts'
import type { Kube } from '#lib/kube/client.ts'
import {
  clusterRoleBindings,
  flowSchemas,
  namespaces,
  priorityLevelConfigurations,
  resourceQuotas,
  roleBindings,
  serviceAccounts,
} from '#lib/kube/kinds.ts'
import type { Kind, KubeObject, Where } from '#lib/kube/object.ts'
import { reflect } from '#lib/kube/reflector.ts'

export type Stores = ReturnType<typeof brokerStores>

/** Starts the watches; they end with `signal`. */
export function brokerStores(kube: Kube, signal: AbortSignal) {
  const all = <T extends KubeObject>(kind: Kind<T>, where: Where) => reflect(kube, kind, where, signal).store
  const inBroker = { namespace: brokerNamespace }
  const ofMembers = { labels: clusterIDLabel }
  return {
    fleets: all(fleet, inBroker),
    grants: all(joinGrant, inBroker),
    members: all(member, inBroker),
    exportGrants: all(exportGrant, inBroker),
    certificates: all(gatewayCertificate, {}),
    requests: all(joinRequest, {}),
    namespaces: all(namespaces, ofMembers),
    quotas: all(resourceQuotas, ofMembers),
    accounts: all(serviceAccounts, ofMembers),
    allocations: all(allocation, ofMembers),
    roleBindings: all(roleBindings, ofMembers),
    clusterRoleBindings: all(clusterRoleBindings, ofMembers),
    levels: all(priorityLevelConfigurations, ofMembers),
    schemas: all(flowSchemas, ofMembers),
  }
}
