// A DNS server of its own process, with one name and nobody to hear from: for tests of what a restart costs. Its argument is the port, 0
// for any; it writes the port when it listens, and ends as dns/main.ts does: on SIGTERM, after some time of answering on.
import { once } from 'node:events'
import { responder } from '#dns/respond.ts'
import { listen } from '#dns/server.ts'
import { logger } from '#lib/std/log.ts'
import { pause } from '#lib/std/pause.ts'
import { virtual, zoneOf } from './names.ts'

{
  await using server = await listen({
    addresses: ['127.0.0.1'],
    port: Number(process.argv[2]),
    shared: true,
    respond: responder(zoneOf([[virtual('web', ['10.42.0.7'])]])),
    onReply: () => undefined,
    log: logger('dns', 'silent'),
  })
  process.stdout.write(`${server.port}\n`)
  // A signal alone does not keep a process up, but its sockets do.
  await once(process, 'SIGTERM')
  await pause(100, new AbortController().signal)
}
