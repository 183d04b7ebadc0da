// Objects as YAML, for kubectl to read and for a terminal to show: nothing in them speaks to it.
import { stringify } from 'yaml'
import { printableYAML } from '#lib/std/printable.ts'

export function yaml(value: unknown): string {
  const text = stringify(value, options)
  if (printableYAML(text) === text) return text
  return printableYAML(stringify(value, { ...options, defaultStringType: 'QUOTE_DOUBLE', defaultKeyType: 'QUOTE_DOUBLE' }))
}

// Version 1.1 quotes `yes`, `on` and `1:30`, which kubectl's parser would take for something else. Aliases are valid and unreadable.
const options = { version: '1.1', aliasDuplicateObjects: false } as const
