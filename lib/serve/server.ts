// The small HTTP server in every daemon: /metrics for Prometheus, /healthz and /readyz for the kubelet.
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:http'
import { once } from 'node:events'
import type { Registry } from 'prom-client'
import { measureProcess } from './process-metrics.ts'
import { countReconciles } from './reconciles.ts'

export interface ServeOptions {
  /** 0 takes any free port. */
  readonly port: number
  /** Absent: every address of the machine. */
  readonly host?: string
  /** Why we are not ready yet, a line each, fit for a person; empty when ready. */
  readonly ready: () => readonly string[]
  readonly registry: Registry
}

/** Listens until `signal` aborts. Resolves with the port once it listens; rejects when it cannot. */
export async function serve(options: ServeOptions, signal: AbortSignal): Promise<{ readonly port: number }> {
  const server = createServer((request, response) => void answer(options, request, response))
  measureProcess(options.registry)
  countReconciles(options.registry, signal)
  server.listen({ port: options.port, signal, ...(options.host === undefined ? {} : { host: options.host }) })
  await once(server, 'listening')
  signal.addEventListener('abort', () => server.closeAllConnections(), { once: true })
  return { port: (server.address() as { port: number }).port }
}

async function answer(options: ServeOptions, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const send = (code: number, body: string, type = 'text/plain; charset=utf-8') =>
    response.writeHead(code, { 'content-type': type }).end(body)
  try {
    switch (new URL(request.url ?? '/', 'http://any').pathname) {
      case '/metrics':
        return void send(200, await options.registry.metrics(), options.registry.contentType)
      case '/healthz':
        return void send(200, 'ok\n')
      case '/readyz': {
        const reasons = options.ready()
        return void send(reasons.length === 0 ? 200 : 503, `${reasons.join('\n') || 'ok'}\n`)
      }
      default:
        return void send(404, 'there are /metrics, /healthz and /readyz\n')
    }
  } catch (error) {
    send(500, `${String(error)}\n`)
  }
}
