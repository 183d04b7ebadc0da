// A process was started where it cannot work, and a person has to mend that: its message is one sentence with what to do, as a stack trace
// would say less.
export class Misplaced extends Error {
  override readonly name = 'Misplaced'
}
