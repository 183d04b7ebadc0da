// A client over what a test apiserver holds, without HTTP, each of whose requests on certain kinds waits until the test says what becomes of
// it: so a test decides where a program is stopped, what others do meanwhile, and which of its writes come late.
import { StatusError, UnreachableError } from '#lib/kube/errors.ts'
import type { Kube } from '#lib/kube/client.ts'
import { received } from '#lib/kube/client.ts'
import type { Kind, KubeObject } from '#lib/kube/object.ts'
import { keyOf } from '#lib/kube/object.ts'
import { logger } from '#lib/std/log.ts'
import type { At, ClusterState } from './cluster-state.ts'
import { Refused } from './cluster-state.ts'

/** A request that was made and has not got to the server. */
export type Pending = {
  readonly writes: boolean
  readonly kind: string
  /** Gets there, and is answered. */
  do(): void
  /** Is never answered; the result lets it get there later, which says nothing to anybody. */
  lose(): () => void
}

export const placeOf = (kind: Kind, { namespace = '', name = '' }, subresource = ''): At => ({
  resource: `apis/${kind.apiVersion}/${kind.plural}`,
  namespace,
  name,
  subresource,
})

/** `ask` is called with each request on one of the kinds. Others are answered at once. */
export function steppedKube(state: ClusterState, kinds: readonly Kind[], ask: (pending: Pending) => void): Kube {
  const stepped = new Set(kinds.map(({ kind }) => kind))

  function request<T>(kind: Kind, writes: boolean, work: () => T): Promise<T> {
    const answered = (): T => {
      try {
        return structuredClone(work())
      } catch (error) {
        throw error instanceof Refused
          ? new StatusError(kind.kind, error.code, { reason: error.reason, message: error.message })
          : error
      }
    }
    if (!stepped.has(kind.kind)) return Promise.resolve().then(answered)
    return new Promise((resolve, reject) => {
      ask({
        writes,
        kind: kind.kind,
        do: () => resolve(Promise.resolve().then(answered)),
        lose: () => {
          reject(new UnreachableError(kind.kind, 'no answer'))
          return () => {
            try {
              work()
            } catch (error) {
              if (!(error instanceof Refused)) throw error
            }
          }
        },
      })
    })
  }

  const of = <T extends KubeObject>(kind: Kind<T>, object: KubeObject): T => received(kind, structuredClone(object) as T)
  const none = () => Promise.reject(new Error('no such request here'))
  return {
    log: logger('test', 'silent'),
    get: (kind, key) =>
      request(kind, false, () => {
        const found = state.get(placeOf(kind, key))
        return found === undefined ? undefined : of(kind, found)
      }),
    list: (kind, where) =>
      request(kind, false, () => ({
        items: state.list(placeOf(kind, {}).resource, where.namespace ?? '').map((object) => of(kind, object)),
        resourceVersion: String(state.version),
      })),
    apply: (kind, object, options) =>
      request(kind, true, () =>
        of(kind, state.apply(placeOf(kind, keyOf(object), options.subresource), object, options.fieldManager, true, false)),
      ),
    create: (kind, object, options) =>
      request(kind, true, () =>
        of(kind, state.create(placeOf(kind, keyOf(object)), object, options.fieldManager ?? 'test', false)),
      ),
    patch: (kind, key, body, options) =>
      request(kind, true, () => of(kind, state.merge(placeOf(kind, key), body, options.fieldManager ?? 'test', false))),
    delete: (kind, key, options) =>
      request(kind, true, () => {
        if (state.get(placeOf(kind, key)) !== undefined) state.remove(placeOf(kind, key), options.uid, false)
      }),
    replace: none,
    // A TokenRequest.
    request: () => Promise.resolve({ status: { token: 'token', expirationTimestamp: new Date().toISOString() } }),
    stream: () => {
      throw new Error('no streams here')
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  }
}
