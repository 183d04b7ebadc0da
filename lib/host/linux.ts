// The real machine. With `inside`, another one: a network (and mount) namespace entered by nsenter, so that a test can hold many nodes.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdir, readFile, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { dirname } from 'node:path'
import { createInterface } from 'node:readline'
import type { Duplex } from 'node:stream'
import type { Daemon, Host } from './host.ts'
import { CommandFailed, SocketFailed } from './host.ts'

/** `enter`: words put before every command. `root`: where the other namespace's files are seen from here, e.g. `/proc/42/root`. */
export type Inside = { readonly enter: readonly string[]; readonly root: string }

type Places = {
  readonly inside?: Inside
  /** Where /proc/sys is found: in a container its own is read-only. */
  readonly procSys?: string
}

/** How long a reply on a UNIX socket may take. */
const askTimeoutMs = 10_000
/** Between SIGTERM and SIGKILL. */
const graceMs = 3_000
/** More output than any reading of a node's state makes; beyond it the program is stopped. */
const maxOutput = 64 * 1024 * 1024

export function linuxHost({ inside, procSys = '/proc/sys' }: Places = {}): Host {
  const enter = inside?.enter ?? []
  const root = inside?.root ?? ''
  const at = (path: string) => (path.startsWith('/proc/sys/') ? procSys + path.slice('/proc/sys'.length) : root + path)

  // /var/run is an absolute link on many systems, which would lead back to this machine's own.
  const socketAt = (socket: string) => (inside === undefined ? socket : root + socket.replace(/^\/var\/run\//, '/run/'))

  const host: Host = {
    run: (command, args, { stdin }, signal) => run([...enter, command, ...args], stdin, signal),
    start: (command, args, options) => start([...enter, command, ...args], options),

    // /proc/sys shows the namespace of the process that opens it, so a file of another namespace is opened by a program inside it.
    read: async (path, signal) => {
      if (inside !== undefined && path.startsWith('/proc/')) return host.run('cat', [path], {}, signal).catch(noSuchFile)
      return readFile(at(path), { encoding: 'utf8', signal }).catch(noSuchFile)
    },
    write: async (path, content, { mode, atomic }, signal) => {
      if (inside !== undefined && path.startsWith('/proc/')) {
        await host.run('tee', [path], { stdin: content }, signal)
        return
      }
      if (atomic !== true) return writeFile(at(path), content, { mode: mode ?? 0o644, signal })
      await mkdir(dirname(root + path), { recursive: true, mode: 0o700 })
      const beside = `${root}${path}.new`
      await writeFile(beside, content, { mode: mode ?? 0o644, flush: true, signal })
      // The mode above is for a file that is made; one left by an interrupted write keeps its own.
      await chmod(beside, mode ?? 0o644)
      await rename(beside, root + path)
    },
    remove: (path) => remove(root + path),
    ask: (socket, request, until, signal) => ask(socketAt(socket), request, until, signal),
    connect: (socket, signal) => converse(socketAt(socket), signal),
  }
  return host
}

function run([command = '', ...args]: readonly string[], stdin: string | undefined, signal: AbortSignal): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { signal, stdio: ['pipe', 'pipe', 'pipe'] })
    const line = [command, ...args].join(' ')
    let stdout = ''
    let stderr = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text
      if (stdout.length > maxOutput) child.kill('SIGKILL')
    })
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      if (stderr.length < 64 * 1024) stderr += text
    })
    child.on('error', (cause) => {
      reject(new CommandFailed(line, undefined, cause.message, { cause }))
    })
    child.on('close', (code) => {
      if (code === 0) resolve(stdout)
      else reject(new CommandFailed(line, code ?? undefined, stderr))
    })
    // A program that ends before it has read everything closes the pipe; its exit code says what is to be said.
    child.stdin.on('error', () => undefined)
    child.stdin.end(stdin ?? '')
  })
}

function start([command = '', ...args]: readonly string[], { env, onLine }: Parameters<Host['start']>[2]): Daemon {
  const child = spawn(command, args, {
    env: { ...pathOnly(), ...env },
    stdio: ['ignore', onLine === undefined ? 'ignore' : 'pipe', 'ignore'],
  })
  if (onLine !== undefined && child.stdout !== null) createInterface({ input: child.stdout }).on('line', onLine)
  const ended = new Promise<string>((resolve) => {
    child.on('error', (error) => {
      resolve(error.message)
    })
    child.on('exit', (code, signal) => {
      resolve(signal === null ? `exit code ${code ?? 'none'}` : `signal ${signal}`)
    })
  })
  return {
    ended,
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGTERM')
      const harder = setTimeout(() => child.kill('SIGKILL'), graceMs)
      await ended
      clearTimeout(harder)
    },
  }
}

/** A started program gets what finds its libraries and helpers, not our configuration or credentials. */
function pathOnly(): Record<string, string> {
  return { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' }
}

function ask(path: string, request: string, until: string, signal: AbortSignal): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ path })
    const fail = (why: string, cause?: unknown) => {
      socket.destroy()
      reject(new SocketFailed(`${path}: ${why}`, cause === undefined ? {} : { cause }))
    }
    const onAbort = () => {
      fail('aborted', signal.reason)
    }
    let reply = ''
    socket.setEncoding('utf8').setTimeout(askTimeoutMs)
    socket.on('connect', () => socket.write(request))
    socket.on('data', (text: string) => {
      reply += text
      if (!reply.endsWith(until)) return
      socket.destroy()
      resolve(reply)
    })
    socket.on('timeout', () => {
      fail(`no reply within ${askTimeoutMs} ms`)
    })
    socket.on('error', (cause) => {
      fail(cause.message, cause)
    })
    socket.on('close', () => {
      signal.removeEventListener('abort', onAbort)
      fail('closed before the reply was complete')
    })
    if (signal.aborted) onAbort()
    else signal.addEventListener('abort', onAbort, { once: true })
  })
}

async function converse(path: string, signal: AbortSignal): Promise<Duplex> {
  const socket = connect({ path })
  try {
    await once(socket, 'connect', { signal })
    return socket
  } catch (cause) {
    socket.destroy()
    throw new SocketFailed(`${path}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause })
  }
}

function noSuchFile(error: unknown): undefined {
  if (error instanceof CommandFailed && error.stderr.includes('No such file')) return undefined
  if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
  throw error
}

/**
 * A directory that something is mounted on stays; the kernel refuses it before anybody looks inside, as busy, or as lying in a file system
 * that cannot be written, so what is in it goes one by one.
 */
async function remove(path: string): Promise<void> {
  try {
    await rm(path, { recursive: true, force: true })
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && (error.code === 'EBUSY' || error.code === 'EROFS'))) throw error
    for (const name of await readdir(path)) await remove(`${path}/${name}`)
  }
}
