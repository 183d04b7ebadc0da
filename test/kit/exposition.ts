// What Prometheus reads at /metrics, read as strictly: text exposition format 0.0.4.

/** A metric and all its series. */
export type Family = { readonly help: string; readonly type: string; readonly samples: number }

const sample = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(\{(?:[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\]|\\.)*",?)*\})? (\S+)( \d+)?$/
const suffix = /_(bucket|sum|count)$/

/** By name. Throws for a line that is none of the format, and for a sample without a HELP and a TYPE before it. */
export function readExposition(text: string): ReadonlyMap<string, Family> {
  const families = new Map<string, { help: string; type: string; samples: number }>()
  const familyOf = (name: string) => families.get(name) ?? families.get(name.replace(suffix, ''))
  for (const line of text.split('\n').filter((line) => line.trim() !== '')) {
    const [, word, name = '', rest = ''] = /^# (HELP|TYPE) (\S+) (.+)$/.exec(line) ?? []
    if (word === 'HELP') families.set(name, { help: rest, type: '', samples: 0 })
    else if (word === 'TYPE') {
      const family = families.get(name)
      if (family === undefined) throw new Error(`a type without a help: ${line}`)
      family.type = rest
    } else {
      const [, of = '', , value = ''] = sample.exec(line) ?? []
      const family = familyOf(of)
      if (family === undefined || family.type === '') throw new Error(`no sample of a described metric: ${line}`)
      if (Number.isNaN(Number(value.replace('Inf', 'Infinity'))) && value !== 'NaN') throw new Error(`no number: ${line}`)
      family.samples++
    }
  }
  return families
}
