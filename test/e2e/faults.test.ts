// `tombolo why` and `tombolo diagnose` on two real clusters: both are content while all is well; then one fault after the other is planted
// on the way from a pod in west to a service in east. Each is named rightly while it is there, by `why` and, where a check of the whole
// cluster can see it, by that check; when it is gone the pod is said to reach the service again.
import assert from 'node:assert/strict'
import { exportWeb, firstAnswer, fleetOf } from '#test/kit/fleet.ts'
import { askingOf } from './faults/asking.ts'
import { gatewaysChange } from './faults/gateways-change.ts'
import { askerOn, exportOf } from './faults/objects.ts'
import { muchAtOnce, operatorAway } from './faults/operator-away.ts'
import { podsTalk } from './faults/pods-talk.ts'
import { serviceFaults } from './faults/services.ts'
import { wayFaults } from './faults/way.ts'
import { isMember, onPair } from './fleets.ts'

suite('tombolo why, tombolo diagnose', function () {
  this.timeout(120_000)
  const at = onPair()
  const asking = askingOf(at)
  const { ask, answered, diagnosed, isWell } = asking
  const east = () => at.rig.cluster('east')
  const west = () => at.rig.cluster('west')
  suiteSetup(async () => {
    // Alone it finds west as no member yet.
    if (!(await isMember(west()))) await fleetOf(at.rig, at.signal).join(west())
    await exportWeb(east(), at.signal)
    // On the node that is no gateway, so that its packets take the whole way.
    await west().apply(askerOn(west().node(2).name), at.signal)
    await west().kubectl(['-n', 'shop', 'wait', '--for=condition=Ready', 'pod/asker', '--timeout=60s'])
    await firstAnswer(west(), 40_000, at.signal)
  })

  for (const cluster of ['east', 'west'])
    test(`diagnose all finds nothing wrong in ${cluster}, which is well`, () => isWell(at.rig.cluster(cluster)))

  podsTalk(at)

  test('names every station, and says that the pod is answered', async () => {
    await answered()
    const { out, code } = await fleetOf(at.rig, at.signal).tombolo(
      'why',
      'shop/asker',
      'web.shop:80',
      '--context',
      'west',
      '--to-context',
      'east',
    )
    process.stdout.write(`${out}\n`)
    assert.equal(code, 0, out)
    assert.equal(out.split('\n').filter((line) => line.startsWith('✓')).length, 19, out)
  })

  test('a pod of the other cluster is answered too, and its address; one that is not there is named', async () => {
    const of = 'jsonpath={.items[0].metadata.name} {.items[0].status.podIP}'
    const [name = '', podIP = ''] = (await east().kubectl(['-n', 'shop', 'get', 'pods', '-l', 'app=web', '-o', of])).split(' ')
    for (const to of [`east/shop/${name}:8080`, `${podIP}:8080`]) await ask('shop/asker', to, 'yes', /./)
    await ask('shop/asker', 'east/shop/nobody:8080', 'far pod', /nobody/)
  })

  for (const fault of [...serviceFaults(at), ...wayFaults(at)])
    test(`${fault.name}: it is named`, async () => {
      const { plant, from = 'shop/asker', to = 'web.shop', at: wanted, says, types, diagnosis, thenAsk } = fault
      const heal = await plant()
      try {
        await ask(from, to, wanted, says, types)
        for (const each of diagnosis === undefined ? [] : [diagnosis].flat()) await diagnosed(each)
      } finally {
        await heal()
      }
      if (thenAsk === true) await answered()
    })

  test('two clusters export a service with other ports: diagnose says which', async () => {
    const both = [east(), west()]
    for (const cluster of both) {
      const port = cluster.id === 'east' ? 80 : 81
      await cluster.kubectl(['-n', 'shop', 'create', 'service', 'clusterip', 'clash', `--tcp=${port}:8080`])
      await cluster.apply(exportOf('shop', 'clash'))
    }
    try {
      await diagnosed({
        in: 'west',
        finds: [
          {
            check: 'export-conflicts',
            says: /^shop\/clash: .*Make the Services equal/,
            remedy: /^Compare kubectl -n shop get service clash -o yaml in the clusters that are named/,
          },
        ],
      })
    } finally {
      for (const cluster of both) await cluster.kubectl(['-n', 'shop', 'delete', 'service/clash', 'serviceexport/clash'])
    }
  })

  operatorAway(at, asking)

  suite('in the end', () => {
    test('all is mended, and the pod is answered', () => answered(60_000))
  })

  gatewaysChange(at)

  muchAtOnce(at, asking)

  suite('when all faults are gone', () => {
    for (const cluster of ['east', 'west'])
      test(`diagnose all finds nothing wrong in ${cluster} again`, () => isWell(at.rig.cluster(cluster)))
  })
})
