// Answers join requests. Admission looks at all members at once, so this is one reconciler with one key: two requests can never
// be judged side by side. It makes the Member; what a member consists of is made by the members controller, and only when that
// is done does the request say Admitted: whoever reads it may ask for a token at once.
import type { JoinRequest } from '#crds/join-request.ts'
import { joinRequest } from '#crds/join-request.ts'
import type { Member } from '#crds/member.ts'
import { member as memberKind } from '#crds/member.ts'
import { brokerNamespace, clusterIDLabel, managedBy } from '#crds/places.ts'
import { isTrue, setConditions } from '#lib/kube/conditions.ts'
import { settled } from '#lib/kube/controller.ts'
import { keyOf } from '#lib/kube/object.ts'
import type { Plan, Step } from '#lib/kube/plan.ts'
import { provisioned } from '#broker/members/plan.ts'
import { admitAll } from './admit.ts'

/** Both read from the apiserver in this run, not from a store that may lag behind our own writes. */
export type JoinsSeen = { readonly requests: readonly JoinRequest[]; readonly members: readonly Member[]; readonly now: Date }

type Answer = { readonly state: 'Pending' | 'Admitted' | 'Refused'; readonly message: string }

export function planJoins({ requests, members, now }: JoinsSeen): Plan {
  const open = requests.filter((r) => r.metadata.deletionTimestamp === undefined && !isRefused(r))
  const withdrawn = open.filter((r) => isAnswered(r, 'Admitted') && memberOf(r, members) === undefined)
  const judged = admitAll(
    open.filter((r) => !withdrawn.includes(r)),
    members.map((m) => m.spec),
  )
  const steps = judged.flatMap(({ request, decision }): readonly Step[] => {
    if (decision.state === 'Refused') return [answer(request, decision, now)]
    const member = memberOf(request, members)
    if (member === undefined)
      return [
        { do: 'apply', kind: memberKind, object: newMember(decision.spec) },
        answer(request, { state: 'Pending', message: 'Admitted; its namespace and account are being made.' }, now),
      ]
    if (member.metadata.deletionTimestamp !== undefined)
      return [answer(request, { state: 'Pending', message: 'The earlier membership under this id is being removed.' }, now)]
    return isTrue(member.status?.conditions, provisioned)
      ? [answer(request, { state: 'Admitted', message: `"${member.spec.clusterID}" is a member.` }, now)]
      : [answer(request, { state: 'Pending', message: 'Admitted; its namespace and account are being made.' }, now)]
  })
  const removed = withdrawn.map((r) =>
    answer(r, { state: 'Refused', message: 'The member was removed on the broker. To come back, join again.' }, now),
  )
  return { steps: [...steps, ...removed], next: settled }
}

/** A refusal is final for what was asked: nobody becomes a member hours later because another one left. Joining again asks anew. */
const isRefused = (request: JoinRequest): boolean => isAnswered(request, 'Refused')

const isAnswered = ({ metadata, status }: JoinRequest, state: Answer['state']): boolean =>
  status?.state === state && status.observedGeneration === metadata.generation

const memberOf = (request: JoinRequest, members: readonly Member[]): Member | undefined =>
  members.find((m) => m.metadata.name === request.metadata.name)

const newMember = (spec: Member['spec']) => ({
  apiVersion: memberKind.apiVersion,
  kind: memberKind.kind,
  metadata: { name: spec.clusterID, namespace: brokerNamespace, labels: { ...managedBy, [clusterIDLabel]: spec.clusterID } },
  spec,
})

function answer(request: JoinRequest, { state, message }: Answer, now: Date): Step {
  const observedGeneration = request.metadata.generation ?? 0
  const said = { reason: state, message, observedGeneration }
  const conditions = setConditions(
    request.status?.conditions,
    [
      { type: 'Ready', status: state === 'Admitted' ? 'True' : 'False', ...said },
      { type: 'Stalled', status: state === 'Refused' ? 'True' : 'False', ...said },
    ],
    now,
  )
  const status = { observedGeneration, state, message, conditions }
  return { do: 'status', kind: joinRequest, key: keyOf(request), status, have: request }
}
