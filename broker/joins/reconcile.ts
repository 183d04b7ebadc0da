// The joins controller: one worker, one key, everything read anew in each run.
import packageJson from '../../package.json' with { type: 'json' }
import { fleet as fleetKind } from '#crds/fleet.ts'
import { gatewayEndpoint } from '#crds/gateway-endpoint.ts'
import { joinGrant } from '#crds/join-grant.ts'
import { joinRequest } from '#crds/join-request.ts'
import { member } from '#crds/member.ts'
import { brokerNamespace, clusterIDLabel, fleetName, joinerAccount, joinNamespace } from '#crds/places.ts'
import type { Kube } from '#lib/kube/client.ts'
import type { Controller } from '#lib/kube/controller.ts'
import { blocked, controller, source } from '#lib/kube/controller.ts'
import type { KubeObject } from '#lib/kube/object.ts'
import type { Step } from '#lib/kube/plan.ts'
import { applyPlan } from '#lib/kube/plan.ts'
import { ok } from '#lib/std/result.ts'
import type { Stores } from '#broker/stores.ts'
import { namesIn } from './ground.ts'
import { issue } from './issue.ts'
import { readOwnAddresses } from './own-addresses.ts'
import { planJoins } from './plan.ts'
import { reading } from './reading.ts'
import { serverNames } from './server-names.ts'

/** The one key. */
const allJoins = [{ name: 'joins' }]
const fieldManager = 'tombolo-broker'

/** The stores only say when to look; with one worker and one key no two runs judge at the same time. */
export function joinsController(kube: Kube, stores: Stores): Controller {
  const { fleets, requests, grants, members, namespaces, roleBindings } = stores
  const resolve = serverNames()
  return controller({
    name: 'joins',
    sources: [fleets, requests, grants, members, namespaces, roleBindings].map((store) =>
      source<KubeObject>(store, () => allJoins),
    ),
    workers: 1,
    log: kube.log,
    reconcile: async (_key, signal) => {
      const now = new Date()
      const fleet = await kube.get(fleetKind, { namespace: brokerNamespace, name: fleetName }, signal)
      if (fleet === undefined) return blocked('NoFleet', 'there is no Fleet: run tombolo deploy-broker again')
      const parsed = fleetKind.parse(fleet)
      if (!parsed.ok) return blocked('FleetInvalid', `the Fleet is malformed: ${parsed.error.field}, want ${parsed.error.want}`)
      // Requests before members: a Member made in between is then seen, and the other way round it would be missed.
      const asked = await kube.list(joinRequest, {}, signal)
      const [granted, admitted, gateways, addresses] = await Promise.all([
        kube.list(joinGrant, { namespace: brokerNamespace }, signal),
        kube.list(member, { namespace: brokerNamespace }, signal),
        reading('where gateways are', kube.list(gatewayEndpoint, {}, signal), signal),
        reading('where it is itself', readOwnAddresses(kube, signal), signal),
      ])
      const names = await resolve(namesIn(granted.items), now)
      const plan = planJoins({
        fleet: { ...fleet, spec: parsed.value.spec },
        requests: asked.items,
        grants: granted.items,
        members: admitted.items,
        gateways: gateways.ok ? ok(gateways.value.items) : gateways,
        broker: { version: packageJson.version, addresses, names },
        placed: placesOf(stores),
        now,
      })
      const { steps, next } = plan
      const failures: unknown[] = []
      // By cluster: what cannot be written or made for one must not keep another's answer or credentials back.
      for (const [id, those] of Map.groupBy(steps, nameOf))
        try {
          await applyPlan(kube, { steps: those, next }, fieldManager, signal)
          for (const granting of plan.issue.filter(({ request }) => request.metadata.name === id)) {
            const step = await issue(kube, granting, fleet.spec.clusterset, now, signal)
            await applyPlan(kube, { steps: [step], next }, fieldManager, signal)
          }
        } catch (error) {
          signal.throwIfAborted()
          failures.push(error)
        }
      if (failures.length > 0) throw new AggregateError(failures, failures.map(String).join('; '))
      return next
    },
  })
}

/** Requests, grants and Members have the name of their cluster. */
const nameOf = (step: Step): string => (step.do === 'apply' ? step.object.metadata.name : step.key.name)

/** Cluster ids whose account may ask: its right to is made last, and a namespace that goes takes it along. */
const placesOf = ({ roleBindings, namespaces }: Stores): ReadonlySet<string> =>
  new Set(
    roleBindings
      .list()
      .filter(({ subjects }) => subjects?.some((s) => s.name === joinerAccount) === true)
      .flatMap(({ metadata }) => metadata.labels?.[clusterIDLabel] ?? [])
      .filter((id) => {
        const namespace = namespaces.get({ name: joinNamespace(id) })
        return namespace !== undefined && namespace.metadata.deletionTimestamp === undefined
      }),
  )
