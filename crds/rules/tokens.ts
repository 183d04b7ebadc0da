// Tokens of the accounts of clusters, whoever makes them: short, and for nobody's pod.
import { memberNamespace } from '../places.ts'
import type { Review, Rule } from './rule.ts'

/** By how much the clock of a member and that of the broker may differ: what holds between two times would else be taken wrongly. */
export const toleratedSkewMs = 5 * 60_000

/** Of a member's account. */
export const memberTokenSeconds = 24 * 3600
/** Of the account that asks: how long a member may sleep and still come back by itself. */
export const joinerTokenSeconds = 14 * 24 * 3600

export const shortToken: Rule = {
  name: 'short-token',
  says: `a member's token lasts at most ${memberTokenSeconds} s, one to ask with ${joinerTokenSeconds} s`,
  cel: `object.spec.expirationSeconds <= (request.namespace.startsWith('${memberNamespace('')}') ? ${memberTokenSeconds} : ${joinerTokenSeconds})`,
  holds: ({ request, object }: Review<{ readonly expirationSeconds: number }>) =>
    (object?.spec.expirationSeconds ?? Infinity) <=
    (request.namespace.startsWith(memberNamespace('')) ? memberTokenSeconds : joinerTokenSeconds),
}

/** A kubelet asks for the pods on its node: no pod of the broker cluster is a member. */
export const noPodsToken: Rule = {
  name: 'no-pods-token',
  says: 'no pod runs as a member',
  cel: "!request.userInfo.username.startsWith('system:node:')",
  holds: ({ request }) => !request.user.startsWith('system:node:'),
}

/** It would be a token of an account of its namespace that ends only with the account; its type cannot change afterwards. */
const tokenSecret = 'kubernetes.io/service-account-token'

export const noLastingToken: Rule = {
  name: 'no-lasting-token',
  says: 'no Secret is a token of a cluster’s account: that would have no end',
  cel: `!has(object.type) || object.type != '${tokenSecret}'`,
  holds: ({ object }) => object?.['type'] !== tokenSecret,
}
