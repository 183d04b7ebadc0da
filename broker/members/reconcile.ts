// The members controller: one key a Member, reading from stores; writes only what differs.
import type { Fleet } from '#crds/fleet.ts'
import { fleet as fleetKind } from '#crds/fleet.ts'
import { member as memberKind } from '#crds/member.ts'
import { brokerNamespace, clusterIDLabel, fleetName, joinNamespace } from '#crds/places.ts'
import type { Kube } from '#lib/kube/client.ts'
import type { Controller } from '#lib/kube/controller.ts'
import { controller, source } from '#lib/kube/controller.ts'
import { addFinalizer, lifeOf, removeFinalizer } from '#lib/kube/finalizer.ts'
import type { Key, KubeObject } from '#lib/kube/object.ts'
import { keyOf } from '#lib/kube/object.ts'
import { applyPlan } from '#lib/kube/plan.ts'
import type { Stores } from '#broker/stores.ts'
import { memberKeys } from './objects.ts'
import type { MemberSeen } from './plan.ts'
import { planMember } from './plan.ts'

const finalizer = 'tombolo.dev/member'

export function membersController(kube: Kube, stores: Stores): Controller {
  const byLabel = (object: KubeObject): readonly Key[] => {
    const id = object.metadata.labels?.[clusterIDLabel]
    return id === undefined ? [] : [{ namespace: brokerNamespace, name: id }]
  }
  return controller({
    name: 'members',
    sources: [
      source(stores.members, (member) => [keyOf(member)]),
      source(stores.requests, ({ metadata }) => [{ namespace: brokerNamespace, name: metadata.name }]),
      // What was released is written there; what a new Member may have is not looked up here.
      source(stores.fleets, () => stores.members.list().map(keyOf), { sees: ({ spec, status }) => [spec, status?.released] }),
      // A grant to some is a refusal to all others.
      source(stores.exportGrants, () => stores.members.list().map(keyOf)),
      ...[
        stores.namespaces,
        stores.quotas,
        stores.accounts,
        stores.allocations,
        stores.roleBindings,
        stores.clusterRoleBindings,
        stores.levels,
        stores.schemas,
      ].map((store) => source<KubeObject>(store, byLabel)),
    ],
    workers: 2,
    log: kube.log,
    reconcile: async (key, signal) => {
      const seen = observe(key, stores)
      const plan = planMember(seen)
      const { member } = seen
      const life = member === undefined ? 'released' : lifeOf(member, finalizer)
      if (member !== undefined && life === 'free') await addFinalizer(kube, memberKind, member, finalizer, signal)
      const next = await applyPlan(kube, plan, 'tombolo-broker', signal)
      if (member !== undefined && life === 'dying' && plan.finalizer === 'release')
        await removeFinalizer(kube, memberKind, member, finalizer, signal)
      return next
    },
  })
}

function observe(key: Key, stores: Stores): MemberSeen {
  const names = memberKeys(key.name)
  return {
    member: stores.members.get(key),
    fleet: fleetOf(stores),
    exportGrants: stores.exportGrants.list(),
    request: stores.requests.get({ namespace: joinNamespace(key.name), name: key.name }),
    namespace: stores.namespaces.get(names.namespace),
    account: stores.accounts.get(names.account),
    quota: stores.quotas.get(names.quota),
    allocation: stores.allocations.get(names.allocation),
    writes: stores.roleBindings.get(names.writes),
    reads: stores.clusterRoleBindings.get(names.reads),
    readsFleet: stores.roleBindings.get(names.readsFleet),
    level: stores.levels.get(names.level),
    schema: stores.schemas.get(names.schema),
    now: new Date(),
  }
}

/** With the defaults of an older object filled in; undefined for one that is not there or malformed, which the joins controller tells. */
function fleetOf({ fleets }: Stores): Fleet | undefined {
  const parsed = fleetKind.parse(fleets.get({ namespace: brokerNamespace, name: fleetName }))
  return parsed.ok ? parsed.value : undefined
}
