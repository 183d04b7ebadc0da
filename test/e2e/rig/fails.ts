// No test of ours: a suite that fails, which rig.test.ts runs to see what is kept of it.
import assert from 'node:assert/strict'
import { eventually } from '#test/kit/eventually.ts'
import { onRig } from '#test/kit/rig-suite.ts'

suite('a suite that fails', function () {
  this.timeout(60_000)
  const at = onRig({ clusters: [{ id: 'east', nodes: 1 }], images: 'base' })

  test('as it must', async () => {
    const east = at.rig.cluster('east')
    const container = { name: 'say', image: 'localhost/toolbox:1', command: ['sh', '-c', 'echo last words; sleep infinity'] }
    await east.apply(
      JSON.stringify({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'say' }, spec: { containers: [container] } }),
    )
    await east.kubectl(['wait', '--for=condition=Ready', 'pod/say', '--timeout=60s'])
    await eventually(async () => assert.match(await east.kubectl(['logs', 'say']), /last words/))
    process.stdout.write(`run ${at.rig.run}\n`)
    assert.fail('it fails')
  })
})
