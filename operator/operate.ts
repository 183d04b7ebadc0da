// The life of a cluster as a member: nothing to do, a member, leaving. The phase follows from the Membership alone; when it
// changes, the work of the old phase is stopped and that of the new one begins.
import type { Membership } from '#crds/membership.ts'
import { membership as membershipKind } from '#crds/membership.ts'
import { brokerSecretName, membershipName, systemNamespace } from '#crds/places.ts'
import type { Kube } from '#lib/kube/client.ts'
import { settled } from '#lib/kube/controller.ts'
import type { Secret } from '#lib/kube/kinds.ts'
import { secrets } from '#lib/kube/kinds.ts'
import { applyPlan } from '#lib/kube/plan.ts'
import { reflect } from '#lib/kube/reflector.ts'
import type { Store } from '#lib/kube/store.ts'
import { backoff } from '#lib/std/backoff.ts'
import type { Logger } from '#lib/std/log.ts'
import { aborted, pause } from '#lib/std/pause.ts'
import type { HeldRemoval } from './door/removal.ts'
import { fieldManager } from './install/install.ts'
import { finalizer, leave } from './install/leave.ts'
import { readCredentials } from './joining/credentials.ts'
import { beMember } from './membership/member.ts'
import { membershipKey as key, statusStep } from './membership/report.ts'

/** Runs until `signal` aborts. One at a time in a cluster: the caller holds the Lease. `tellHeld`: told the removals that are held. */
export async function operate(
  kube: Kube,
  identity: string,
  tellHeld: (removals: readonly HeldRemoval[]) => void,
  log: Logger,
  signal: AbortSignal,
): Promise<void> {
  const memberships = reflect(
    kube,
    membershipKind,
    { namespace: systemNamespace, fields: `metadata.name=${membershipName}` },
    signal,
  ).store
  const brokerSecrets = reflect(
    kube,
    secrets,
    { namespace: systemNamespace, fields: `metadata.name=${brokerSecretName}` },
    signal,
  ).store
  await Promise.all([memberships.whenSynced(signal), brokerSecrets.whenSynced(signal)])
  const wait = backoff(500, 30_000)
  while (!signal.aborted) {
    const member = memberships.get(key)
    using phase = whileSame(memberships, brokerSecrets, signal)
    try {
      if (member === undefined) await aborted(phase.signal)
      else if (member.metadata.deletionTimestamp !== undefined) await leaving(kube, member, log, phase.signal)
      else await beMember(kube, member, { memberships, brokerSecrets }, identity, tellHeld, log, phase.signal)
      wait.reset()
    } catch (error) {
      if (!phase.signal.aborted) log.error({ err: error }, 'the phase failed; starting it again')
      // Its other parts end now: they know nothing of the one that failed.
      phase[Symbol.dispose]()
      using changed = whileSame(memberships, brokerSecrets, signal)
      await pause(wait.next(), changed.signal)
    }
  }
}

/** What tells one phase from the next: the Membership's generation, whether it is being deleted, and where the broker is. */
const phaseOf = (memberships: Store<Membership>, brokerSecrets: Store<Secret>): string => {
  const member = memberships.get(key)
  const read = readCredentials(brokerSecrets.get({ namespace: systemNamespace, name: brokerSecretName }) ?? {})
  const broker = read.ok ? `${read.value.server} ${read.value.ca}` : read.error.field
  return JSON.stringify([
    member?.metadata.uid,
    member?.metadata.generation,
    member?.metadata.deletionTimestamp !== undefined,
    broker,
  ])
}

/** A signal that aborts when the phase is no longer what it is now. */
function whileSame(
  memberships: Store<Membership>,
  brokerSecrets: Store<Secret>,
  signal: AbortSignal,
): Disposable & { readonly signal: AbortSignal } {
  const began = phaseOf(memberships, brokerSecrets)
  const changed = new AbortController()
  const look = () => {
    if (phaseOf(memberships, brokerSecrets) !== began) changed.abort()
  }
  const stops = [memberships.onChange(look), brokerSecrets.onChange(look)]
  const abort = () => changed.abort()
  signal.addEventListener('abort', abort, { once: true })
  return {
    signal: changed.signal,
    [Symbol.dispose]: () => {
      for (const stop of stops) stop()
      signal.removeEventListener('abort', abort)
      changed.abort()
    },
  }
}

async function leaving(kube: Kube, member: Membership, log: Logger, signal: AbortSignal): Promise<void> {
  if (!(member.metadata.finalizers ?? []).includes(finalizer)) return aborted(signal)
  const say = async (reason: string) => {
    const condition = {
      type: 'Leaving',
      status: 'True',
      reason,
      message: 'taking everything of Tombolo off this cluster',
    } as const
    await applyPlan(kube, { steps: [statusStep(member, [condition])], next: settled }, fieldManager, signal)
  }
  await leave(kube, member, say, log, signal)
}
