// Running a program in a pod of a chosen cluster, as probes want it: what it printed, or an error that says what went wrong.
import type { Exec } from '#fleet/probes/probe.ts'
import { exec } from '#lib/kube/exec.ts'
import type { Cluster } from './cluster.ts'

const limits = { ms: 20_000, mostBytes: 4 << 20 }

export const execIn =
  ({ connection }: Pick<Cluster, 'connection'>): Exec =>
  async (where, command, signal) => {
    const { stdout, stderr, exitCode } = await exec(connection, { ...where, command }, limits, signal)
    if (exitCode !== 0) throw new Error(stderr.trim().split('\n')[0] ?? `exit code ${exitCode}`)
    return stdout
  }
