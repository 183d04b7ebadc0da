// What a restart under load costs: two processes share the port, and one is replaced while queries come in.
import assert from 'node:assert/strict'
import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import * as packet from 'dns-packet'

const program = join(import.meta.dirname, '../test/kit/dns-main.ts')

async function start(port: number): Promise<{ child: ChildProcess; port: number }> {
  const child = spawn(process.execPath, [program, String(port)], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [line] = (await once(child.stdout, 'data', { signal: AbortSignal.timeout(30_000) })) as [Buffer]
  return { child, port: Number(line.toString()) }
}

const query = packet.encode({
  type: 'query',
  id: 0,
  questions: [{ name: 'web.shop.svc.clusterset.local', type: 'A', class: 'IN' }],
})

/** Asks from many ports, as the kernel deals out by them, `perRound` every 5 ms; says what was asked and what came back. */
async function load(port: number, over: AbortSignal): Promise<{ asked: number; answered: number }> {
  const sockets = Array.from({ length: 32 }, () => createSocket('udp4'))
  const perRound = 16
  let [asked, answered] = [0, 0]
  for (const socket of sockets) socket.on('message', () => answered++)
  while (!over.aborted) {
    for (let i = 0; i < perRound; i++) sockets[asked++ % sockets.length]?.send(query, port, '127.0.0.1')
    await sleep(5)
  }
  // What is still under way.
  for (let waited = 0; answered < asked && waited < 2000; waited += 20) await sleep(20)
  for (const socket of sockets) socket.close()
  return { asked, answered }
}

suite('a restart under load', function () {
  this.timeout(120_000)

  test('loses less than one query in a thousand when its successor shares the port', async () => {
    const first = await start(0)
    const { port } = first
    const old = await start(port)
    const running = [first.child, old.child]
    try {
      const stop = new AbortController()
      const loading = load(port, stop.signal)
      await sleep(1000)
      const successor = await start(port)
      running.push(successor.child)
      const gone = once(old.child, 'exit')
      old.child.kill('SIGTERM')
      assert.deepEqual(await gone, [0, null])
      await sleep(1500)
      stop.abort()
      const { asked, answered } = await loading
      assert.ok(asked > 3000, `only ${asked} were asked`)
      assert.ok(asked - answered < asked / 1000, `${asked - answered} of ${asked} were lost`)
    } finally {
      for (const child of running) child.kill('SIGKILL')
    }
  })
})
