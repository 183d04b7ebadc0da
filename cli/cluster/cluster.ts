// A cluster that a person chose by context. Every error from it names that context: in a command with two clusters
// "connection refused" alone helps nobody.
import type { Kube } from '#lib/kube/client.ts'
import { kube as connect } from '#lib/kube/client.ts'
import type { Connection } from '#lib/kube/connection.ts'
import { isForbidden, isUnauthorized, isUnreachable } from '#lib/kube/errors.ts'
import { logger } from '#lib/std/log.ts'
import type { Invalid } from '#lib/std/result.ts'
import type { Problem } from '../problem.ts'
import { notReached, failed, refused } from '../problem.ts'

export const fieldManager = 'tombolo-cli'

export type Chosen = { readonly context?: string | undefined; readonly kubeconfig?: string | undefined }

export interface Cluster extends AsyncDisposable {
  readonly context: string
  /** The namespace that the context prefers. */
  readonly namespace: string
  readonly connection: Connection
  readonly kube: Kube
}

/** Reads the kubeconfig; asks the cluster nothing yet. */
export async function openCluster(choice: Chosen): Promise<Cluster> {
  // Here and not above: client-node takes half a second to load, and --help should not wait for it.
  const { fromKubeconfig } = await import('#lib/kube/kubeconfig.ts')
  const found = await fromKubeconfig({
    ...(choice.kubeconfig === undefined ? {} : { path: choice.kubeconfig }),
    ...(choice.context === undefined ? {} : { context: choice.context }),
  })
  if (!found.ok) throw notChosen(found.error)
  const { context, namespace, connection } = found.value
  const client = connect(connection, logger('tombolo', 'silent'), 'tombolo-cli')
  return {
    context,
    namespace,
    connection,
    kube: named(client, context, connection.server),
    [Symbol.asyncDispose]: () => client[Symbol.asyncDispose](),
  }
}

const notChosen = ({ field, value, want }: Invalid): Problem =>
  field === 'context'
    ? refused(
        value === '' ? 'The kubeconfig has no current context.' : `Context "${value}" cannot be used.`,
        `Choose ${want}; --context NAME names it.`,
      )
    : refused(`The kubeconfig cannot be used: ${value}.`, `Choose ${want}; --kubeconfig FILE names it.`)

function named(client: Kube, context: string, server: string): Kube {
  const of = async <T>(answer: Promise<T>): Promise<T> => {
    try {
      return await answer
    } catch (error) {
      throw withContext(error, context, server)
    }
  }
  return {
    ...client,
    get: (kind, key, signal) => of(client.get(kind, key, signal)),
    list: (kind, where, signal) => of(client.list(kind, where, signal)),
    apply: (kind, object, options, signal) => of(client.apply(kind, object, options, signal)),
    create: (kind, object, options, signal) => of(client.create(kind, object, options, signal)),
    replace: (kind, object, options, signal) => of(client.replace(kind, object, options, signal)),
    patch: (kind, key, body, options, signal) => of(client.patch(kind, key, body, options, signal)),
    delete: (kind, key, options, signal) => of(client.delete(kind, key, options, signal)),
    request: (ask, signal) => of(client.request(ask, signal)),
  }
}

function withContext(error: unknown, context: string, server: string): unknown {
  if (isUnreachable(error))
    return notReached(
      `The apiserver of context "${context}" (${server}) cannot be reached: ${reasonOf(error)}.`,
      'Check that it runs and that the kubeconfig points to it. What was done so far stays; running the command again goes on from there.',
      error,
    )
  if (isUnauthorized(error))
    return failed(`Context "${context}" does not accept these credentials.`, 'Log in again, or choose another context.', error)
  if (isForbidden(error))
    return failed(
      `Not allowed in context "${context}": ${error.message}`,
      'Ask for that right, or choose a context with the credentials of a cluster administrator.',
      error,
    )
  return error
}

const reasonOf = (error: Error): string => (error.cause instanceof Error ? error.cause.message : error.message)
