// A running cluster as tests and the playground use it.
import { programPath } from '#hack/setup/programs.ts'
import { RunFailed } from '#hack/setup/run.ts'
import type { CIDR } from '#lib/net/cidr.ts'
import type { ControlPlane } from './control-plane.ts'
import { adminKubeconfig, controlPlaneOf } from './control-plane.ts'
import type { Output } from './exec.ts'
import { runFor } from './exec.ts'
import type { ClusterLayout } from './layout.ts'
import type { Node } from './node.ts'
import { nodeOf } from './node.ts'
import type { Process } from './piece.ts'

export interface Cluster {
  readonly id: string
  /** A file, whose only context is named like the cluster; it works from outside of the rig. */
  readonly kubeconfig: string
  readonly server: string
  readonly podCIDRs: readonly CIDR[]
  readonly serviceCIDRs: readonly CIDR[]
  readonly nodes: readonly Node[]
  readonly pieces: ControlPlane
  /** By number from 1, or by name. */
  node(which: number | string): Node
  /** What it printed; throws RunFailed for any exit code but 0. */
  kubectl(args: readonly string[], input?: string, signal?: AbortSignal): Promise<string>
  /** Applies YAML, server-side. */
  apply(yaml: string, signal?: AbortSignal): Promise<void>
  /** Runs a program in a pod, `namespace/name`; a bad exit code is an answer. */
  exec(pod: string, command: readonly string[], signal?: AbortSignal): Promise<Output>
  /** What runs in a pod of one container, `namespace/name`, as it is now: after a restart it is another process. */
  process(pod: string): Promise<Process>
}

export function clusterOf(layout: ClusterLayout): Cluster {
  const config = adminKubeconfig(layout)
  const nodes = layout.nodes.map((node) => nodeOf(node))
  const run = (args: readonly string[], input?: string, signal?: AbortSignal) =>
    runFor(programPath('kubectl'), ['--kubeconfig', config, ...args], signal, input)
  const kubectl = async (args: readonly string[], input?: string, signal?: AbortSignal) => {
    const { code, stdout, stderr } = await run(args, input, signal)
    if (code !== 0) throw new RunFailed(`kubectl --context ${layout.id} ${args.join(' ')}`, code, stdout, stderr)
    return stdout
  }
  const node = (which: number | string) => {
    const found = nodes.find((node, i) => which === i + 1 || which === node.name)
    if (found === undefined)
      throw new Error(`cluster ${layout.id} has no node ${which}: it has ${nodes.map((n) => n.name).join(', ')}`)
    return found
  }
  return {
    id: layout.id,
    kubeconfig: config,
    server: layout.server,
    podCIDRs: layout.podCIDRs,
    serviceCIDRs: layout.serviceCIDRs,
    nodes,
    pieces: controlPlaneOf(layout),
    node,
    kubectl,
    apply: async (yaml, signal) => {
      await kubectl(['apply', '--server-side', '-f', '-'], yaml, signal)
    },
    exec: (pod, command, signal) => {
      const [namespace = '', name = ''] = pod.split('/')
      return run(['-n', namespace, 'exec', name, '--', ...command], '', signal)
    },
    process: async (pod) => {
      const [namespace = '', name = ''] = pod.split('/')
      const path = 'jsonpath={.spec.nodeName} {.status.containerStatuses[0].containerID}'
      const [on = '', id = ''] = (await kubectl(['-n', namespace, 'get', 'pod', name, '-o', path])).split(' ')
      return node(on).container(id.replace('containerd://', ''))
    },
  }
}
