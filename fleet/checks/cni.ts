// Which CNI the cluster has, and whether it leaves packets between clusters to the routes and the packet filter of the node.
import { cniOf } from '../cni.ts'
import type { Check, Finding } from './check.ts'
import { pass } from './check.ts'

export const cni: Check = {
  name: 'cni',
  subject: 'cni',
  asks: 'Which CNI is it, and has it what it needs?',
  run: ({ member, platform }) => {
    if (member === undefined) return []
    const found = cniOf(platform)
    if (found === undefined)
      return [
        pass('no CNI that is known to need something: it must leave packets to the routes and the packet filter of the node'),
      ]
    const needs = found.needs?.(platform)
    return needs === undefined
      ? [pass(`${found.name} needs nothing`, found.name)]
      : [{ level: 'warn', about: [found.name], ...needs } satisfies Finding]
  },
}
