// The way to the broker, as it goes into a grant: an address that members can use, and the CA to check it by.
import { configMaps } from '#lib/kube/kinds.ts'
import type { Broker } from '#operator/joining/credentials.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { failed } from '../problem.ts'
import { checkServer } from './server-place.ts'

/** Where pods of another cluster reach the broker. Throws for an address that only this machine can use. */
export async function brokerAddress(broker: Cluster, override: string | undefined, signal: AbortSignal): Promise<Broker> {
  const server = (override ?? broker.connection.server).replace(/\/$/, '')
  checkServer(server)
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
