// What can be wrong in the cluster of the broker, beside what `why` names: all of it at once, as none of it hides another.
import { heartbeatName, joinNamespace, memberNamespace, systemNamespace } from '#crds/places.ts'
import { microTime } from '#lib/kube/time.ts'
import { eventually } from '#test/kit/eventually.ts'
import { joiner, requestBy } from '#test/kit/joining.ts'
import { agentOn } from '#test/kit/pods.ts'
import type { RigSuite } from '#test/kit/rig-suite.ts'
import type { Planted } from './asking.ts'
import { takeAway, undo } from './fault.ts'
import { configMap, forbidsExec, restingDaemonSet } from './objects.ts'

/** The operator of west must be away, as it would say what time it is. */
export const brokerFaults = (at: RigSuite): Planted => {
  const east = () => at.rig.cluster('east')
  return [
    {
      check: 'readable',
      level: 'warn',
      says: /^node east-\d could not be probed: .*nobody runs programs here/,
      remedy: /create pods\/exec in tombolo-system/,
      plant: async () => {
        await east().apply(forbidsExec(systemNamespace, 'nobody runs programs here'))
        return undo(east(), 'delete', 'validatingadmissionpolicy/no-exec', 'validatingadmissionpolicybinding/no-exec')
      },
    },
    {
      check: 'admission-policies',
      says: /^ValidatingAdmissionPolicyBinding .* is missing: what members write is not held to their addresses$/,
      remedy: /^tombolo deploy-broker puts it back/,
      plant: () => takeAway(east(), 'validatingadmissionpolicybinding', 'tombolo-member-gateways'),
    },
    {
      check: 'cni',
      level: 'warn',
      says: /^Cilium sends packets past the routes and the packet filter of the node$/,
      remedy: /^Set bpf\.masquerade=false and bpf\.hostLegacyRouting=true in its Helm values/,
      plant: async () => {
        await east().apply(restingDaemonSet('cilium'))
        await east().apply(configMap('cilium-config', { 'enable-bpf-masquerade': 'true' }))
        return undo(east(), '-n', 'kube-system', 'delete', 'daemonset/cilium', 'configmap/cilium-config')
      },
    },
    {
      check: 'kube-proxy',
      level: 'warn',
      says: /^kube-proxy masquerades everything that goes to a Service/,
      remedy: /^Set masqueradeAll: false in ConfigMap kube-system\/kube-proxy/,
      plant: async () => {
        await east().apply(configMap('kube-proxy', { 'config.conf': 'mode: nftables\nnftables: { masqueradeAll: true }\n' }))
        return undo(east(), '-n', 'kube-system', 'delete', 'configmap', 'kube-proxy')
      },
    },
    {
      check: 'join-requests',
      level: 'warn',
      says: /^north was refused: .*grant/,
      remedy: /run tombolo join there again/,
      plant: async () => {
        const namespace = joinNamespace('north')
        const { apiVersion, kind, spec } = requestBy(joiner('north'))
        await east().kubectl(['create', 'namespace', namespace])
        await east().apply(JSON.stringify({ apiVersion, kind, metadata: { name: 'north', namespace }, spec }))
        return undo(east(), 'delete', 'namespace', namespace, '--wait=false')
      },
    },
    {
      check: 'clocks',
      says: /^the clock of west is \d+ s ahead of the broker’s$/,
      remedy: /^Let the nodes of that cluster follow NTP/,
      plant: async () => {
        const beat = (after: number) => {
          const renewTime = microTime(new Date(Date.now() + after))
          return east().kubectl([
            ...['-n', memberNamespace('west'), 'patch', 'lease', heartbeatName, '--type=merge'],
            ...['-p', JSON.stringify({ spec: { renewTime } })],
          ])
        }
        await beat(600_000)
        return () => beat(0)
      },
    },
    {
      check: 'restarts',
      level: 'warn',
      says: /^tombolo-agent-\w+ was restarted \d+ times/,
      remedy: /logs tombolo-agent-\w+ --previous shows how it ended last/,
      plant: async () => {
        const node = east().node(2)
        const { name } = await agentOn(east(), node.name)
        const pod = (...args: readonly string[]) => east().kubectl(['-n', systemNamespace, ...args])
        const image = (await pod('get', 'pod', name, '-o', 'jsonpath={.spec.containers[0].image}')).trim()
        // Under another name of its image it is started anew at once; one that ends by itself waits longer each time.
        for (let times = 1; times <= 5; times++) {
          await node.tagImage(image, `${image}-${times}`)
          await pod('set', 'image', `pod/${name}`, `*=${image}-${times}`)
          await eventually(async () => {
            if ((await agentOn(east(), node.name)).restarts < times) throw new Error(`${name} was not restarted`)
          })
        }
        return () => pod('delete', 'pod', name)
      },
    },
  ]
}
