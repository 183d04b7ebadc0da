// The contract of cable drivers, held by a real wireguard-go: each test has a namespace of its own.
import { wireguard } from '../../gateway/cable/wireguard/driver.ts'
import { cableDriverContract } from '../../gateway/cable/contract.ts'
import { eventually } from '../kit/eventually.ts'
import type { Machines } from '../kit/netns.ts'
import { machines, noMachines, processesIn } from '../kit/netns.ts'
import { wireguardBench } from '../kit/wireguard-bench.ts'

suite('cables over WireGuard, with a real wireguard-go', function () {
  this.timeout(60_000)
  let rig: Machines
  let count = 0

  suiteSetup(function () {
    if (noMachines() !== undefined) this.skip()
    rig = machines('cable')
  })
  suiteTeardown(() => rig[Symbol.asyncDispose]())

  cableDriverContract(
    wireguard,
    async () => {
      const machine = await rig.add(`m${count++}`)
      const kill = async () => {
        for (const { pid, command } of processesIn(machine)) if (command === 'wireguard-go') process.kill(pid, 'SIGKILL')
        await eventually(async () => {
          await machine.sh('! test -e /sys/class/net/tmb-wg')
        })
      }
      return wireguardBench({ host: machine.host, stateDir: machine.dir, kill }, () => Promise.resolve())
    },
    5,
  )
})
