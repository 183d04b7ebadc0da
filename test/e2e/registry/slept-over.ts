// A member that comes back at the end of its renewal token: the broker's apiserver decides, whatever the member's own loop believes.
import assert from 'node:assert/strict'
import { credentialsContext } from '#crds/join-proof.ts'
import type { SealedCredentials } from '#crds/join-proof.ts'
import { joinRequest } from '#crds/join-request.ts'
import type { Membership } from '#crds/membership.ts'
import { brokerSecretName, joinNamespace, systemNamespace } from '#crds/places.ts'
import { open } from '#lib/identity/sealed-box.ts'
import { kube } from '#lib/kube/client.ts'
import { namespaces, secrets } from '#lib/kube/kinds.ts'
import { cell } from '#lib/std/cell.ts'
import { logger } from '#lib/std/log.ts'
import { ownVersion } from '#operator/joining/about.ts'
import { brokerSecret, lifeOf } from '#operator/joining/credentials.ts'
import { keepIdentity } from '#operator/joining/identity-secret.ts'
import { keepCredentials } from '#operator/membership/renewal.ts'
import type { BrokerState, RenewalState } from '#operator/membership/status.ts'
import { apiserver } from '#test/kit/apiserver.ts'
import { eventually } from '#test/kit/eventually.ts'
import { joiner } from '#test/kit/joining.ts'
import type { Registry } from './registry.ts'

const log = logger('test', 'silent')

export const sleptOver = (registry: () => Registry): void => {
  // An apiserver takes a token for a minute more than it says.
  for (const [when, leftSeconds, want] of [
    ['seconds before the end of its renewal token', 5, 'fresh'],
    ['and a minute after it', -65, 'expired'],
  ] as const)
    test(`a member that wakes ${when} is ${want === 'fresh' ? 'back by itself' : 'Expired'}`, async () => {
      const { broker, signal, grant, asks, answer } = registry()
      const stop = new AbortController()
      await using local = await apiserver()
      await using api = kube(local.connection, log)
      const uid = local.put(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'kube-system' } }).metadata.uid
      const identity = await keepIdentity(api, 'test', signal)
      assert.ok(identity.ok && uid !== undefined)
      const one = { ...joiner(`slept-${want}`), identity: identity.value }
      const octet = want === 'fresh' ? 0 : 1
      const own = { podCIDRs: [`10.9${octet}.0.0/16`], serviceCIDRs: [`10.19${octet}.0.0/16`] }
      await grant(one)
      await asks(one, { uid, pods: own.podCIDRs, services: own.serviceCIDRs })
      await answer(one)
      const request = await broker.admin.get(joinRequest, { namespace: joinNamespace(one.id), name: one.id }, signal)
      const box = request?.status?.credentials
      assert.ok(request !== undefined && box !== undefined)
      const opened = open(identity.value.agreement, credentialsContext(request), box)
      assert.ok(opened.ok)
      const given = JSON.parse(opened.value) as SealedCredentials
      const endsInSeconds = ((lifeOf(given.renewalToken)?.expiresAt.getTime() ?? 0) - Date.now()) / 1000
      const aged = (token: string) => broker.aged(token, Math.round(endsInSeconds) - leftSeconds)
      const held = { token: aged(given.token), renewalToken: aged(given.renewalToken) }
      const membership = { metadata: { name: 'membership' }, spec: { clusterID: one.id, ...own } } as unknown as Membership
      const announced = { ...membership.spec, version: ownVersion }
      const { server, ca } = broker
      local.put(secrets, brokerSecret({ server, ca, ...held }, announced))
      const seen = {
        secret: () => local.read(secrets, { namespace: systemNamespace, name: brokerSecretName }),
        broker: cell<BrokerState>({ kind: 'refused', why: '' }),
        renewal: cell<RenewalState>({ kind: 'due', why: '' }),
        clock: () => new Date(),
      }
      const running = keepCredentials(api, membership, seen, log, stop.signal).catch((error: unknown) => {
        if (!stop.signal.aborted) throw error
      })
      await eventually(() => assert.equal(seen.renewal.value.kind, want, JSON.stringify(seen.renewal.value)), 60_000)
      stop.abort()
      await running
      const now = seen.renewal.value
      if (now.kind === 'expired') assert.match(now.why, /the credentials expired at .*, as this cluster had not renewed them/)
    })
}
