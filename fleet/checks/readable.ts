// What could not be read or probed cannot be judged: silence is no good news.
import type { Check } from './check.ts'
import { orPass } from './check.ts'

export const readable: Check = {
  name: 'readable',
  subject: 'deployment',
  asks: 'Could everything be read and probed that the other checks look at?',
  run: ({ unread, probed }) =>
    orPass(
      [
        ...unread.map(({ what, why }) => ({
          level: 'warn' as const,
          about: [what],
          says: `${what} could not be read, so what depends on it is not checked: ${why}`,
          remedy: 'Ask for that right, or choose a context with the credentials of a cluster administrator.',
        })),
        ...probed.failed.map(({ what, why }) => ({
          level: 'warn' as const,
          about: [what],
          says: `${what} could not be probed: ${why}`,
          remedy: 'Probes run programs in pods of Tombolo (create pods/exec in tombolo-system); --no-probe leaves them out.',
        })),
      ],
      'everything could be read',
    ),
}
