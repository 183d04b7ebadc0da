// The programs of the image, started by hand where they cannot work.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'

const onNode = { NODE_NAME: 'n1', NODE_IP: '192.0.2.1', CLUSTER_ID: 'east' }
const programs: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'dns/main.ts': {},
  'operator/main.ts': { POD_NAME: 'operator-1' },
  'broker/main.ts': { POD_NAME: 'broker-1' },
  'gateway/main.ts': onNode,
  'gateway/agent-main.ts': onNode,
}

suite('outside a cluster', () => {
  for (const [program, env] of Object.entries(programs))
    test(`${program} says so in one sentence, with what to do`, async () => {
      const run = spawn(process.execPath, [program], { env, stdio: ['ignore', 'ignore', 'pipe'] })
      const [said] = await Promise.all([text(run.stderr), once(run, 'exit')])
      assert.equal(run.exitCode, 2)
      assert.match(
        said,
        /^[a-z]+: not in a cluster, as KUBERNETES_SERVICE_HOST .*: it is started as a pod, as tombolo join .*do\n$/,
      )
    })
})
