// The one door through which a snapshot reads: what is not what its kind says is named and left out, what we may not read is named too.
import type { Definition } from '#crds/define.ts'
import type { Kube } from '#lib/kube/client.ts'
import { isForbidden, isNotFound, StatusError } from '#lib/kube/errors.ts'
import type { Key, Kind, KubeObject, Where } from '#lib/kube/object.ts'
import { keyOf, keyText } from '#lib/kube/object.ts'
import type { Ask } from '#lib/kube/transport.ts'
import { explain } from '#lib/std/result.ts'

/** An object that was left out: `Kind namespace/name`, and what is wrong with it. */
export type Ignored = { readonly object: string; readonly why: string }

/** Something that the person who asks may not read; what depends on it cannot be judged. */
export type Unread = { readonly what: string; readonly why: string }

export type Reader = Pick<Kube, 'get' | 'list' | 'request'>

export interface Door {
  /** Grow while objects are read. */
  readonly ignored: readonly Ignored[]
  readonly unread: readonly Unread[]
  /** Kinds of ours that the cluster does not know. */
  readonly unserved: readonly string[]
  one<T extends KubeObject>(kind: Definition<T>, key: Key): Promise<T | undefined>
  all<T extends KubeObject>(kind: Definition<T>, where: Where): Promise<readonly T[]>
  /** For kinds that are not ours: `parse` says undefined for what it cannot use. */
  any<T>(kind: Kind, where: Where, parse: (object: KubeObject) => T | undefined): Promise<readonly T[]>
  /** One object of a kind that is not ours. */
  get<T>(kind: Kind, key: Key, parse: (object: KubeObject) => T | undefined): Promise<T | undefined>
  /** Anything else; undefined when the server does not know it. */
  ask(ask: Ask): Promise<unknown>
  /** What `read` reads, or `otherwise` when it is not allowed; then `what` is among `unread`. */
  ifAllowed<T>(what: string, otherwise: T, read: Promise<T>): Promise<T>
}

export function openDoor(kube: Reader, signal: AbortSignal): Door {
  const ignored: Ignored[] = []
  const unread: Unread[] = []
  const unserved = new Set<string>()
  const parsed = <T extends KubeObject>(kind: Definition<T>, object: KubeObject): readonly T[] => {
    const result = kind.parse(object)
    if (result.ok) return [result.value]
    ignored.push({ object: `${kind.kind} ${keyText(keyOf(object))}`, why: explain(result.error) })
    return []
  }
  /** Undefined when the cluster does not know the kind. */
  async function list(kind: Kind, where: Where): Promise<readonly KubeObject[] | undefined> {
    try {
      return (await kube.list(kind, where, signal)).items
    } catch (error) {
      if (isNotFound(error)) return undefined
      throw error
    }
  }
  return {
    ignored,
    unread,
    get unserved() {
      return [...unserved].toSorted()
    },
    one: async (kind, key) => {
      const object: KubeObject | undefined = await kube.get(kind, key, signal)
      return object === undefined ? undefined : parsed(kind, object)[0]
    },
    all: async (kind, where) => {
      const objects = await list(kind, where)
      if (objects === undefined) unserved.add(kind.kind)
      return (objects ?? []).flatMap((object) => parsed(kind, object))
    },
    any: async (kind, where, parse) => ((await list(kind, where)) ?? []).flatMap((object) => parse(object) ?? []),
    get: async (kind, key, parse) => {
      const object: KubeObject | undefined = await kube.get(kind, key, signal)
      return object === undefined ? undefined : parse(object)
    },
    ask: async (ask) => {
      try {
        return await kube.request(ask, signal)
      } catch (error) {
        if (error instanceof StatusError && [404, 405].includes(error.code)) return undefined
        throw error
      }
    },
    ifAllowed: async (what, otherwise, read) => {
      try {
        return await read
      } catch (error) {
        const refusal = [error, error instanceof Error ? error.cause : undefined].find(isForbidden)
        if (refusal === undefined) throw error
        unread.push({ what, why: refusal.message })
        return otherwise
      }
    },
  }
}
