// Colour, for people: what is well in green, what is not in red. Never where nobody looks: not in files, pipes or machine formats.
import { styleText } from 'node:util'

/** How a cell or a line is meant. */
export type Tone = 'good' | 'warn' | 'bad'

const colours = { good: 'green', warn: 'yellow', bad: 'red' } as const

export const paint = (text: string, tone: Tone | undefined): string =>
  tone === undefined ? text : styleText(colours[tone], text, { validateStream: false })

/** On a terminal, unless NO_COLOR (https://no-color.org) or --no-color says otherwise. */
export const wantsColour = (
  stream: { readonly isTTY?: boolean },
  env: Readonly<Record<string, string | undefined>>,
  args: readonly string[],
): boolean => stream.isTTY === true && (env.NO_COLOR ?? '') === '' && env.TERM !== 'dumb' && !args.includes('--no-color')
