// A plan for people: what a dry run shows. Valid YAML, so that it can be piped into kubectl.
import { printable } from '#lib/std/printable.ts'
import type { Plan, Step } from './plan.ts'
import { changes } from './plan.ts'
import { keyOf, keyText } from './object.ts'
import { yaml } from './yaml.ts'

/** One document a step under a comment that says what would be done; a step that would change nothing is only the comment. */
export function printPlan(plan: Plan, fieldManager: string): string {
  return plan.steps.map((step) => printStep(step, fieldManager)).join('---\n')
}

function printStep(step: Step, fieldManager: string): string {
  const about = printable(`${step.kind.kind} ${keyText(step.do === 'apply' ? keyOf(step.object) : step.key)}`)
  if (!changes(step, fieldManager)) return `# unchanged: ${about}\n`
  switch (step.do) {
    case 'apply':
      return `# ${step.have === undefined ? 'create' : 'change'}: ${about}\n${yaml(step.object)}`
    case 'status':
      return `# status: ${about}\n${yaml({ status: step.status }).replace(/^/gm, '# ')}\n`
    case 'delete':
      return `# delete: ${about}\n`
  }
}
