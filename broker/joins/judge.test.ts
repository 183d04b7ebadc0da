import assert from 'node:assert/strict'
import { fingerprint, publicIdentity } from '#lib/identity/identity.ts'
import type { Member } from '#crds/member.ts'
import type { CIDR } from '#lib/net/cidr.ts'
import { factsOf } from '#broker/grants/state.ts'
import { grantFor, joiner, memberOf, requestBy } from '#test/kit/joining.ts'
import type { Known } from './judge.ts'
import { judge } from './judge.ts'

const east = joiner('east')
const thief = { ...joiner('east'), code: east.code }
const guesser = joiner('east')
const print = fingerprint(publicIdentity(east.identity))

/** With a grant that is open, and nobody of that id. */
const known = (more: Partial<Known> = {}): Known => ({
  member: undefined,
  grant: granted(),
  approval: 'Automatic',
  pools: [],
  now: new Date('2026-01-01T00:01:00Z'),
  ...more,
})
const granted = (
  ...args: Parameters<typeof grantFor> extends [unknown, ...infer Rest] ? Rest : never
): NonNullable<Known['grant']> => {
  const grant = grantFor(east, ...args)
  return { spec: grant.spec, facts: factsOf(grant, true) }
}

/** Proved by east on the first of January, and waiting since. */
const claimed = (spec: Parameters<typeof grantFor>[1] = {}): NonNullable<Known['grant']> =>
  granted(spec, { claim: { by: print, until: '2026-01-08T00:00:00Z' } })

function askedLast(requestedAt: string): Member {
  const member = memberOf(east)
  return { ...member, spec: { ...member.spec, requestedAt } }
}

const addresses = (...cidrs: string[]) => cidrs as CIDR[]

