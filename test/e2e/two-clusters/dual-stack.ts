// A service of both families, reached across clusters over each of them.
import assert from 'node:assert/strict'
import type { Answer } from '#test/kit/fleet.ts'
import { eventually } from '#test/kit/eventually.ts'
import type { RigSuite } from '#test/kit/rig-suite.ts'
import type { Cluster } from '#test/rig/cluster.ts'

const name = 'both.shop.svc.clusterset.local'

/** On clusters of both families, with the shop in east. */
export const dualStackService = (at: RigSuite): void => {
  const east = () => at.rig.cluster('east')

  suite('an exported service of both families', () => {
    suiteSetup(() => east().apply(service))
    suiteTeardown(() => east().kubectl(['-n', 'shop', 'delete', 'service/both', 'serviceexport/both']))

    for (const [family, type, option, index] of [
      ['IPv4', 'A', '-4', 0],
      ['IPv6', 'AAAA', '-6', 1],
    ] as const)
      test(`has its ${type} record, and answers pods of both clusters over ${family}, which are seen under their own addresses`, async () => {
        for (const id of ['west', 'east']) {
          const from = at.rig.cluster(id)
          const ips = (await clusterSetIPs(from)).filter((ip) => ip.includes(':') === (family === 'IPv6'))
          assert.equal(ips.length, 1, `the import in ${id} has ${ips.join(', ') || 'no address'} of ${family}`)
          assert.equal((await from.exec('shop/client', ['dig', '+short', type, name])).stdout.trim(), ips[0])
          const own = (await from.kubectl(['-n', 'shop', 'get', 'pod', 'client', '-o', 'jsonpath={.status.podIPs[*].ip}'])).split(
            ' ',
          )
          await eventually(async () => {
            const { stdout, stderr } = await from.exec('shop/client', [
              'curl',
              option,
              '-sS',
              '--max-time',
              '2',
              `http://${name}/`,
            ])
            assert.match(stdout, /"client"/, stderr)
            assert.equal((JSON.parse(stdout) as Answer).client, own[index])
          }, 15_000)
        }
      })
  })
}

async function clusterSetIPs(cluster: Cluster): Promise<readonly string[]> {
  let ips: readonly string[] = []
  await eventually(async () => {
    ips = (await cluster.kubectl(['-n', 'shop', 'get', 'serviceimport', 'both', '-o', 'jsonpath={.spec.ips[*]}'])).split(' ')
  }, 15_000)
  return ips
}

const service = [
  {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'both', namespace: 'shop' },
    spec: {
      ipFamilyPolicy: 'RequireDualStack',
      selector: { app: 'web' },
      ports: [{ name: 'http', port: 80, targetPort: 8080 }],
    },
  },
  { apiVersion: 'multicluster.x-k8s.io/v1beta1', kind: 'ServiceExport', metadata: { name: 'both', namespace: 'shop' } },
]
  .map((object) => JSON.stringify(object))
  .join('\n---\n')
