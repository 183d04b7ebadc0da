// `npm run bench -- [NAME…] [--json]`: the figures of the product on real clusters, throughput and propagation beside their floor.
// Nothing is asserted: this machine's noise is not the product's fault, and a ratio to a floor of the same run says more than a limit.
import { admission } from './bench/admission.ts'
import { burst } from './bench/burst.ts'
import type { Bench } from './bench/bench.ts'
import { cli } from './bench/cli.ts'
import { benchCommand } from './bench/command.ts'
import { dns } from './bench/dns.ts'
import { idle } from './bench/idle.ts'
import { propagation } from './bench/propagation.ts'
import { membership } from './bench/membership.ts'
import { mesh } from './bench/mesh.ts'
import { failover, failoverOverIPsec } from './bench/failover.ts'
import { scale } from './bench/scale.ts'
import { start } from './bench/start.ts'
import { throughput } from './bench/throughput.ts'
import { cachePath } from './setup/cache.ts'
import { sayOnStderr } from './setup/progress.ts'

/** In the order in which they disturb each other least. A new one is a file in bench/ and a word here. */
const benches: readonly Bench[] = [
  admission,
  scale,
  dns,
  start,
  idle,
  cli,
  throughput,
  propagation,
  burst,
  membership,
  mesh,
  failover,
  failoverOverIPsec,
]

const stop = new AbortController()
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(name, () => stop.abort())

const print = (text: string): void => {
  process.stdout.write(text)
}
const around = { benches, samples: cachePath('bench'), print, say: sayOnStderr }
process.exitCode = await benchCommand(process.argv.slice(2), around, stop.signal)
