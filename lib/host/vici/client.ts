// Talks VICI with charon. charon answers in order and works on one command of a connection at a time, so a connection is held by one
// exchange at a time, and one that was given up is closed: its answer would be taken for the next one's. The next opens another.
import type { Duplex } from 'node:stream'
import { within } from '#lib/std/deadline.ts'
import { explain } from '#lib/std/result.ts'
import type { Host } from '../host.ts'
import type { Message, Section } from './message.ts'
import { textOf } from './message.ts'
import type { Reply, Request } from './packet.ts'
import { decodeReply, encodeRequest, PacketReader } from './packet.ts'

/** charon did not do what it was told, and said why. */
export class ViciRefused extends Error {
  override readonly name = 'ViciRefused'
}

/** There is no charon at the other end, or it does not speak VICI. */
export class ViciClosed extends Error {
  override readonly name = 'ViciClosed'
}

export interface Vici extends Disposable {
  /** Throws ViciRefused, ViciClosed, or DeadlineError when no answer came within 10 s. */
  command(name: string, message: Message, signal: AbortSignal): Promise<Section>
  /** A command that answers in events, such as `list-sas` in those called `list-sa`. */
  list(name: string, event: string, message: Message, onItem: (item: Section) => void, signal: AbortSignal): Promise<void>
}

/** Most take less than 1 ms. Nothing here waits for another gateway: such commands are given `timeout: -1`. */
const answerMs = 10_000

export function vici(host: Pick<Host, 'connect'>, socket: string): Vici {
  let connection: Connection | undefined
  let last: Promise<unknown> = Promise.resolve()
  let ended = false

  /** After those before it, on the connection that is there or on a new one. */
  function exchange<T>(work: (connection: Connection) => Promise<T>, signal: AbortSignal): Promise<T> {
    const turn = last.then(() =>
      within(answerMs, signal, async (limit) => {
        if (ended) throw new ViciClosed('closed by us')
        if (connection?.closed !== false) connection = new Connection(await host.connect(socket, limit).catch(noCharon))
        const mine = connection
        const giveUp = () => {
          mine.close(new ViciClosed('the exchange was given up'))
        }
        limit.addEventListener('abort', giveUp, { once: true })
        try {
          return await work(mine)
        } finally {
          limit.removeEventListener('abort', giveUp)
        }
      }),
    )
    last = turn.catch(() => undefined)
    return turn
  }

  return {
    command: (name, message, signal) => exchange((c) => c.command(name, message), signal),
    list: (name, event, message, onItem, signal) =>
      exchange(async (c) => {
        await c.register(event, (_, item) => {
          onItem(item)
        })
        try {
          await c.command(name, message)
        } finally {
          if (!c.closed) await c.unregister(event)
        }
      }, signal),
    [Symbol.dispose]: () => {
      ended = true
      connection?.close(new ViciClosed('closed by us'))
    },
  }
}

/**
 * Tells of these events until the connection ends, because charon did or because `signal` aborted: of what another charon does, who asks
 * again is told. Throws ViciRefused for an event that charon does not have.
 */
export async function followEvents(
  host: Pick<Host, 'connect'>,
  socket: string,
  events: readonly string[],
  onEvent: (name: string, message: Section) => void,
  signal: AbortSignal,
): Promise<void> {
  let connection: Connection | undefined
  const stop = () => connection?.close(new ViciClosed('closed by us'))
  signal.addEventListener('abort', stop, { once: true })
  try {
    connection = new Connection(await host.connect(socket, signal).catch(noCharon))
    for (const event of events) await connection.register(event, onEvent)
    await connection.ended
  } catch (error) {
    if (!(error instanceof ViciClosed)) throw error
  } finally {
    signal.removeEventListener('abort', stop)
    stop()
  }
}

function noCharon(cause: unknown): never {
  throw new ViciClosed('charon cannot be reached', { cause })
}

/** One connection, from being made to being closed; never reopened. */
class Connection {
  /** Settles when the connection is closed, however; never rejects. */
  readonly ended: Promise<void>
  readonly #stream: Duplex
  readonly #reader = new PacketReader()
  readonly #handlers = new Map<string, (event: string, message: Section) => void>()
  #answer: PromiseWithResolvers<Reply> | undefined
  #why: ViciClosed | undefined

  constructor(stream: Duplex) {
    this.#stream = stream
    this.ended = new Promise((resolve) => {
      stream.once('close', () => {
        this.close(new ViciClosed('charon closed the connection'))
        resolve()
      })
    })
    stream.on('data', (chunk: Buffer) => {
      this.#take(chunk)
    })
    stream.on('error', (cause) => {
      this.close(new ViciClosed(cause.message, { cause }))
    })
  }

  get closed(): boolean {
    return this.#why !== undefined
  }

  async command(name: string, message: Message): Promise<Section> {
    const reply = await this.#ask({ type: 'command', name, message })
    if (reply.type === 'unknown') throw new ViciRefused(`charon knows no command ${name}`)
    if (reply.type !== 'response') throw this.#outOfStep(name)
    if (textOf(reply.message, 'success') === 'no')
      throw new ViciRefused(`${name}: ${textOf(reply.message, 'errmsg') ?? 'charon refused and did not say why'}`)
    return reply.message
  }

  async register(event: string, onEvent: (event: string, message: Section) => void): Promise<void> {
    this.#handlers.set(event, onEvent)
    const reply = await this.#ask({ type: 'register', event })
    if (reply.type === 'unknown') throw new ViciRefused(`charon knows no event ${event}`)
    if (reply.type !== 'confirmed') throw this.#outOfStep(event)
  }

  async unregister(event: string): Promise<void> {
    await this.#ask({ type: 'unregister', event })
    this.#handlers.delete(event)
  }

  close(why: ViciClosed): void {
    this.#why ??= why
    this.#stream.destroy()
    this.#answer?.reject(this.#why)
    this.#answer = undefined
  }

  async #ask(request: Request): Promise<Reply> {
    const bytes = encodeRequest(request)
    if (this.#why !== undefined) throw this.#why
    this.#answer = Promise.withResolvers<Reply>()
    this.#stream.write(bytes)
    return this.#answer.promise
  }

  #take(chunk: Buffer): void {
    const packets = this.#reader.push(chunk)
    if (!packets.ok) {
      this.close(new ViciClosed(explain(packets.error)))
      return
    }
    for (const packet of packets.value) {
      const reply = decodeReply(packet)
      if (!reply.ok) {
        this.close(new ViciClosed(explain(reply.error)))
        return
      }
      if (reply.value.type === 'event') this.#handlers.get(reply.value.event)?.(reply.value.event, reply.value.message)
      else {
        this.#answer?.resolve(reply.value)
        this.#answer = undefined
      }
    }
  }

  #outOfStep(about: string): ViciClosed {
    const why = new ViciClosed(`${about}: charon answered something else`)
    this.close(why)
    return why
  }
}
