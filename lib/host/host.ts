// The only door to the machine. Everything that runs a program, touches a file or opens a socket of the node goes through a Host,
// so that the code that decides can be tested against a machine made of text (fake.ts) and the real one has one place (linux.ts).
import type { Duplex } from 'node:stream'

export interface Host {
  /**
   * Runs a program to its end and returns what it wrote on standard output. Throws CommandFailed if it exits with another code than 0.
   * Arguments are visible to every process of the node: no secret may stand in them.
   */
  run(command: string, args: readonly string[], options: { readonly stdin?: string }, signal: AbortSignal): Promise<string>

  /** Starts a program that stays. It belongs to the caller, who must stop it. `onLine` gets what it writes on standard output. */
  start(
    command: string,
    args: readonly string[],
    options: { readonly env?: Readonly<Record<string, string>>; readonly onLine?: (line: string) => void },
  ): Daemon

  /** The content of a file; undefined if there is no such file. */
  read(path: string, signal: AbortSignal): Promise<string | undefined>

  /**
   * Replaces the content of a file, making its directory if need be. With `atomic`, readers see the old or the new content and never a
   * part; the default writes in place, which is what files under /proc want.
   */
  write(
    path: string,
    content: string,
    options: { readonly mode?: number; readonly atomic?: boolean },
    signal: AbortSignal,
  ): Promise<void>

  /** Removes a file or a directory with what is in it. Nothing there is fine; a mount point stays, empty. */
  remove(path: string, signal: AbortSignal): Promise<void>

  /** Sends a request to a UNIX socket and returns the reply up to and including `until`. Throws SocketFailed if none comes. */
  ask(socket: string, request: string, until: string, signal: AbortSignal): Promise<string>

  /** Opens a UNIX socket for a conversation, which the caller ends by destroying it. Throws SocketFailed if nobody listens. */
  connect(socket: string, signal: AbortSignal): Promise<Duplex>
}

/** A started program. */
export interface Daemon extends AsyncDisposable {
  /** Settles when the program has ended, however it ended; never rejects. Says how, e.g. `exit code 1` or `signal SIGKILL`. */
  readonly ended: Promise<string>
}

export class CommandFailed extends Error {
  override readonly name = 'CommandFailed'
  readonly command: string
  /** undefined: killed by a signal, or it could not be started at all. */
  readonly code: number | undefined
  readonly stderr: string

  constructor(command: string, code: number | undefined, stderr: string, options?: ErrorOptions) {
    super(`${command}: ${stderr.trim() === '' ? `exit code ${code ?? 'none'}` : stderr.trim()}`, options)
    this.command = command
    this.code = code
    this.stderr = stderr
  }
}

export class SocketFailed extends Error {
  override readonly name = 'SocketFailed'
}
