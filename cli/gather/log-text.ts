// Logs of our programs, of which a bundle holds what a list allows: a line is an object, and of it named fields are taken. Whatever else
// a container prints, such as Node when it crashes, is text with anything in it: of that stays what Node itself says, which is where it
// was and what kind of error it is. What is left out is counted.
import { pick } from './pick.ts'

export const logFields: readonly string[] = [
  '{time,level,name,msg}',
  'err.{type,code,reason,message,stack}',
  'err.aggregateErrors.{type,code,reason,message,stack}',
  // A controller: which, about what, and why.
  '{controller,key,do,reason,detail,because,note,kind,index,import,problem,tries}',
  'where.{namespace,labels,fields}',
  // Who leads.
  '{lease,identity,leading,role,holder,term}',
  'lead.{at,term,from}',
  'lead.to.{node,term}',
  // A node, and what was done to it.
  '{node,of,device,cable,esp,address,addresses,port,zone,changes,program,how,step,seconds}',
  // Other clusters, and what is not taken of them.
  '{cluster,peer,id,use,epoch,next,former,imports,slices}',
  'refused.{about,says}',
  'claim.{role,term}',
  'link.{state,rttMs,reason,message}',
  'path.{path,relay,reason}',
  // Keys and certificates, by what is public of them.
  '{publicKey,serial,from,to}',
]

type Taken = { readonly text: string | undefined; readonly lines: number; readonly fields: number }

/** As the apiserver gives it, with a time before each line. */
export function allowedLog(text: string): string {
  const taken = text
    .split('\n')
    .filter((line) => line !== '')
    .map(takenOf)
  const count = (of: 'lines' | 'fields') => taken.reduce((sum, each) => sum + each[of], 0)
  const [lines, fields] = [count('lines'), count('fields')]
  const leftOut =
    lines + fields === 0 ? [] : [`(left out: ${fields} fields that are not on the list, ${lines} lines of other text)`]
  return [...taken.flatMap(({ text: kept }) => kept ?? []), ...leftOut].map((line) => `${line}\n`).join('')
}

function takenOf(line: string): Taken {
  const [, time = '', said = ''] = /^(\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:\d\d) )?(.*)$/.exec(line) ?? []
  const object = objectIn(said)
  const part = object === undefined ? undefined : pick(object, logFields)
  if (part !== undefined) return { text: time + JSON.stringify(part), lines: 0, fields: valuesIn(object) - valuesIn(part) }
  const words = wordsOfNode(said)
  return { text: words === undefined ? undefined : time + words, lines: words === said ? 0 : 1, fields: 0 }
}

function objectIn(text: string): object | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : undefined
  } catch {
    return undefined
  }
}

/** Plain values, however deep. */
function valuesIn(value: unknown): number {
  return typeof value === 'object' && value !== null ? Object.values(value).reduce<number>((sum, v) => sum + valuesIn(v), 0) : 1
}

const place = String.raw`(?:file:\/\/\/|node:|\/)[\w.\/@-]{1,200}:\d+(?::\d+)?`
const whole = [/^Node\.js v[\d.]+$/, new RegExp(`^${place}$`), new RegExp(String.raw`^ +at (?:[\w.<>$ ]{1,100} \()?${place}\)?$`)]

/** Of an uncaught error: its kind, its code and its place, without the message. Undefined when there is nothing of that. */
function wordsOfNode(line: string): string | undefined {
  if (whole.some((form) => form.test(line))) return line
  if (line.endsWith('JavaScript heap out of memory')) return 'JavaScript heap out of memory'
  const [, kind, code = ''] = /^(?:Uncaught )?((?:[A-Z][a-z]+){0,3}Error)( \[[A-Z_0-9]+\])?:/.exec(line) ?? []
  return kind === undefined ? undefined : `${kind}${code}: …`
}
