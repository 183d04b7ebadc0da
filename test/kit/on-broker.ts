// What the broker controller makes for a cluster, put onto an apiserver where no controller runs.
import { joiningObjects } from '#broker/grants/objects.ts'
import type { Exports } from '#broker/members/exports.ts'
import { memberObjects } from '#broker/members/objects.ts'
import { allocation } from '#crds/allocation.ts'
import type { Member } from '#crds/member.ts'
import { joinerAccount, joinNamespace } from '#crds/places.ts'
import type { Kube } from '#lib/kube/client.ts'
import {
  clusterRoleBindings,
  flowSchemas,
  namespaces,
  priorityLevelConfigurations,
  roleBindings,
  serviceAccounts,
} from '#lib/kube/kinds.ts'
import type { Kind, KubeObject } from '#lib/kube/object.ts'
import { pathOf } from '#lib/kube/object.ts'

const putter = (admin: Kube, signal: AbortSignal) => (kind: Kind, object: KubeObject) =>
  admin.apply(kind, object, { fieldManager: 'test' }, signal)

/** All but the quota: without its controller an apiserver would refuse whatever it counts. `exports`: as without grants unless given. */
export async function putMember(admin: Kube, member: Member, signal: AbortSignal, exports?: Exports): Promise<void> {
  const put = putter(admin, signal)
  const objects = memberObjects(member, [], exports)
  await put(namespaces, objects.namespace)
  await put(allocation, objects.allocation)
  await put(priorityLevelConfigurations, objects.level)
  await put(flowSchemas, objects.schema)
  await put(serviceAccounts, objects.account)
  await put(roleBindings, objects.writes)
  await put(clusterRoleBindings, objects.reads)
  await put(roleBindings, objects.readsFleet)
}

/** As `tombolo grant create` has the apiserver make it. The place must be there. */
export async function joinerToken(admin: Kube, id: string, signal: AbortSignal): Promise<string> {
  const path = pathOf(serviceAccounts, { namespace: joinNamespace(id), name: joinerAccount }, 'token')
  const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: { expirationSeconds: 3600 } }
  const { status } = (await admin.request({ method: 'POST', path, body }, signal)) as {
    readonly status: { readonly token: string }
  }
  return status.token
}

/** The place where a cluster asks. */
export async function putJoining(admin: Kube, id: string, signal: AbortSignal): Promise<void> {
  const put = putter(admin, signal)
  const objects = joiningObjects(id)
  await put(namespaces, objects.namespace)
  await put(serviceAccounts, objects.account)
  await put(roleBindings, objects.asks)
}
