// A member's sign of life.
import { heartbeatName } from '../places.ts'
import type { Rule } from './rule.ts'

export const oneLease: Rule = {
  name: 'one-lease',
  says: `a member has one Lease, ${heartbeatName}`,
  cel: `object.metadata.name == '${heartbeatName}'`,
  holds: ({ object }) => object?.metadata.name === heartbeatName,
}
