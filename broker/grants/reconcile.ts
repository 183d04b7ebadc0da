// The grants controller: one key a cluster id, reading from stores.
import { brokerNamespace, clusterIDLabel } from '#crds/places.ts'
import type { Kube } from '#lib/kube/client.ts'
import type { Controller } from '#lib/kube/controller.ts'
import { controller, source } from '#lib/kube/controller.ts'
import type { Key, KubeObject } from '#lib/kube/object.ts'
import { keyOf } from '#lib/kube/object.ts'
import { applyPlan } from '#lib/kube/plan.ts'
import type { Stores } from '#broker/stores.ts'
import { joiningObjects } from './objects.ts'
import type { PlaceSeen } from './plan.ts'
import { planPlace } from './plan.ts'

export function grantsController(kube: Kube, stores: Stores): Controller {
  const byName = ({ metadata }: KubeObject): readonly Key[] => [{ name: metadata.name }]
  const byLabel = ({ metadata }: KubeObject): readonly Key[] => {
    const id = metadata.labels?.[clusterIDLabel]
    return id === undefined ? [] : [{ name: id }]
  }
  return controller({
    name: 'grants',
    sources: [
      source<KubeObject>(stores.grants, byName),
      source<KubeObject>(stores.members, byName),
      ...[stores.namespaces, stores.accounts, stores.roleBindings].map((store) => source<KubeObject>(store, byLabel)),
    ],
    workers: 2,
    log: kube.log,
    reconcile: (key, signal) => applyPlan(kube, planPlace(observe(key.name, stores)), 'tombolo-broker', signal),
  })
}

function observe(clusterID: string, stores: Stores): PlaceSeen {
  const names = joiningObjects(clusterID)
  const inBroker = { namespace: brokerNamespace, name: clusterID }
  return {
    clusterID,
    grant: stores.grants.get(inBroker),
    member: stores.members.get(inBroker),
    namespace: stores.namespaces.get(keyOf(names.namespace)),
    account: stores.accounts.get(keyOf(names.account)),
    asks: stores.roleBindings.get(keyOf(names.asks)),
    now: new Date(),
  }
}
