// All components run the image that they should, and the same one.
import { versionsOf } from '../rows/versions.ts'
import type { Check } from './check.ts'
import { orPass } from './check.ts'

export const oneVersion: Check = {
  name: 'one-version',
  subject: 'versions',
  asks: 'Do all components run the image they are configured with, and one and the same?',
  run: (seen) => {
    const rows = versionsOf(seen)
    if (rows.length === 0) return []
    const late = rows
      .filter((row) => row.running.some((image) => image !== row.configured))
      .map((row) => ({
        level: 'warn' as const,
        about: [row.component],
        says: `${row.component} runs ${row.running.join(' and ')} and is to run ${row.configured ?? 'nothing'}`,
        remedy: 'It passes when the roll-out is done; tombolo diagnose deployment says what stops it.',
      }))
    const here = rows.filter((row) => row.component !== 'broker-controller')
    const images = [...new Set(here.flatMap((row) => row.configured ?? []))]
    const skew =
      images.length < 2
        ? []
        : [
            {
              level: 'warn' as const,
              about: here.map((row) => row.component),
              says: `components are configured with different images: ${here.map((row) => `${row.component} ${row.configured ?? '-'}`).join(', ')}`,
              remedy: 'tombolo upgrade brings all of them to one version.',
            },
          ]
    return orPass([...late, ...skew], `all components run ${[...new Set(rows.flatMap((r) => r.running))].join(', ')}`)
  },
}
