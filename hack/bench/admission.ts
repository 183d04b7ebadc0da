// What the admission policies cost a member: the same writes to two apiservers, one with the policies and one without, turn by turn.
import { admissionPolicies } from '#broker/install/policy.ts'
import { memberObjects } from '#broker/members/objects.ts'
import { kindOf } from '#cli/cluster/kinds.ts'
import { allocation } from '#crds/allocation.ts'
import { exportedEndpoints, maxEndpointsPerObject } from '#crds/exported-endpoints.ts'
import { memberAccount, memberNamespace } from '#crds/places.ts'
import { userOf } from '#crds/rules/account.ts'
import { isForbidden } from '#lib/kube/errors.ts'
import type { Kube } from '#lib/kube/client.ts'
import { clusterRoleBindings, namespaces, roleBindings } from '#lib/kube/kinds.ts'
import type { KubeObject } from '#lib/kube/object.ts'
import { keyOf } from '#lib/kube/object.ts'
import { bareBroker } from '#test/kit/bare-broker.ts'
import { eventually } from '#test/kit/eventually.ts'
import { joiner, memberOf } from '#test/kit/joining.ts'
import type { Bed, Bench } from './bench.ts'
import { now } from './bench.ts'

const id = 'east'
const user = userOf(memberNamespace(id), memberAccount)

export const admission: Bench = {
  name: 'admission',
  asks: 'What do the admission policies cost a write of a member?',
  run: async (bed) => {
    const { signal } = bed
    bed.say('starting two apiservers')
    await using guarded = await bareBroker('apiserver', signal)
    await using bare = await bareBroker('apiserver', signal)
    for (const { admin } of [guarded, bare]) await admit(admin, signal)
    for (const object of admissionPolicies().toReversed()) await bare.admin.delete(kindOf(object), keyOf(object), {}, signal)
    const [with_, without] = [guarded.as(user), bare.as(user)]
    const hostile = endpoints(0, ['127.0.0.1'])
    await eventually(async () => {
      await without.create(exportedEndpoints, hostile, { dryRun: true }, signal)
    })
    await with_.create(exportedEndpoints, hostile, { dryRun: true }, signal).then(
      () => Promise.reject(new Error('the policies refuse nothing')),
      (error: unknown) => {
        if (!isForbidden(error)) throw error
      },
    )
    for (const [i, count] of [1, maxEndpointsPerObject].entries()) await measure(bed, with_, without, count, i * 1000)
  },
}

/** `first`: the number that the first object gets. */
async function measure(bed: Bed, with_: Kube, without: Kube, count: number, first: number): Promise<void> {
  const times = bed.size === 'quick' ? 10 : 150
  const addresses = Array.from({ length: count }, (_, i) => `10.1.${i >> 8}.${i & 255}`)
  const [samples, floor]: [number[], number[]] = [[], []]
  const write = async (client: Kube, number: number, into: number[]) => {
    const began = now()
    await client.create(exportedEndpoints, endpoints(number, addresses), {}, bed.signal)
    into.push(now() - began)
  }
  // The first ones compile, connect and fill caches.
  for (let i = 0; i < 20; i++) for (const client of [with_, without]) await write(client, first + i, [])
  for (let i = 0; i < times; i++) {
    await write(without, first + 20 + i, floor)
    await write(with_, first + 20 + i, samples)
  }
  bed.report({
    figure: `a member creates an object of ${count === 1 ? '1 endpoint' : `${count} endpoints`}`,
    unit: 'ms',
    samples,
    against: { name: 'without policies', samples: floor },
  })
}

const endpoints = (number: number, addresses: readonly string[]): KubeObject => ({
  apiVersion: exportedEndpoints.apiVersion,
  kind: exportedEndpoints.kind,
  metadata: { name: String(number), namespace: memberNamespace(id) },
  spec: {
    clusterID: id,
    namespace: 'shop',
    name: 'web',
    addressType: 'IPv4',
    ports: [{ port: 80, protocol: 'TCP' }],
    endpoints: addresses.map((address) => ({ address, ready: true })),
  },
})

async function admit(admin: Kube, signal: AbortSignal): Promise<void> {
  const objects = memberObjects(memberOf(joiner(id), { pods: ['10.1.0.0/16'], services: ['10.101.0.0/16'] }))
  const options = { fieldManager: 'tombolo-bench' }
  await admin.apply(namespaces, objects.namespace, options, signal)
  await admin.apply(allocation, objects.allocation, options, signal)
  await admin.apply(roleBindings, objects.writes, options, signal)
  await admin.apply(clusterRoleBindings, objects.reads, options, signal)
}
