// Loaded before a program (node --import), makes its clock jump: it is off by as many ms as the file says that JUMP_FILE names. The time of
// day alone: what measures how long something takes is not moved by a jump either.
import { readFileSync } from 'node:fs'

const file = process.env.JUMP_FILE ?? ''
const Real = Date

const offset = (): number => {
  try {
    return Number(readFileSync(file, 'utf8'))
  } catch {
    return 0
  }
}

globalThis.Date = new Proxy(Real, {
  construct: (target, args: unknown[]) =>
    (args.length === 0 ? new Real(Real.now() + offset()) : Reflect.construct(target, args)) as Date,
  get: (target, name) => (name === 'now' ? () => Real.now() + offset() : (Reflect.get(target, name) as unknown)),
})
