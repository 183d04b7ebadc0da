// Logging: one JSON object a line on stdout. A logger is an argument, never a module's own; a line is a static message plus fields,
// written when a state changes, not when it is looked at.
import { pino } from 'pino'

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent'

type Write = (fields: object, message: string) => void

/** `err` among the fields is printed with its stack and causes. */
export interface Logger {
  readonly debug: Write
  readonly info: Write
  readonly warn: Write
  readonly error: Write
  /** The same logger with `fields` on every line. */
  child(fields: object): Logger
}

/** `name` is the program or part that speaks: it stands in every line. */
export function logger(name: string, level: LogLevel = 'info'): Logger {
  return pino({
    level,
    base: { name },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
  })
}
