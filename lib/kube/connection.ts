// Where an apiserver is and how to prove who we are: all that the client must know, whatever it was read from.
import type { Agent } from 'node:http'

export interface Connection {
  /** `https://host:port`, with a base path where there is one. Plain `http://` is for kubectl proxy and tests. */
  readonly server: string
  /** PEM. Absent: the runtime's own roots. */
  readonly ca?: string
  /** PEM, for mutual TLS. */
  readonly clientCert?: string
  readonly clientKey?: string
  /** The name to expect in the server's certificate when it is not the host in `server`. */
  readonly serverName?: string
  /** `never` only where a person's kubeconfig says insecure-skip-tls-verify. */
  readonly verify?: 'always' | 'never'
  /** Sent with every request, for instance to impersonate. */
  readonly headers?: Readonly<Record<string, string>>
  /** Asked before every request, so cache. `refused`: the last one was answered with 401, look again. */
  token(last: 'accepted' | 'refused'): Promise<string | undefined>
  /** Dials instead of our own agents, for instance through a proxy. */
  readonly agent?: Agent
}
