// TLS in front of a test apiserver: a grant names the broker by https and its CA, and nothing less will do.
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { request } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ApiServer } from './apiserver.ts'

export type Secure = AsyncDisposable & { readonly server: string; readonly ca: string }

/** Passes everything on, watches too. */
export async function secure(to: ApiServer): Promise<Secure> {
  const { key, cert } = selfSigned()
  const { hostname, port } = new URL(to.connection.server)
  const front = createServer({ key, cert }, (asked, answer) => {
    const { method, url, headers } = asked
    const behind = request({ hostname, port, method, path: url, headers }, (response) => {
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
