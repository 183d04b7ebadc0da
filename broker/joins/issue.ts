// Credentials for a member, handed out so that nobody but the member can take them: the tokens of its two accounts, sealed for the
// identity that proved itself. Whoever reads the request, with a stolen grant or with an administrator's eyes, reads a box.
import type { SealedCredentials } from '#crds/join-proof.ts'
import { credentialsContext } from '#crds/join-proof.ts'
import { joinerAccount, joinNamespace, memberAccount, memberNamespace } from '#crds/places.ts'
import { joinerTokenSeconds, memberTokenSeconds } from '#crds/rules/tokens.ts'
import { seal } from '#lib/identity/sealed-box.ts'
import type { Kube } from '#lib/kube/client.ts'
import { serviceAccounts } from '#lib/kube/kinds.ts'
import type { Key } from '#lib/kube/object.ts'
import { pathOf } from '#lib/kube/object.ts'
import type { Step } from '#lib/kube/plan.ts'
import type { Remarks } from './answer.ts'
import { answer } from './answer.ts'
import type { Issue } from './plan.ts'

export async function issue(
  kube: Pick<Kube, 'request'>,
  { request, remarks }: Issue,
  clusterset: string,
  now: Date,
  signal: AbortSignal,
): Promise<Step> {
  const id = request.spec.clusterID
  const [token, renewalToken] = await Promise.all([
    tokenOf(kube, { namespace: memberNamespace(id), name: memberAccount }, memberTokenSeconds, signal),
    tokenOf(kube, { namespace: joinNamespace(id), name: joinerAccount }, joinerTokenSeconds, signal),
  ])
  const credentials: SealedCredentials = { token: token.text, renewalToken: renewalToken.text, clusterset }
  const box = seal(request.spec.identity.agreementKey, credentialsContext(request), JSON.stringify(credentials))
  return box.ok
    ? answer(
        request,
        {
          state: 'Admitted',
          message: `"${id}" is a member.`,
          credentials: box.value,
          remarks: { ...remarks, ...shortened(id, renewalToken, now) },
        },
        now,
      )
    : answer(request, { state: 'Refused', message: 'Its agreement key is of small order: make new keys and join again.' }, now)
}

/** Members renew at two thirds of what they really got (operator/joining/credentials.ts); how long one may sleep is less, and is said. */
function shortened(id: string, { expiresAt }: Token, now: Date): Remarks {
  const seconds = Math.round((expiresAt.getTime() - now.getTime()) / 1000)
  // The apiserver tells whole seconds, and its clock is not ours.
  if (!(seconds <= joinerTokenSeconds - 600)) return {}
  const hours = Math.max(0.1, seconds / 3600).toFixed(1)
  return {
    ShortCredentials: `The broker's apiserver gives tokens of ${hours} h where ${joinerTokenSeconds / 3600} h were asked for: "${id}" comes back by itself only within that time, and needs another grant after it. Raise --service-account-max-token-expiration of the apiserver.`,
  }
}

type Token = { readonly text: string; readonly expiresAt: Date }

async function tokenOf(
  kube: Pick<Kube, 'request'>,
  account: Key,
  expirationSeconds: number,
  signal: AbortSignal,
): Promise<Token> {
  const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: { expirationSeconds } }
  const made = (await kube.request({ method: 'POST', path: pathOf(serviceAccounts, account, 'token'), body }, signal)) as {
    readonly status?: { readonly token?: string; readonly expirationTimestamp?: string }
  }
  if (made.status?.token === undefined) throw new Error('the apiserver answered a TokenRequest without a token')
  return { text: made.status.token, expiresAt: new Date(made.status.expirationTimestamp ?? '') }
}
