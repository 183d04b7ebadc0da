// The demo's web server: answers on port 8080 and says which pod answered and whom it saw.
import { createServer } from 'node:http'
import { hostname } from 'node:os'

const server = createServer((request, response) => {
  const client = request.socket.remoteAddress?.replace(/^::ffff:/, '')
  response.setHeader('content-type', 'application/json')
  response.end(`${JSON.stringify({ pod: hostname(), client, path: request.url })}\n`)
})
server.listen(8080)
// As process 1 of a container nothing ends it unless it listens.
for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, () => process.exit(0))
