// Tokens and certificates hold from one time to another: whose clock is wrong is locked out.
import { toleratedSkewMs } from '#crds/rules/tokens.ts'
import { conditionOf } from '#lib/kube/conditions.ts'
import type { Check, Finding } from './check.ts'
import { orPass } from './check.ts'

/** The apiserver tells whole seconds, and a request takes its time. What is more than tolerated locks out. */
const warnMs = 30_000

export const clocks: Check = {
  name: 'clocks',
  subject: 'broker',
  asks: 'Do the clocks of the apiserver and of the members agree with this machine’s?',
  run: ({ member, broker, platform: { clock }, takenAt }) => {
    if ((member === undefined && broker === undefined) || clock === undefined) return []
    const off = clock.getTime() - takenAt.getTime()
    const own: readonly Finding[] =
      Math.abs(off) < warnMs
        ? []
        : [
            {
              level: Math.abs(off) <= toleratedSkewMs ? 'warn' : 'fail',
              about: ['apiserver'],
              says: `the clock of the apiserver is ${seconds(off)} ${off > 0 ? 'ahead of' : 'behind'} this machine’s`,
              remedy: 'See which of the two is wrong (timedatectl) and let it follow NTP.',
            },
          ]
    // A clock that is behind looks like silence, which another check tells of.
    const ahead = (broker?.heartbeats ?? []).flatMap((beat): readonly Finding[] => {
      const by = beat.heardAt.getTime() - clock.getTime()
      return by < warnMs
        ? []
        : [
            {
              level: by <= toleratedSkewMs ? 'warn' : 'fail',
              about: [beat.namespace],
              says: `the clock of ${beat.namespace.replace('tombolo-m-', '')} is ${seconds(by)} ahead of the broker’s`,
              remedy: 'Let the nodes of that cluster follow NTP: a difference of five minutes locks it out.',
            },
          ]
    })
    const said = conditionOf(member?.membership.status?.conditions, 'ClockAgrees')
    const beside: readonly Finding[] =
      said?.status === 'False'
        ? [
            {
              level: 'fail',
              about: ['Membership'],
              says: said.message,
              remedy: 'Let the nodes of this cluster follow NTP: timedatectl.',
            },
          ]
        : []
    return orPass([...own, ...beside, ...ahead], 'the clocks agree')
  },
}

const seconds = (ms: number): string => `${Math.round(Math.abs(ms) / 1000)} s`
