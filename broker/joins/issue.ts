// Credentials for a member, handed out so that nobody but the member can take them: the tokens of its two accounts, sealed for the
// identity that proved itself. Whoever reads the request, with a stolen grant or with an administrator's eyes, reads a box.
import type { JoinRequest } from '#crds/join-request.ts'
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
import { answer } from './plan.ts'

export async function issue(kube: Kube, request: JoinRequest, clusterset: string, now: Date, signal: AbortSignal): Promise<Step> {
  const id = request.spec.clusterID
  const [token, renewalToken] = await Promise.all([
    tokenOf(kube, { namespace: memberNamespace(id), name: memberAccount }, memberTokenSeconds, signal),
    tokenOf(kube, { namespace: joinNamespace(id), name: joinerAccount }, joinerTokenSeconds, signal),
  ])
  const credentials: SealedCredentials = { token, renewalToken, clusterset }
  const box = seal(request.spec.identity.agreementKey, credentialsContext(request), JSON.stringify(credentials))
  return box.ok
    ? answer(request, { state: 'Admitted', message: `"${id}" is a member.`, credentials: box.value }, now)
    : answer(request, { state: 'Refused', message: 'Its agreement key is of small order: make new keys and join again.' }, now)
}

async function tokenOf(kube: Kube, account: Key, expirationSeconds: number, signal: AbortSignal): Promise<string> {
  const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: { expirationSeconds } }
  const made = (await kube.request({ method: 'POST', path: pathOf(serviceAccounts, account, 'token'), body }, signal)) as {
    readonly status?: { readonly token?: string }
  }
  if (made.status?.token === undefined) throw new Error('the apiserver answered a TokenRequest without a token')
  return made.status.token
}
