// Two controllers of joins on one apiserver, each of which takes itself for the leader, and the clusters that ask. A test says what happens
// next: which controller gets how far, which of its writes is not answered, comes late or never, what clusters do, and how time passes.
import assert from 'node:assert/strict'
import type { Allocation } from '#crds/allocation.ts'
import type { Fleet } from '#crds/fleet.ts'
import { fleet as fleetKind } from '#crds/fleet.ts'
import { joinGrant } from '#crds/join-grant.ts'
import { joinRequest } from '#crds/join-request.ts'
import type { Member } from '#crds/member.ts'
import { member as memberKind } from '#crds/member.ts'
import { brokerNamespace, fleetName, joinNamespace } from '#crds/places.ts'
import { toleratedSkewMs } from '#crds/rules/tokens.ts'
import { fingerprint, newIdentity } from '#lib/identity/identity.ts'
import { endpointSlices } from '#lib/kube/kinds.ts'
import type { Kind, KubeObject } from '#lib/kube/object.ts'
import { keyOf } from '#lib/kube/object.ts'
import type { CIDR } from '#lib/net/cidr.ts'
import { overlaps } from '#lib/net/cidr.ts'
import { reservedMs } from '#broker/joins/reservations.ts'
import { joinsRuns } from '#broker/joins/run.ts'
import { blocksOf, drainingOf, isDraining, isReleased } from '#broker/members/addresses.ts'
import { memberObjects } from '#broker/members/objects.ts'
import type { ClusterState } from './cluster-state.ts'
import { clusterState } from './cluster-state.ts'
import type { Joiner } from './joining.ts'
import { apiserverAt, fleetWith, grantFor, joiner, requestBy } from './joining.ts'
import type { Pending } from './stepped-kube.ts'
import { placeOf, steppedKube } from './stepped-kube.ts'

/** How late what was begun in a run may come, counted from the beginning of the run. */
const latestMs = reservedMs - toleratedSkewMs

export type Turn =
  | { readonly do: 'ask' | 'take back' | 'see to' | 'remove' | 'lose keys'; readonly who: number; readonly block: number }
  /** Of a controller: one request, all until it is about to write one of these, or all that are left of its run. */
  | { readonly do: 'step' | 'to the Fleet' | 'to a Member' | 'run' | 'lose' | 'restart'; readonly which: number }
  | { readonly do: 'land'; readonly nth: number }
  | { readonly do: 'forget' }
  | { readonly do: 'wait'; readonly ms: number }

export const ids = ['a', 'b', 'c'].map(joiner)
export const controllers = [0, 1]
export type World = {
  happens(event: Turn): Promise<void>
  check(released: boolean): void
  reserved(): readonly string[]
  members(): readonly string[]
  podsOf(id: string): readonly CIDR[]
  /** `a Admitted, b Pending`: of the requests. */
  states(): string
  fleetWrites(): number
  end(): void
}

