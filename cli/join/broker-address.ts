// The way to the broker, as it goes into a grant: an address that members can use, and the CA to check it by.
import { configMaps } from '#lib/kube/kinds.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { failed, refused } from '../problem.ts'

import type { Broker } from '#operator/joining/credentials.ts'

/** Where pods of another cluster reach the broker. Throws for an address that only this machine can use. */
export async function brokerAddress(broker: Cluster, override: string | undefined, signal: AbortSignal): Promise<Broker> {
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
