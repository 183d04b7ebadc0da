// How many objects of a kind a member may have: as many as there are names for them. A quota counts in one object, so the apiserver would
// admit whatever is new one after the other; a name that may be had or not asks nobody (docs/design/0031-numbered-names.md).
import type { Rule } from './rule.ts'

const number = '^(0|[1-9][0-9]{0,8})$'

/** What is there keeps the name that it was given before. */
export const numbered = (most: number): Rule => ({
  name: 'numbered',
  says: `a new object is called by a number below ${most}`,
  cel: `oldObject != null || (object.metadata.name.matches('${number}') && int(object.metadata.name) < ${most})`,
  holds: ({ object, oldObject }) =>
    oldObject !== undefined || (new RegExp(number).test(object?.metadata.name ?? '') && Number(object?.metadata.name) < most),
})
