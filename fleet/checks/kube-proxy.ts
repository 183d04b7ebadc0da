// What makes Services work on the nodes, and what of it disturbs traffic between clusters.
import type { Snapshot } from '../snapshot.ts'
import type { Check, Finding } from './check.ts'
import { pass } from './check.ts'

const tested = ['iptables', 'nftables']

export const kubeProxy: Check = {
  name: 'kube-proxy',
  subject: 'kube-proxy',
  asks: 'Does kube-proxy run in a mode that is tested, and leave source addresses alone?',
  run: (seen) => {
    if (seen.member === undefined) return []
    const { kubeProxy: config, cilium } = seen.platform
    const modes = modesOf(seen)
    if (modes.length === 0)
      return cilium?.['kube-proxy-replacement'] === 'true'
        ? [pass('Cilium replaces kube-proxy', 'Cilium')]
        : [
            {
              level: 'warn',
              about: ['kube-proxy'],
              says: 'the mode of kube-proxy is not known: there is no ConfigMap kube-system/kube-proxy, and no node was asked',
              remedy: 'On a node: curl http://localhost:10249/proxyMode. iptables and nftables are tested.',
            },
          ]
    const findings: readonly Finding[] = [
      ...modes.filter((mode) => !tested.includes(mode)).map(untested),
      ...(config?.masqueradeAll === true
        ? [
            {
              level: 'warn' as const,
              about: ['kube-proxy'],
              says: 'kube-proxy masquerades everything that goes to a Service: other clusters see nodes instead of pods',
              remedy: 'Set masqueradeAll: false in ConfigMap kube-system/kube-proxy, then restart the kube-proxies.',
            },
          ]
        : []),
    ]
    return findings.length > 0 ? findings : [pass(`kube-proxy runs in mode ${modes.join(', ')}`)]
  },
}

/** As the nodes say, else as configured. */
function modesOf({ platform, probed }: Snapshot): readonly string[] {
  const said = [...new Set(probed.networks.flatMap((n) => n.proxyMode ?? []))].toSorted()
  return said.length > 0 ? said : platform.kubeProxy === undefined ? [] : [platform.kubeProxy.mode]
}

const untested = (mode: string): Finding => ({
  level: 'warn',
  about: ['kube-proxy'],
  says: `kube-proxy runs in mode ${mode}, in which Tombolo is not tested`,
  remedy: 'Set mode: nftables (or iptables) in ConfigMap kube-system/kube-proxy, then restart the kube-proxies.',
})
