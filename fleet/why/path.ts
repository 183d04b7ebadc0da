// The way from a pod to its destination, station by station; this list is its order. The verdict is the first station that is broken.
import type { Facts } from './facts.ts'
import type { Hop, Judgement } from './hop.ts'
import { answers, cable, farGateway, farOverlay, farPod, farRoutes, mayAnswer } from './far.ts'
import { admitted, gateway, mayAsk, overlay, routes, sourcePod, wayBack } from './near.ts'
import { endpointsReady, exported, imported, nameAnswers, portOffered } from './services.ts'

const path: readonly Hop[] = [
  sourcePod,
  exported,
  endpointsReady,
  admitted,
  imported,
  portOffered,
  nameAnswers,
  mayAsk,
  gateway,
  routes,
  overlay,
  farGateway,
  cable,
  farRoutes,
  farOverlay,
  farPod,
  mayAnswer,
  wayBack,
  answers,
]

export type Step = { readonly at: string } & Judgement

/** `unproven`: nothing is known to be broken, and nothing showed that it works. */
export type Verdict = {
  readonly reachable: 'yes' | 'no' | 'unproven'
  readonly steps: readonly Step[]
  readonly first: Extract<Step, { state: 'broken' }> | undefined
}

export function walk(facts: Facts): Verdict {
  const isService = facts.asked.destination.kind === 'service'
  const hops = path.filter((hop) => isService || hop.of === 'every destination')
  const steps = hops.map((hop): Step => ({ at: hop.at, ...hop.look(facts) }))
  const first = steps.find((step) => step.state === 'broken')
  const answered = steps.at(-1)?.state === 'ok'
  return { reachable: first !== undefined ? 'no' : answered ? 'yes' : 'unproven', steps, first }
}
