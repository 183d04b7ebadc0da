// Deployments and DaemonSets of ours: as many pods available as are wanted, and none of them missing.
import { brokerNamespace, gatewayNodeLabel, systemNamespace } from '#crds/places.ts'
import type { Running, WorkloadFact } from '../facts/workloads.ts'
import type { Check, Finding } from './check.ts'
import { orPass } from './check.ts'

const inMember = ['operator', 'gateway', 'agent', 'dns']
const inBroker = ['broker-controller']

export const workloadsAvailable: Check = {
  name: 'workloads-available',
  subject: 'deployment',
  asks: 'Do as many pods of every component run as are wanted?',
  run: ({ member, broker }) => [
    ...(member === undefined ? [] : judge(member, inMember, systemNamespace, 'tombolo join')),
    ...(broker === undefined ? [] : judge(broker, inBroker, brokerNamespace, 'tombolo deploy-broker')),
  ],
}

function judge({ workloads }: Running, components: readonly string[], namespace: string, installer: string): readonly Finding[] {
  const missing = components.filter((c) => !workloads.some((w) => w.component === c))
  return orPass(
    [
      ...missing.map((component) => absent(component, namespace, installer)),
      ...workloads.filter((w) => components.includes(w.component)).flatMap(unavailable),
    ],
    workloads.map((w) => `${w.component} ${w.available}/${w.wanted}`).join(', '),
  )
}

/** Gateway, agent and dns are made by the operator. */
function absent(component: string, namespace: string, installer: string): Finding {
  const byOperator = ['gateway', 'agent', 'dns'].includes(component)
  return {
    level: 'fail',
    about: [component],
    says: `${component} is not installed in ${namespace}`,
    remedy: byOperator
      ? `The operator installs it: kubectl -n ${namespace} logs deployment/tombolo-operator says what stops it.`
      : `Install it again: ${installer}.`,
  }
}

function unavailable(w: WorkloadFact): readonly Finding[] {
  const about = [`${w.kind} ${w.namespace}/${w.name}`]
  if (w.wanted === 0 && w.component === 'gateway')
    return [
      {
        level: 'fail',
        about,
        says: `no node carries the label ${gatewayNodeLabel}=true, so there is no gateway`,
        remedy: `Choose a node that other clusters can reach: kubectl label node NODE ${gatewayNodeLabel}=true.`,
      },
    ]
  if (w.wanted === 0 && w.kind === 'Deployment')
    return [
      {
        level: 'fail',
        about,
        says: `${w.component} was scaled to 0`,
        remedy: `kubectl -n ${w.namespace} scale deployment/${w.name} --replicas=${w.component === 'broker-controller' ? 1 : 2}`,
      },
    ]
  if (!w.seen || w.available < w.wanted)
    return [
      {
        level: w.available === 0 ? 'fail' : 'warn',
        about,
        says: `${w.component}: ${w.available} of ${w.wanted} available`,
        remedy: `kubectl -n ${w.namespace} describe pods -l app.kubernetes.io/component=${w.component} says why.`,
      },
    ]
  return []
}
