// A real cluster that forgets its past: what a client meets that was away for too long.
import assert from 'node:assert/strict'
import type { Cluster } from '#test/rig/cluster.ts'
import { eventually } from './eventually.ts'

/** Compacts etcd to its newest revision, and starts the apiserver anew, whose watch cache remembers more than etcd. */
export async function forgetHistory(cluster: Cluster): Promise<void> {
  const { code, stderr } = await cluster.node(1).exec([process.execPath, '--input-type=module', '-e', compact])
  assert.equal(code, 0, stderr)
  const { apiserver } = cluster.pieces
  await apiserver.kill9()
  apiserver.start()
  const ready = () => cluster.kubectl(['get', '--raw', '/readyz'], '', AbortSignal.timeout(2000))
  await eventually(async () => assert.equal(await ready(), 'ok'), 60_000)
}

/** By etcd's JSON gateway, on the node where it listens. */
const compact = `
const ask = async (path, body) => {
  const answer = await fetch('http://127.0.0.1:2379/v3/kv/' + path, { method: 'POST', body: JSON.stringify(body) })
  if (!answer.ok) throw new Error(path + ': ' + await answer.text())
  return answer.json()
}
const key = Buffer.from('/forgotten').toString('base64')
// The revision that it is compacted to stays readable: one more, which nobody has seen, is that.
const { header } = await ask('put', { key, value: key })
await ask('compaction', { revision: header.revision, physical: true })
`