export function worldOf(skewMs: number, drainSeconds: number): World {
  const state = clusterState()
  // As the apiserver's own clock, which makes the times of creation.
  let time = Date.now()
  const clusters = [...ids]
  const allocations = new Map<string, Allocation>()
  let late: readonly { readonly until: number; land(): void }[] = []
  let fleetWrites = 0
  const read = <T extends KubeObject>(kind: Kind<T>, name: string) =>
    state.get(placeOf(kind, { namespace: brokerNamespace, name })) as T | undefined
  const members = () => state.list(placeOf(memberKind, {}).resource, brokerNamespace) as readonly Member[]
  const fleet = () => read(fleetKind, fleetName) as Fleet
  state.onChange(({ object }) => {
    if (object?.kind === 'Fleet') fleetWrites++
  })
  put(state, fleetKind, fleetWith({ drainSeconds }))
  put(state, endpointSlices, apiserverAt('192.0.2.1'))
  fleetWrites = 0

  const running = controllers.map((i) =>
    controllerOf(
      state,
      () => time,
      i === 0 ? 0 : skewMs,
      (one) => {
        late = [...late, one]
      },
    ),
  )

  /** Whatever has not come by its time does so at the last moment. */
  async function passes(ms: number): Promise<void> {
    const then = time + ms
    for (const controller of running) await controller.passes(then)
    for (const one of late.filter(({ until }) => until <= then).toSorted((a, b) => a.until - b.until)) {
      time = Math.max(time, one.until)
      one.land()
    }
    late = late.filter(({ until }) => until > then)
    time = then
  }

  /** What the members controller does. */
  function seeTo(id: string): void {
    const member = read(memberKind, id)
    if (member === undefined) return
    const { status } = fleet()
    const place = placeOf(memberKind, keyOf(member))
    if (member.metadata.deletionTimestamp !== undefined) {
      allocations.delete(id)
      if (isReleased(member, status?.released ?? [], fleet().spec.join.reuseAfterSeconds))
        state.merge(place, { metadata: { finalizers: [] } }, 'members', false)
      return
    }
    const now = new Date(time)
    const draining = drainingOf(member, allocations.get(id), drainSeconds, now)
    const still = draining.filter((d) => isDraining(d, now))
    allocations.set(id, memberObjects(member, still).allocation as Allocation)
    const conditions = [{ type: 'Provisioned', status: 'True', reason: 'x', message: '', lastTransitionTime: '' }]
    const seen = { observedGeneration: member.metadata.generation, draining, conditions }
    state.merge(place, { metadata: { finalizers: ['members'] } }, 'members', false)
    state.merge({ ...place, subresource: 'status' }, { status: seen }, 'members', false)
  }

  function asks({ id, ...one }: Joiner, who: number, block: number): void {
    const at = { namespace: joinNamespace(id), name: id }
    if (state.get(placeOf(joinRequest, at)) !== undefined) state.remove(placeOf(joinRequest, at), undefined, false)
    const pods = [`10.${block * 2}.0.0/15`]
    const request = requestBy({ id, ...one }, { pods, services: [`10.${100 + who}.0.0/16`], requestedAt: iso(time) })
    put(state, joinRequest, request)
    // A grant of its own for each try, as an administrator gives it.
    const grant = grantFor({ id, ...one }, { expiresAt: iso(time + 900_000) })
    if (read(joinGrant, id) !== undefined) state.remove(placeOf(joinGrant, keyOf(grant)), undefined, false)
    put(state, joinGrant, grant)
  }

  async function happens(event: Turn): Promise<void> {
    switch (event.do) {
      case 'ask':
      case 'take back':
      case 'see to':
      case 'remove':
      case 'lose keys': {
        const one = clusters[event.who]
        assert.ok(one !== undefined)
        const asked = placeOf(joinRequest, { namespace: joinNamespace(one.id), name: one.id })
        const own = placeOf(memberKind, { namespace: brokerNamespace, name: one.id })
        if (event.do === 'ask') asks(one, event.who, event.block)
        if (event.do === 'take back' && state.get(asked) !== undefined) state.remove(asked, undefined, false)
        if (event.do === 'see to') seeTo(one.id)
        if (event.do === 'remove' && state.get(own) !== undefined) state.remove(own, undefined, false)
        if (event.do === 'lose keys') clusters[event.who] = { ...one, identity: newIdentity() }
        return
      }
      case 'step':
      case 'to the Fleet':
      case 'to a Member':
      case 'run':
      case 'lose':
      case 'restart':
        return running[event.which]?.[event.do]()
      case 'land':
        late[event.nth]?.land()
        late = late.filter((_, i) => i !== event.nth)
        return
      // What is under way never comes.
      case 'forget':
        late = []
        return
      case 'wait':
        return passes(event.ms)
    }
  }

  function check(released: boolean): void {
    const believed = members().map((member) => {
      const { podCIDRs = [], serviceCIDRs = [] } = allocations.get(member.metadata.name)?.spec ?? {}
      return { member, cidrs: [...new Set<CIDR>([...blocksOf(member), ...podCIDRs, ...serviceCIDRs])] }
    })
    for (const [i, a] of believed.entries())
      for (const b of believed.slice(i + 1))
        for (const x of a.cidrs)
          for (const y of b.cidrs)
            assert.ok(!overlaps(x, y), `${x} of ${a.member.metadata.name}, ${y} of ${b.member.metadata.name}`)
    for (const r of released ? (fleet().status?.released ?? []) : [])
      for (const { member } of believed)
        if (new Date(r.until).getTime() > time && fingerprint(member.spec.identity) !== r.identity)
          for (const x of blocksOf(member))
            assert.ok(!overlaps(x, r.cidr), `${x} of ${member.metadata.name} was released by ${r.clusterID}`)
  }

  return {
    happens,
    check,
    reserved: () => (fleet().status?.reserved ?? []).map(({ clusterID }) => clusterID),
    members: () => members().map(({ metadata }) => metadata.name),
    podsOf: (id) => read(memberKind, id)?.spec.podCIDRs ?? [],
    states: () =>
      state
        .list(placeOf(joinRequest, {}).resource, '')
        .map(({ metadata, status }) => `${metadata.name} ${(status as { readonly state?: string } | undefined)?.state ?? ''}`)
        .join(', '),
    fleetWrites: () => fleetWrites,
    end: () => {
      for (const controller of running) controller.end()
    },
  }
}

