// Which rows are well: nothing of them that a person would have to look at.
import type { ClusterRow } from './clusters.ts'
import type { ConnectionRow } from './connections.ts'
import type { ServiceRow } from './services.ts'

export const isWell = (row: ClusterRow | ConnectionRow | ServiceRow): boolean =>
  row.state === 'Ready' || row.state === 'Connected'