suite('who may join', () => {
  const cases: readonly (readonly [string, ReturnType<typeof requestBy>, Known, string, RegExp?])[] = [
    ['who proves the grant joins', requestBy(east), known(), 'mayJoin'],
    [
      'nobody joins without a grant',
      requestBy(east),
      known({ grant: undefined }),
      'refused',
      /no grant for "east".*grant create east/,
    ],
    ['who does not prove its code is counted', requestBy(guesser), known(), 'failedAttempt', /4 more tries/],
    ['who proves none is counted', requestBy(east, {}, {}, false), known(), 'failedAttempt', /does not prove/],
    [
      'the fifth locks it',
      requestBy(guesser),
      known({ grant: granted({}, { failedAttempts: ['1', '2', '3', '4'] }) }),
      'failedAttempt',
      /it is locked now/,
    ],
    [
      'after that even the right code is too late, and who has it is told that others do not',
      requestBy(east),
      known({ grant: granted({}, { failedAttempts: ['1', '2', '3', '4', '5'] }) }),
      'refused',
      /is locked: 5 requests did not prove its code, as this one does\. .*grant create east/,
    ],
    [
      'who guesses on is told no more than before',
      requestBy(guesser),
      known({ grant: granted({}, { failedAttempts: ['1', '2', '3', '4', '5'] }) }),
      'refused',
      /is locked: too many requests did not prove its code\. Make another.*grant create east/,
    ],
    [
      'a grant is good once',
      requestBy(thief),
      known({ grant: granted({}, { usedBy: print }) }),
      'refused',
      new RegExp(`was used already, by ${print}`),
    ],
    [
      'and until it expires, by the broker’s clock',
      requestBy(east, {}, { creationTimestamp: '2026-01-01T00:15:01Z' }),
      known(),
      'refused',
      /expired at 2026-01-01T00:15:00Z/,
    ],
    [
      'also when both fall into the same second, whose parts the apiserver does not tell',
      requestBy(east, {}, { creationTimestamp: '2026-01-01T00:14:59Z' }),
      known({ grant: granted({ expiresAt: '2026-01-01T00:14:59.500Z' }) }),
      'refused',
      /expired at 2026-01-01T00:14:59.500Z/,
    ],
    [
      'an expiry that is no time has passed',
      requestBy(east),
      known({ grant: granted({ expiresAt: 'soon' }) }),
      'refused',
      /expired/,
    ],
    [
      'a grant is good for one id: another joining place is not its own',
      requestBy(east, {}, { namespace: 'tombolo-j-west' }),
      known(),
      'refused',
      /tombolo-j-west\/east but speaks of cluster id "east"/,
    ],
    [
      'whoever changed a request on the way is found out',
      {
        ...requestBy(east),
        spec: { ...requestBy(east).spec, podCIDRs: requestBy(east, { pods: ['10.9.0.0/16'] }).spec.podCIDRs },
      },
      known(),
      'refused',
      /not signed by the identity it names/,
    ],
    [
      'a member keeps its id, whatever grant another proves',
      requestBy(thief),
      known({ member: memberOf(east) }),
      'refused',
      new RegExp(`is taken.*${print}.*tombolo revoke east`),
    ],
    ['a member needs no grant', requestBy(east, {}, {}, false), known({ member: memberOf(east), grant: undefined }), 'mayJoin'],
    [
      'its identity alone gets it no other addresses',
      requestBy(east, { pods: ['10.9.0.0/16'] }, {}, false),
      known({ member: memberOf(east), grant: undefined }),
      'refused',
      /asks for 10\.9\.0\.0\/16, which it was not admitted with.*grant create east/,
    ],
    [
      'fewer of its own it may ask for',
      requestBy(east, { pods: ['10.1.0.0/17'] }, {}, false),
      known({ member: memberOf(east), grant: undefined }),
      'mayJoin',
    ],
    [
      'within the addresses of the fleet it may move',
      requestBy(east, { pods: ['10.9.0.0/16'] }, {}, false),
      known({ member: memberOf(east), grant: undefined, pools: ['10.0.0.0/12' as CIDR] }),
      'mayJoin',
    ],
    ['and anywhere by another grant', requestBy(east, { pods: ['10.9.0.0/16'] }), known({ member: memberOf(east) }), 'mayJoin'],
    [
      'which is approved like the first',
      requestBy(east, { pods: ['10.9.0.0/16'] }),
      known({ member: memberOf(east), approval: 'Manual' }),
      'awaitsApproval',
    ],
    [
      'in quarantine it changes nothing, grant or not',
      requestBy(east, { pods: ['10.1.0.0/17'] }),
      known({ member: memberOf(east, { state: 'Quarantined' }) }),
      'refused',
      /in quarantine and cannot change its addresses/,
    ],
    [
      'in quarantine it keeps its credentials',
      requestBy(east, {}, {}, false),
      known({ member: memberOf(east, { state: 'Quarantined' }), grant: undefined }),
      'mayJoin',
    ],
    [
      'an earlier request of its own is a copy that somebody kept',
      requestBy(east, { requestedAt: '2026-01-01T00:00:00Z' }, {}, false),
      known({ member: askedLast('2026-01-01T00:00:01Z') }),
      'refused',
      /a copy that somebody kept/,
    ],
    [
      'so is an earlier wish to leave',
      requestBy(east, { intent: 'Leave', requestedAt: '2026-01-01T00:00:00Z' }, {}, false),
      known({ member: askedLast('2026-01-01T00:00:01Z') }),
      'refused',
      /a copy that somebody kept/,
    ],
    [
      'a time that is none is malformed',
      requestBy(east, { requestedAt: 'now' }, {}, false),
      known({ member: memberOf(east) }),
      'refused',
      /requestedAt/,
    ],
    [
      'a copy of a member’s whole cluster is none',
      requestBy(east, { uid: 'copy' }, {}, false),
      known({ member: memberOf(east), grant: undefined }),
      'refused',
      /comes from another cluster.*uid copy/,
    ],
    ['a member may leave', requestBy(east, { intent: 'Leave' }, {}, false), known({ member: memberOf(east) }), 'mayLeave'],
    [
      'nobody else says that it leaves, by whatever grant',
      requestBy(thief, { intent: 'Leave' }),
      known({ member: memberOf(east) }),
      'refused',
      /no member under this identity/,
    ],
    [
      'where approval is manual it waits, and says what to compare',
      requestBy(east),
      known({ approval: 'Manual' }),
      'awaitsApproval',
      new RegExp(`${print}.*tombolo approve east`),
    ],
    [
      'the grant may say otherwise',
      requestBy(east),
      known({ approval: 'Manual', grant: granted({ approval: 'Automatic' }) }),
      'mayJoin',
    ],
    [
      'and with the addresses that were shown',
      requestBy(east),
      known({
        approval: 'Manual',
        grant: granted({ approved: print, approvedAddresses: addresses('10.1.0.0/16', '10.101.0.0/16') }),
      }),
      'mayJoin',
    ],
    [
      'who asks for other addresses than were shown waits again',
      requestBy(east),
      known({
        approval: 'Manual',
        grant: granted({ approved: print, approvedAddresses: addresses('10.9.0.0/16', '10.101.0.0/16') }),
      }),
      'awaitsApproval',
      /10\.1\.0\.0\/16 was not asked for when "east" was approved.*tombolo approve east/,
    ],
    ['who was approved joins', requestBy(east), known({ approval: 'Manual', grant: granted({ approved: print }) }), 'mayJoin'],
    [
      'who was not, does not',
      requestBy(thief),
      known({ approval: 'Manual', grant: granted({ approved: print }) }),
      'refused',
      new RegExp(`Another identity was approved for "east", ${print}`),
    ],
    [
      'who waits for approval still waits when the grant’s own time is over',
      requestBy(east),
      known({ approval: 'Manual', grant: claimed(), now: new Date('2026-01-07T23:59:59Z') }),
      'awaitsApproval',
    ],
    [
      'also with a request that it had to repeat since',
      requestBy(east, {}, { creationTimestamp: '2026-01-05T00:00:00Z' }),
      known({ approval: 'Manual', grant: claimed(), now: new Date('2026-01-05T00:00:01Z') }),
      'awaitsApproval',
    ],
    [
      'and is let in when it is approved days later',
      requestBy(east),
      known({ approval: 'Manual', grant: claimed({ approved: print }), now: new Date('2026-01-07T00:00:00Z') }),
      'mayJoin',
    ],
    [
      'but not for ever',
      requestBy(east),
      known({ approval: 'Manual', grant: claimed(), now: new Date('2026-01-08T00:00:00Z') }),
      'refused',
      /Nobody approved "east" until 2026-01-08T00:00:00Z.*grant create east/,
    ],
    [
      'whoever comes after it with the same grant is another',
      requestBy(thief),
      known({ approval: 'Manual', grant: claimed() }),
      'refused',
      new RegExp(`was proved by another identity, ${print}`),
    ],
    [
      'and guesses at it lock nothing any more',
      requestBy(east, {}, {}, false),
      known({ approval: 'Manual', grant: claimed() }),
      'refused',
      /does not prove the code/,
    ],
    [
      'a malformed request is refused by its field',
      requestBy(east, { pods: ['10.1.0.5/16'] }),
      known(),
      'refused',
      /podCIDRs\.0/,
    ],
  ]
  for (const [name, request, facts, kind, message] of cases)
    test(name, () => {
      const verdict = judge(request, facts)
      assert.equal(verdict.kind, kind, 'message' in verdict ? verdict.message : '')
      if (message !== undefined) assert.match('message' in verdict ? verdict.message : '', message)
    })
})
