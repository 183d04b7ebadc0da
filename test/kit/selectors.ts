// Label and field selectors in kubectl's syntax, as far as a test server needs them.
import type { KubeObject } from '#lib/kube/object.ts'

export function selects(object: KubeObject, labels: string, fields: string): boolean {
  return (
    terms(labels).every((term) => matchesLabel(object.metadata.labels ?? {}, term)) &&
    terms(fields).every((term) => matchesField(object, term))
  )
}

/** At commas, but not those inside `in (a, b)`. */
const terms = (selector: string): string[] =>
  selector
    .split(/,(?![^(]*\))/)
    .map((term) => term.trim())
    .filter((term) => term !== '')

function matchesLabel(labels: Readonly<Record<string, string>>, term: string): boolean {
  const set = /^(\S+) (in|notin) \(([^)]*)\)$/.exec(term)
  if (set !== null) {
    const [, key = '', how, list = ''] = set
    const value = labels[key]
    const among =
      value !== undefined &&
      list
        .split(',')
        .map((entry) => entry.trim())
        .includes(value)
    return how === 'in' ? among : !among
  }
  const pair = /^([^!=]+)(==|=|!=)(.*)$/.exec(term)
  if (pair !== null) {
    const [, key = '', how, value] = pair
    return how === '!=' ? labels[key] !== value : labels[key] === value
  }
  return term.startsWith('!') ? labels[term.slice(1)] === undefined : labels[term] !== undefined
}

function matchesField(object: KubeObject, term: string): boolean {
  const [, path = '', how, value] = /^([^!=]+)(==|=|!=)(.*)$/.exec(term) ?? []
  const found = path.split('.').reduce<unknown>((at, field) => (at as Record<string, unknown> | undefined)?.[field], object)
  return how === '!=' ? found !== value : found === value
}
