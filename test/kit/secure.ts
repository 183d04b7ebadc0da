// TLS in front of an apiserver of a test: a grant names the broker by https and its CA, and nothing less will do. What passes can be
// seen and kept back.
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import type { RequestOptions } from 'node:http'
import { request as requestPlain } from 'node:http'
import { createServer, request as requestSecure } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Connection } from '#lib/kube/connection.ts'

export type Secure = AsyncDisposable & { readonly server: string; readonly ca: string }

/** Looks at a request when it was asked, and again when the apiserver has answered it; what is kept is never passed on. */
export type Gate = (seen: { readonly method: string; readonly url: string }, at: 'asked' | 'answered') => 'pass' | 'keep'

/** Passes everything on that `gate` lets through, watches too. */
export async function secure({ server, ca }: Pick<Connection, 'server' | 'ca'>, gate: Gate = () => 'pass'): Promise<Secure> {
  const { key, cert } = selfSigned()
  const { protocol, hostname, port } = new URL(server)
  const ask = (options: RequestOptions) => (protocol === 'https:' ? requestSecure({ ...options, ca }) : requestPlain(options))
  const front = createServer({ key, cert }, (asked, answer) => {
    const { method = '', url = '', headers } = asked
    if (gate({ method, url }, 'asked') === 'keep') return
    const behind = ask({ hostname, port, method, path: url, headers })
    behind.on('response', (response) => {
      if (gate({ method, url }, 'answered') === 'keep') return
      answer.writeHead(response.statusCode ?? 502, response.headers)
      response.on('error', () => answer.destroy()).pipe(answer)
    })
    behind.on('error', () => answer.destroy())
    answer.on('close', () => behind.destroy())
    asked.pipe(behind)
  })
  front.listen(0, '127.0.0.1')
  await once(front, 'listening')
  return {
    server: `https://127.0.0.1:${(front.address() as AddressInfo).port}`,
    ca: cert,
    [Symbol.asyncDispose]: async () => {
      front.close()
      front.closeAllConnections()
      await once(front, 'close')
    },
  }
}

function selfSigned(): { readonly key: string; readonly cert: string } {
  const dir = mkdtempSync(join(tmpdir(), 'tombolo-tls-'))
  try {
    execFileSync(
      'openssl',
      [
        ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'],
        ...['-keyout', 'key', '-out', 'cert', '-subj', '/CN=test', '-addext', 'subjectAltName=IP:127.0.0.1'],
      ],
      { cwd: dir, stdio: 'ignore' },
    )
    return { key: readFileSync(join(dir, 'key'), 'utf8'), cert: readFileSync(join(dir, 'cert'), 'utf8') }
  } finally {
    rmSync(dir, { recursive: true })
  }
}
