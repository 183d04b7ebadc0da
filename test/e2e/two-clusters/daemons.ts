// What every daemon owes to those who run it: metrics for Prometheus, health for the kubelet, and logs that a machine can read.
import assert from 'node:assert/strict'
import { readExposition } from '#test/kit/exposition.ts'
import type { PodRow } from '#test/kit/pods.ts'
import { served, tomboloPods } from '#test/kit/pods.ts'
import type { RigSuite } from '#test/kit/rig-suite.ts'
import type { Cluster } from '#test/rig/cluster.ts'

const components = ['agent', 'broker-controller', 'dns', 'gateway', 'operator'] as const
const levels = ['debug', 'info', 'warn', 'error']

export const daemonsAreObservable = (at: RigSuite): void => {
  suite('the daemons', () => {
    const everyPod = async () =>
      (
        await Promise.all(at.rig.clusters.map(async (cluster) => (await tomboloPods(cluster)).map((pod) => ({ cluster, pod }))))
      ).flat()
    const each = async (look: (cluster: Cluster, pod: PodRow) => Promise<void>) => {
      const pods = await everyPod()
      assert.deepEqual([...new Set(pods.map(({ pod }) => pod.component))].toSorted(), components)
      await Promise.all(pods.map(({ cluster, pod }) => look(cluster, pod)))
    }

    test('all serve /healthz and /readyz, and metrics of their own that Prometheus can read', () =>
      each(async (cluster, pod) => {
        const [health, ready, metrics] = await Promise.all(
          (['/healthz', '/readyz', '/metrics'] as const).map((path) => served(cluster, pod, path)),
        )
        assert.deepEqual([health, ready], ['ok\n', 'ok\n'], pod.name)
        const ours = [...readExposition(metrics ?? '')].filter(([name]) => name.startsWith('tombolo_'))
        assert.ok(
          ours.some(([, { samples }]) => samples > 0),
          `${pod.name} counts nothing of its own`,
        )
        for (const [name, { help, type }] of ours) {
          assert.match(help, /\S/, name)
          assert.match(type, /^(counter|gauge|histogram)$/, name)
        }
      }))

    test('count what their controllers do', async () => {
      const counting = new Set<string>()
      await each(async (cluster, pod) => {
        const metrics = await served(cluster, pod, '/metrics')
        if (/^tombolo_reconcile_seconds_count\{[^}]*\} [1-9]/m.test(metrics)) counting.add(pod.component)
      })
      // Of two operators one stands by, and the DNS server has no controller.
      assert.deepEqual(
        [...counting].toSorted(),
        components.filter((component) => component !== 'dns'),
      )
    })

    test('T16: a gateway has two capabilities, and of its node’s files and devices only what it needs', async () => {
      const east = at.rig.cluster('east')
      const tries = {
        capabilities: `sed -n 's/^Cap\\(Eff\\|Bnd\\):[^0-9a-f]*//p' /proc/self/status`,
        'gain more': `sed -n 's/^NoNewPrivs:[^0-9]*//p' /proc/self/status`,
        'its own files': 'touch /opt/tombolo/x && echo done',
        'kernel settings': 'echo 1 > /proc/sys/kernel/sysrq && echo done; ls /node/proc/sys',
        'a disk': 'mknod /dev/shm/disk b 254 0 && echo done',
        mounting: 'mount -t tmpfs none /mnt && echo done',
      }
      const said = async (script: string) => {
        const sh = ['exec', 'daemonset/tombolo-gateway', '--', 'sh', '-c', `(${script}) 2>/dev/null; true`]
        return (await east.kubectl(['-n', 'tombolo-system', ...sh])).trim()
      }
      const found = await Promise.all(Object.entries(tries).map(async ([name, script]) => [name, await said(script)] as const))
      // NET_ADMIN and NET_BIND_SERVICE.
      const both = ((1 << 12) | (1 << 10)).toString(16).padStart(16, '0')
      assert.deepEqual(Object.fromEntries(found), {
        capabilities: `${both}\n${both}`,
        'gain more': '1',
        'its own files': '',
        'kernel settings': 'net',
        'a disk': '',
        mounting: '',
      })
    })

    test('all log one JSON object a line, with time, level, name and message, and nothing else', () =>
      each(async (cluster, { namespace, name }) => {
        const lines = (await cluster.kubectl(['-n', namespace, 'logs', name])).split('\n').filter((line) => line !== '')
        assert.ok(lines.length > 0, `${name} has said nothing`)
        for (const line of lines) {
          const said = JSON.parse(line) as Readonly<Record<string, unknown>>
          assert.ok(levels.includes(String(said['level'])), line)
          assert.equal(new Date(String(said['time'])).toISOString(), said['time'], line)
          for (const field of ['name', 'msg']) assert.match(String(said[field]), /\S/, line)
        }
      }))
  })
}
