// Every pod of ours runs; if not, what the kubelet or the scheduler has to say.
import type { PodFact } from '../facts/workloads.ts'
import type { Check, Finding } from './check.ts'
import { counted, orPass } from './check.ts'

export const podsRunning: Check = {
  name: 'pods-running',
  subject: 'deployment',
  asks: 'Is every pod of Tombolo running and ready?',
  run: ({ member, broker }) => {
    const pods = [...(member?.pods ?? []), ...(broker?.pods ?? [])]
    if (pods.length === 0) return []
    return orPass(pods.filter((p) => !p.ready && !p.going).map(finding), `${counted(pods.length, 'pod')} running and ready`)
  },
}

const finding = (pod: PodFact): Finding => ({
  level: pod.phase === 'Running' ? 'warn' : 'fail',
  about: [`Pod ${pod.namespace}/${pod.name}`],
  says: `${pod.name}${pod.node === undefined ? '' : ` on ${pod.node}`} is not ready: ${pod.trouble ?? pod.phase}`,
  remedy:
    pod.phase === 'Running'
      ? `kubectl -n ${pod.namespace} logs ${pod.name} --previous, and without --previous, say why.`
      : `kubectl -n ${pod.namespace} describe pod ${pod.name} says why.`,
})
