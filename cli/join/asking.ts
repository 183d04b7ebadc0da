// Asking the broker until it answers, with the reason of the wait in sight.
import type { SealedCredentials } from '#crds/join-proof.ts'
import { kube as connect } from '#lib/kube/client.ts'
import { isForbidden, isUnauthorized, isUnreachable } from '#lib/kube/errors.ts'
import { logger } from '#lib/std/log.ts'
import type { Question, Turn } from '#operator/joining/ask.ts'
import { ask } from '#operator/joining/ask.ts'
import type { Broker } from '#operator/joining/credentials.ts'
import { fieldManager } from '../cluster/cluster.ts'
import type { Say } from '../cluster/until.ts'
import { until } from '../cluster/until.ts'
import { failed, notReached, refused } from '../problem.ts'
import type { WayIn } from './member.ts'
import type { RefusedToken } from './refused-token.ts'
import { whyRefused } from './refused-token.ts'

export type Answer = { readonly credentials: SealedCredentials; readonly warning: string | undefined } | 'left'

/** `token`: of a grant, with until when that is good, or the member's renewal token. Throws a refusal with the broker's own words. */
export async function askBroker(
  { server, ca, token, expiresAt }: Broker & Pick<WayIn, 'token' | 'expiresAt'>,
  question: Question,
  timeoutMs: number,
  say: Say,
  signal: AbortSignal,
): Promise<Answer> {
  let taken = false
  await using broker = connect({ server, ca, token: () => Promise.resolve(token) }, logger('tombolo', 'silent'), 'tombolo-cli')
  try {
    return await until(
      {
        what: 'The answer of the broker',
        timeoutMs,
        remedy: 'Nothing has to be undone: running the command again goes on waiting for it.',
        say,
      },
      async () => {
        const turn = await ask(broker, question, fieldManager, new Date(), signal)
        taken = true
        return probeOf(turn)
      },
      signal,
    )
  } catch (error) {
    const { clusterID } = question.asked
    throw explained(error, server, { clusterID, expiresAt, taken, now: new Date() })
  }
}

function probeOf(turn: Turn): { readonly done: Answer } | { readonly waiting: string } {
  switch (turn.kind) {
    case 'waiting':
      return { waiting: turn.because }
    case 'admitted':
      return { done: turn }
    case 'left':
      return { done: 'left' }
    case 'refused':
      throw refused(turn.message, 'Then run the same command again.')
  }
}

function explained(error: unknown, server: string, token: RefusedToken): unknown {
  // Where one may no longer ask, the account and its right go together, and an apiserver takes a token that it knows some seconds more.
  if (isUnauthorized(error) || isForbidden(error)) {
    const { says, remedy } = whyRefused(token)
    return failed(says, remedy, error)
  }
  if (isUnreachable(error))
    return notReached(
      `The broker (${server}) cannot be reached: ${error.cause instanceof Error ? error.cause.message : error.message}.`,
      'Check that this machine reaches it. What was done so far stays; running the command again goes on from there.',
      error,
    )
  return error
}
