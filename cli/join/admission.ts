// Asking the broker to be let in, and waiting for its answer. Asking again is harmless: the request of an interrupted run is
// found and followed, a refused one is replaced, since a refusal is final for what was asked.
import type { Fleet } from '#crds/fleet.ts'
import { fleet } from '#crds/fleet.ts'
import type { JoinRequest } from '#crds/join-request.ts'
import { joinRequest } from '#crds/join-request.ts'
import { brokerNamespace, fleetName, joinNamespace, managedBy } from '#crds/places.ts'
import type { Kube } from '#lib/kube/client.ts'
import { isAlreadyExists } from '#lib/kube/errors.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { fieldManager } from '../cluster/cluster.ts'
import type { Probe, Say } from '../cluster/until.ts'
import { until } from '../cluster/until.ts'
import { refused } from '../problem.ts'

export async function readFleet({ kube, context }: Cluster, signal: AbortSignal): Promise<Fleet> {
  const found = await kube.get(fleet, { namespace: brokerNamespace, name: fleetName }, signal)
  if (found !== undefined) return found
  throw refused(
    `There is no broker in context "${context}".`,
    `Check --broker-context, or make it one: tombolo deploy-broker --context ${context}.`,
  )
}

export const requestOf = (spec: JoinRequest['spec']): JoinRequest => ({
  apiVersion: joinRequest.apiVersion,
  kind: joinRequest.kind,
  metadata: { name: spec.clusterID, namespace: joinNamespace, labels: { ...managedBy } },
  spec,
})

/** Resolves when the request is Admitted; throws a refusal with the broker's own words. */
export async function beAdmitted(
  kube: Kube,
  wanted: JoinRequest,
  timeoutMs: number,
  say: Say,
  signal: AbortSignal,
): Promise<void> {
  await until(
    {
      what: 'The answer of the broker controller',
      timeoutMs,
      remedy: `On the broker: kubectl get joinrequests -n ${joinNamespace}; kubectl logs -n ${brokerNamespace} deployment/tombolo-broker-controller.`,
      say,
    },
    () => ask(kube, wanted, signal),
    signal,
  )
}

type Turn = { readonly followed: boolean }

async function ask(kube: Kube, wanted: JoinRequest, signal: AbortSignal): Promise<Probe<Turn>> {
  const key = { namespace: joinNamespace, name: wanted.metadata.name }
  const have = await kube.get(joinRequest, key, signal)
  if (have === undefined) return create(kube, wanted, signal)
  const verdict = judge(wanted, have)
  switch (verdict.kind) {
    case 'admitted':
      return { done: { followed: true } }
    case 'wait':
      return { waiting: verdict.because }
    case 'refused':
      // Taken back, so that a corrected request does not find it, and nobody is let in long after having given up.
      await withdraw(kube, have, signal)
      throw refused(verdict.message, 'Then run the same command again.')
    case 'replace':
      await withdraw(kube, have, signal)
      return { waiting: 'an earlier request is being replaced' }
    case 'taken':
      throw refused(verdict.message, 'Choose another cluster id, or check --context.')
  }
}

export type Verdict =
  | { readonly kind: 'admitted' | 'replace' }
  | { readonly kind: 'wait'; readonly because: string }
  | { readonly kind: 'refused' | 'taken'; readonly message: string }

/** What a request that is there means for the one we want to make. */
export function judge(wanted: JoinRequest, have: JoinRequest): Verdict {
  const id = wanted.spec.clusterID
  if (have.spec.clusterUID !== wanted.spec.clusterUID)
    return {
      kind: 'taken',
      message: `Cluster id "${id}" is taken: another cluster asked for it (its kube-system has uid ${have.spec.clusterUID}).`,
    }
  if (have.metadata.deletionTimestamp !== undefined) return { kind: 'wait', because: 'an earlier request is being removed' }
  const answered = have.status?.observedGeneration === have.metadata.generation ? have.status : undefined
  if (!sameQuestion(wanted, have)) return { kind: 'replace' }
  switch (answered?.state) {
    case 'Admitted':
      return { kind: 'admitted' }
    case 'Refused':
      return { kind: 'refused', message: answered.message ?? 'The broker refused.' }
    case 'Pending':
    case undefined:
      return { kind: 'wait', because: answered?.message ?? 'the broker controller has not answered yet' }
  }
}

const sameQuestion = (a: JoinRequest, b: JoinRequest): boolean =>
  JSON.stringify([a.spec.podCIDRs, a.spec.serviceCIDRs]) === JSON.stringify([b.spec.podCIDRs, b.spec.serviceCIDRs])

async function create(kube: Kube, wanted: JoinRequest, signal: AbortSignal): Promise<Probe<Turn>> {
  try {
    await kube.create(joinRequest, wanted, { fieldManager }, signal)
  } catch (error) {
    if (!isAlreadyExists(error)) throw error
  }
  return { waiting: 'the broker controller has not answered yet' }
}

const withdraw = (kube: Kube, { metadata }: JoinRequest, signal: AbortSignal): Promise<void> =>
  kube.delete(
    joinRequest,
    { namespace: joinNamespace, name: metadata.name },
    metadata.uid === undefined ? {} : { uid: metadata.uid },
    signal,
  )
