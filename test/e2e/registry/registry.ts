// What the suites of this folder stand on: a broker on a real apiserver, and who comes to it.
import type { JoinGrant } from '#crds/join-grant.ts'
import type { JoinRequest } from '#crds/join-request.ts'
import type { BareBroker } from '#test/kit/bare-broker.ts'
import type { Joiner, Spec } from '#test/kit/joining.ts'

export type Registry = {
  readonly broker: BareBroker
  readonly signal: AbortSignal
  /** Resolves when it is open. */
  readonly grant: (one: Joiner, spec?: Partial<JoinGrant['spec']>) => Promise<void>
  readonly asks: (one: Joiner, spec: Spec) => Promise<void>
  /** Resolves when there is one. */
  readonly answer: (one: Joiner) => Promise<NonNullable<JoinRequest['status']>>
}