/** One controller: it is at a request, or between two runs. */
function controllerOf(
  state: ClusterState,
  time: () => number,
  skewMs: number,
  comesLate: (one: { readonly until: number; land(): void }) => void,
) {
  let run = made()
  let stop = new AbortController()
  let at: Pending | undefined
  let began = 0
  let busy = false
  let wake = (): void => undefined

  function made() {
    return joinsRuns({
      kube: steppedKube(state, [fleetKind, memberKind, joinRequest], (pending) => {
        at = pending
        wake()
      }),
      placed: () => new Set(ids.map(({ id }) => id)),
      resolve: () => Promise.resolve(new Map()),
      clock: { now: () => new Date(time() + skewMs), monotonicMs: time },
    })
  }

  /** Until it is at its next request, or its run has ended. */
  async function go(work: () => void): Promise<void> {
    const there = new Promise<void>((resolve) => {
      wake = resolve
    })
    work()
    await there
  }

  function begin(): void {
    began = time()
    busy = true
    run(stop.signal)
      .catch(() => undefined)
      .finally(() => {
        busy = false
        wake()
      })
  }

  function lost(): void {
    const pending = at
    at = undefined
    const land = pending?.lose()
    if (pending?.writes === true && pending.kind !== 'JoinRequest' && land !== undefined)
      comesLate({ until: began + latestMs, land })
  }

  const step = () =>
    go(() => {
      const pending = at
      at = undefined
      if (pending === undefined) begin()
      else pending.do()
    })
  /** It is gone, and what it was writing may come. */
  const restart = async () => {
    if (busy)
      await go(() => {
        stop.abort()
        lost()
      })
    stop = new AbortController()
    run = made()
  }
  const until = async (kind: string) => {
    do await step()
    while (busy && !(at?.kind === kind && at.writes))
  }
  return {
    step,
    'to the Fleet': () => until('Fleet'),
    'to a Member': () => until('Member'),
    run: () => until(''),
    lose: async () => {
      if (at !== undefined) await go(lost)
    },
    restart,
    /** A write that it waits on does not wait for longer than it may. */
    passes: async (then: number): Promise<void> => {
      while (at?.kind === 'Member' && at.writes && began + latestMs <= then) await go(lost)
    },
    end: () => {
      stop.abort()
      lost()
    },
  }
}

export const iso = (ms: number): string => new Date(ms).toISOString()

export function put<T extends KubeObject>(state: ClusterState, kind: Kind<T>, object: T): void {
  const at = placeOf(kind, keyOf(object))
  state.create(at, object, 'test', false)
  if (object.status !== undefined) state.replace({ ...at, subresource: 'status' }, object, 'test', false)
}
