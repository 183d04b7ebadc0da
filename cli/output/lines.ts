// Lines of text for people, some of them meant as good, some as bad.
import { printable } from '#lib/std/printable.ts'
import type { Tone } from './paint.ts'
import { paint } from './paint.ts'

export type Line = { readonly text: string; readonly tone?: Tone }

/** Only the first word is painted: the sign, which says it also without colour. What others wrote cannot speak to the terminal. */
export const renderLines = (lines: readonly Line[], colour: boolean): string =>
  lines
    .map(({ text, tone }) => {
      const [, sign = '', rest = ''] = /^(\S*)(.*)$/.exec(printable(text)) ?? []
      return `${paint(sign, colour ? tone : undefined)}${rest}`
    })
    .join('\n')
