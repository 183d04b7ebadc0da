// The apiserver's end of an exec: a WebSocket whose messages carry the number of a stream in their first byte.
import { createHash } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import type { ExecAnswer } from './apiserver.ts'

export function answerExec(
  request: IncomingMessage,
  socket: Duplex,
  { stdout = '', stderr = '', exitCode = 0 }: ExecAnswer,
): void {
  const accept = createHash('sha1')
    .update(`${String(request.headers['sec-websocket-key'])}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
    .digest('base64')
  socket.on('error', () => undefined)
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-protocol: v4.channel.k8s.io\r\nsec-websocket-accept: ${accept}\r\n\r\n`,
  )
  // The real one opens every stream with an empty message.
  for (const stream of [1, 2, 3]) socket.write(frame(stream, ''))
  for (const part of stdout.match(/[^]{1,40000}/g) ?? []) socket.write(frame(1, part))
  for (const part of stderr.match(/[^]{1,40000}/g) ?? []) socket.write(frame(2, part))
  socket.write(frame(3, JSON.stringify(statusOf(exitCode))))
  socket.end(Buffer.from([0x88, 0]))
}

const statusOf = (exitCode: number) =>
  exitCode === 0
    ? { status: 'Success' }
    : {
        status: 'Failure',
        reason: 'NonZeroExitCode',
        message: `command terminated with exit code ${exitCode}`,
        details: { causes: [{ reason: 'ExitCode', message: String(exitCode) }] },
      }

function frame(stream: number, text: string): Buffer {
  const payload = Buffer.concat([Buffer.from([stream]), Buffer.from(text)])
  if (payload.length < 126) return Buffer.concat([Buffer.from([0x82, payload.length]), payload])
  const head = Buffer.from([0x82, 126, 0, 0])
  head.writeUInt16BE(payload.length, 2)
  return Buffer.concat([head, payload])
}

/** An answer other than a WebSocket. */
export const refuseExec = (socket: Duplex, code: number, status: object): void => {
  const body = JSON.stringify(status)
  socket.end(
    `HTTP/1.1 ${code} Refused\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  )
}
