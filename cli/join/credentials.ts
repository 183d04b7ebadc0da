// The member's way to the broker: address, CA and a token of its own account, which its operator renews by itself from then on.
import { brokerSecretName, managedBy, memberNamespace, systemNamespace } from '#crds/places.ts'
import { memberAccount } from '#broker/install/rbac.ts'
import type { Secret } from '#lib/kube/kinds.ts'
import { configMaps, serviceAccounts } from '#lib/kube/kinds.ts'
import { pathOf } from '#lib/kube/object.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { failed, refused } from '../problem.ts'
import { brokerUIDAnnotation } from './member.ts'

const tokenSeconds = 24 * 3600

export type BrokerAddress = { readonly server: string; readonly ca: string }

/** Where pods of another cluster reach the broker. Throws for an address that only this machine can use. */
export async function brokerAddress(broker: Cluster, override: string | undefined, signal: AbortSignal): Promise<BrokerAddress> {
  const server = (override ?? broker.connection.server).replace(/\/$/, '')
  checkServer(server, broker.context)
  const namespace = 'kube-public'
  // What the kubeconfig has may be missing (insecure, or the system's roots); every namespace holds the cluster's own.
  const ca =
    broker.connection.ca ?? (await broker.kube.get(configMaps, { namespace, name: 'kube-root-ca.crt' }, signal))?.data?.['ca.crt']
  if (ca === undefined)
    throw failed(
      `The CA certificate of the broker (context "${broker.context}") was not found.`,
      `Put certificate-authority into its kubeconfig; ConfigMap ${namespace}/kube-root-ca.crt is missing too.`,
    )
  return { server, ca }
}

export function checkServer(server: string, context: string): void {
  const url = URL.canParse(server) ? new URL(server) : undefined
  if (url?.protocol !== 'https:' || url.pathname !== '/')
    throw refused(
      `The broker's address "${server}" is not of the form https://host:port.`,
      'Give the one that members can use: --broker-server https://HOST:PORT.',
    )
  if (['localhost', '[::1]'].includes(url.hostname) || url.hostname.startsWith('127.') || url.hostname === '0.0.0.0')
    throw refused(
      `The kubeconfig reaches the broker (context "${context}") at ${server}, which only this machine can.`,
      'Give the address that members can use: --broker-server https://HOST:PORT.',
    )
}

/** A token for the member's own account on the broker, of 24 hours. Never printed: it goes into the Secret and nowhere else. */
export async function requestToken(broker: Cluster, clusterID: string, signal: AbortSignal): Promise<string> {
  const account = { namespace: memberNamespace(clusterID), name: memberAccount }
  const body = {
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenRequest',
    spec: { expirationSeconds: tokenSeconds },
  }
  const answer = (await broker.kube.request(
    { method: 'POST', path: pathOf(serviceAccounts, account, 'token'), body },
    signal,
  )) as {
    readonly status?: { readonly token?: string }
  }
  if (answer.status?.token === undefined)
    throw failed('The broker answered the request for a token without one.', 'Run the command again.')
  return answer.status.token
}

export const brokerSecret = ({ server, ca }: BrokerAddress, token: string, brokerUID: string) =>
  ({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: {
      name: brokerSecretName,
      namespace: systemNamespace,
      labels: { ...managedBy },
      annotations: { [brokerUIDAnnotation]: brokerUID },
    },
    type: 'Opaque',
    data: { server: base64(server), 'ca.crt': base64(ca), token: base64(token) },
  }) satisfies Secret

const base64 = (text: string): string => Buffer.from(text).toString('base64')
