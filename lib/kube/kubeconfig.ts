// A person's kubeconfig, with all that may stand in one: several files, exec plugins, OIDC, proxies. client-node knows these.
// It costs 50 MB and half a second, so daemons never import this file and the CLI imports it when it first needs a cluster.
import { KubeConfig } from '@kubernetes/client-node'
import type { RequestOptions } from 'node:https'
import type { Result } from '#lib/std/result.ts'
import { invalid, ok } from '#lib/std/result.ts'
import type { Connection } from './connection.ts'

export interface Chosen {
  /** The context's name, and the namespace it prefers. */
  readonly context: string
  readonly namespace: string
  readonly connection: Connection
}

const defaultPlaces = '$KUBECONFIG or ~/.kube/config'

/** `path` absent: $KUBECONFIG, then ~/.kube/config, as kubectl does. `context` absent: the file's current one. */
export async function fromKubeconfig(choice: { readonly path?: string; readonly context?: string }): Promise<Result<Chosen>> {
  const config = new KubeConfig()
  try {
    if (choice.path === undefined) config.loadFromDefault()
    else config.loadFromFile(choice.path)
  } catch (error) {
    return invalid('kubeconfig', choice.path ?? defaultPlaces, `a readable kubeconfig file: ${firstLine(error)}`)
  }
  // Where it finds no file client-node makes up a cluster at http://localhost:8080, which nobody means.
  if (choice.path === undefined && config.getCurrentCluster()?.server === 'http://localhost:8080')
    return invalid('kubeconfig', defaultPlaces, 'a kubeconfig file: there is none')
  // The current one may be absent, whatever its type says.
  const context = [choice.context, config.getCurrentContext()].find((name) => typeof name === 'string') ?? ''
  const found = config.getContextObject(context)
  const names = config.getContexts().map(({ name }) => name)
  if (found === null)
    return invalid('context', context, names.length === 0 ? 'a kubeconfig with contexts' : `one of ${names.join(', ')}`)
  config.setCurrentContext(context)
  const cluster = config.getCurrentCluster()
  if (cluster === null) return invalid('context', context, 'a context whose cluster is in the kubeconfig')
  try {
    const connection = await connect(config, cluster.server, cluster.proxyUrl)
    return ok({ context, namespace: found.namespace ?? 'default', connection })
  } catch (error) {
    return invalid('context', context, `a context with usable credentials: ${firstLine(error)}`)
  }
}

/** Parsers show the lines around a mistake, and in a kubeconfig these may be secrets. */
const firstLine = (error: unknown): string => (error instanceof Error ? error.message : String(error)).split('\n', 1)[0] ?? ''

/** Certificates, also those an exec plugin gives, are taken once; bearer tokens are asked for anew, as plugins cache theirs. */
async function connect(config: KubeConfig, server: string, proxyUrl: string | undefined): Promise<Connection> {
  const first = await options(config)
  const { authorization: _, ...headers } = lowerCased(first.headers)
  return {
    server,
    headers,
    ...text('ca', first.ca),
    ...text('clientCert', first.cert),
    ...text('clientKey', first.key),
    ...text('serverName', first.servername),
    verify: first.rejectUnauthorized === false ? 'never' : 'always',
    token: async () => /^Bearer (.+)$/.exec(lowerCased((await options(config)).headers).authorization ?? '')?.[1],
    ...(proxyUrl === undefined || typeof first.agent !== 'object' ? {} : { agent: first.agent }),
  }
}

async function options(config: KubeConfig): Promise<RequestOptions> {
  const filled: RequestOptions = {}
  await config.applyToHTTPSOptions(filled)
  return filled
}

const lowerCased = (headers: RequestOptions['headers']): Record<string, string> =>
  Object.fromEntries(Object.entries(headers ?? {}).map(([name, value]) => [name.toLowerCase(), String(value)]))

function text<Name extends string>(name: Name, value: unknown): Partial<Record<Name, string>> {
  if (typeof value !== 'string' && !Buffer.isBuffer(value)) return {}
  return { [name]: value.toString() } as Partial<Record<Name, string>>
}
