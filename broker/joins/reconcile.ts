// The joins controller: one worker, one key, everything read anew in each run.
import { joinRequest } from '#crds/join-request.ts'
import { member } from '#crds/member.ts'
import { brokerNamespace, joinNamespace } from '#crds/places.ts'
import type { Kube } from '#lib/kube/client.ts'
import type { Controller, Run, Source } from '#lib/kube/controller.ts'
import { controller } from '#lib/kube/controller.ts'
import { applyPlan } from '#lib/kube/plan.ts'
import { planJoins } from './plan.ts'

/** `sources` only say when to look; with `workers: 1` and one key no two runs judge at the same time. */
export function joinsController(kube: Kube, sources: readonly Source[], onRun: (run: Run) => void): Controller {
  return controller({
    name: 'joins',
    sources,
    workers: 1,
    log: kube.log,
    onRun,
    reconcile: async (_key, signal) => {
      // Requests before members: a Member made in between is then seen, and the other way round it would be missed.
      const requests = await kube.list(joinRequest, { namespace: joinNamespace }, signal)
      const members = await kube.list(member, { namespace: brokerNamespace }, signal)
      const plan = planJoins({ requests: requests.items, members: members.items, now: new Date() })
      return applyPlan(kube, plan, 'tombolo-broker', signal)
    },
  })
}

/** The one key of the joins controller. */
export const allJoins = [{ name: 'joins' }]
