// What the broker's apiserver lets the accounts of clusters do: its admission policies against the same rules in TypeScript, case by case.
import assert from 'node:assert/strict'
import { joiningObjects } from '#broker/grants/objects.ts'
import { admissionPolicies } from '#broker/install/policy.ts'
import { clusterRoleBinding } from '#broker/install/rbac.ts'
import { memberObjects } from '#broker/members/objects.ts'
import { heartbeatName, memberLabel, memberNamespace } from '#crds/places.ts'
import { evaluate, noAllocation } from '#crds/rules/index.ts'
import type { Review } from '#crds/rules/rule.ts'
import { isAlreadyExists, StatusError } from '#lib/kube/errors.ts'
import {
  clusterRoleBindings,
  leases,
  namespaces,
  secrets,
  serviceAccounts,
  validatingAdmissionPolicyBindings,
} from '#lib/kube/kinds.ts'
import type { Kind, KubeObject } from '#lib/kube/object.ts'
import { keyOf, pathOf } from '#lib/kube/object.ts'
import type { Kube } from '#lib/kube/client.ts'
import type { Case } from '#test/kit/admission-cases.ts'
import { allocations, cases, ghost, joining, member, others, tokenSecret, unmarked } from '#test/kit/admission-cases.ts'
import type { BareBroker } from '#test/kit/bare-broker.ts'
import { bareBroker } from '#test/kit/bare-broker.ts'
import { eventually } from '#test/kit/eventually.ts'
import { joiner, memberOf } from '#test/kit/joining.ts'
import { putJoining, putMember } from '#test/kit/on-broker.ts'

suite('the admission policies on a real apiserver', function () {
  this.timeout(120_000)
  const stop = new AbortController()
  let broker: BareBroker
  suiteSetup(async () => {
    broker = await bareBroker('apiserver', stop.signal)
    await admit(broker.admin, stop.signal)
    await giveEveryRight(broker.admin, stop.signal)
    await plant(broker.admin, stop.signal)
  })
  suiteTeardown(async () => {
    await broker[Symbol.asyncDispose]()
    stop.abort()
  })

  test(`T4, T5, T7: agree with the rules in TypeScript on ${cases.length} cases, and name the same rule`, async () => {
    const clients = clientsOf(broker)
    const queue = [...cases]
    const wrong: object[] = []
    const worker = async () => {
      for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
        const { name, review } = next
        const said = await answerTo(() => ask(clients(review.request.user), broker.admin, next, stop.signal))
        if (said !== wantedOf(review)) wrong.push({ name, said, wanted: wantedOf(review) })
      }
    }
    await Promise.all(Array.from({ length: 8 }, worker))
    assert.deepEqual(wrong, [])
  })

  test('T1: who deletes a collection is judged as who deletes each object of it, by the same rule', async () => {
    const clients = clientsOf(broker)
    const wrong: object[] = []
    for (const { name, kind, review } of deletes) {
      const query = { fieldSelector: `metadata.name=${review.oldObject?.metadata.name ?? ''}`, dryRun: 'All' }
      const path = pathOf(kind, { namespace: review.request.namespace })
      const said = await answerTo(() => clients(review.request.user).request({ method: 'DELETE', path, query }, stop.signal))
      const wanted = wantedOf(nameless(review))
      if (said !== wanted) wrong.push({ name, said, wanted })
    }
    assert.deepEqual(wrong, [])
  })

  test('T1: with every right, who sweeps what is not its own or not its to delete takes nothing away', async () => {
    const clients = clientsOf(broker)
    const names = async ({ kind, review }: Case) =>
      (await broker.admin.list(kind, { namespace: review.request.namespace }, stop.signal)).items.map((o) => o.metadata.name)
    const wrong: object[] = []
    for (const sweep of deletes.filter(({ rule }) => rule !== undefined)) {
      const before = await names(sweep)
      assert.notEqual(before.length, 0, sweep.name)
      const path = pathOf(sweep.kind, { namespace: sweep.review.request.namespace })
      const said = await answerTo(() => clients(sweep.review.request.user).request({ method: 'DELETE', path }, stop.signal))
      const wanted = wantedOf(nameless(sweep.review))
      if (said !== wanted) wrong.push({ name: sweep.name, said, wanted })
      assert.deepEqual(await names(sweep), before, sweep.name)
    }
    assert.deepEqual(wrong, [])
  })

  test('T1: a member whose namespace loses its label writes nothing until it is back', async () => {
    const east = broker.as(member('east'))
    const lease = { apiVersion: leases.apiVersion, kind: leases.kind, metadata: { name: heartbeatName, namespace: home } }
    const answers = (wanted: string) =>
      eventually(async () => {
        const said = await answerTo(() => east.create(leases, lease, { dryRun: true }, stop.signal))
        assert.equal(said, wanted)
      })
    const mark = (value: string | null) =>
      broker.admin.patch(namespaces, { name: home }, { metadata: { labels: { [memberLabel]: value } } }, {}, stop.signal)
    await answers('allowed')
    for (const wrong of [null, 'false']) {
      await mark(wrong)
      await answers('tombolo-member-identity marked-namespace')
      await mark('true')
      await answers('allowed')
    }
  })

  test('T16: a Secret that was to be a lasting token before there was a policy is not filled any more', async () => {
    const bindings: readonly KubeObject[] = admissionPolicies().filter(({ kind }) => kind.endsWith('Binding'))
    const binding = bindings.find(({ metadata }) => metadata.name === 'tombolo-lasting-tokens')
    assert.ok(binding !== undefined)
    const bound: Kind = validatingAdmissionPolicyBindings
    await broker.admin.delete(bound, keyOf(binding), {}, stop.signal)
    const lasting = tokenSecret(home, 'member', 'before')
    await eventually(async () => {
      await broker.admin.create(secrets, lasting, {}, stop.signal)
    })
    await broker.admin.apply(bound, binding, { fieldManager: 'test' }, stop.signal)
    const fill = { data: { token: Buffer.from('x').toString('base64') } }
    await eventually(async () => {
      const said = await answerTo(() => broker.admin.patch(secrets, keyOf(lasting), fill, {}, stop.signal))
      assert.equal(said, 'tombolo-lasting-tokens no-lasting-token')
    })
    await broker.admin.delete(secrets, keyOf(lasting), {}, stop.signal)
  })
})

const home = memberNamespace('east')
/** A namespace is deleted by its name alone. */
const deletes = cases.filter(({ kind, review }) => review.request.operation === 'DELETE' && kind !== namespaces)
/** As one of a collection. */
const nameless = (review: Review): Review => ({ ...review, request: { ...review.request, name: '' } })

/** One client for each user. */
function clientsOf(broker: BareBroker): (user: string) => Kube {
  const clients = new Map<string, Kube>()
  return (user) => {
    const client = clients.get(user) ?? broker.as(user)
    clients.set(user, client)
    return client
  }
}

function wantedOf(review: Review): string {
  const verdict = evaluate(review)
  return verdict.allowed ? 'allowed' : `${verdict.policy} ${verdict.rule}`
}

/** `allowed`, or `policy rule` as the refusal says; anything else as it is. */
async function answerTo(attempt: () => Promise<unknown>): Promise<string> {
  try {
    await attempt()
    return 'allowed'
  } catch (error) {
    if (!(error instanceof StatusError)) throw error
    const found = /ValidatingAdmissionPolicy '([^']+)' with binding '[^']+' denied request: ([a-z-]+): /.exec(error.message)
    if (found !== null) return `${found[1] ?? ''} ${found[2] ?? ''}`
    const missing =
      /ValidatingAdmissionPolicy '([^']+)'.*no params found/.exec(error.message) ??
      /policy '([^']+)'.*no params found/.exec(error.message)
    return missing === null ? error.message : `${missing[1] ?? ''} ${noAllocation}`
  }
}

/** Nothing is written: the apiserver is asked to do it dry. */
async function ask(client: Kube, admin: Kube, { kind, review }: Case, signal: AbortSignal): Promise<void> {
  const { request, object, oldObject } = review
  if (request.subresource === 'token') {
    const path = pathOf(serviceAccounts, keyOf(object ?? { metadata: { name: '' } }), 'token')
    const body = { ...object, metadata: {} }
    await client.request({ method: 'POST', path, query: { dryRun: 'All' }, body }, signal)
  } else if (request.operation === 'CONNECT') {
    await client.request({ method: 'GET', path: pathOf(kind, { ...request, name: 'any' }, request.subresource) }, signal)
  } else if (request.operation === 'CREATE' && object !== undefined) {
    await client.create(kind, object, { dryRun: true }, signal)
  } else if (request.operation === 'DELETE' && oldObject !== undefined) {
    await client.delete(kind, keyOf(oldObject), { dryRun: true }, signal)
  } else if (object !== undefined && oldObject !== undefined) {
    const resourceVersion = (await admin.get(kind, keyOf(oldObject), signal))?.metadata.resourceVersion ?? ''
    const metadata = { ...object.metadata, name: oldObject.metadata.name, resourceVersion }
    const body = { ...object, metadata, ...(request.subresource === '' ? {} : { status: {} }) }
    const path = pathOf(kind, keyOf(oldObject), request.subresource === '' ? undefined : request.subresource)
    await client.request({ method: 'PUT', path, query: { dryRun: 'All' }, body }, signal)
  }
}

/** Members and places to ask, as the broker controller makes them. */
async function admit(admin: Kube, signal: AbortSignal): Promise<void> {
  for (const { spec } of allocations)
    await putMember(
      admin,
      memberOf(joiner(spec.clusterID), { pods: spec.podCIDRs, services: spec.serviceCIDRs }),
      signal,
      spec.exports,
    )
  await admin.apply(namespaces, memberObjects(memberOf(joiner(ghost))).namespace, { fieldManager: 'test' }, signal)
  await admin.patch(
    namespaces,
    { name: memberNamespace(unmarked) },
    { metadata: { labels: { [memberLabel]: null } } },
    {},
    signal,
  )
  await admin.apply(namespaces, joiningObjects(ghost).namespace, { fieldManager: 'test' }, signal)
  for (const id of joining) await putJoining(admin, id, signal)
}

/** So that nothing but a policy refuses. */
async function giveEveryRight(admin: Kube, signal: AbortSignal): Promise<void> {
  const users = [...new Set([...cases.map(({ review }) => review.request.user), ...others])]
  const subjects = users.map((name) => ({ kind: 'User', apiGroup: 'rbac.authorization.k8s.io', name }))
  await admin.apply(
    clusterRoleBindings,
    { ...clusterRoleBinding('everything', 'cluster-admin', []), subjects },
    { fieldManager: 'test' },
    signal,
  )
}

/** What is changed or deleted must be there: as an administrator made it, whom no policy judges, unless it is there by itself. */
async function plant(admin: Kube, signal: AbortSignal): Promise<void> {
  const objects = cases.flatMap(({ kind, review: { oldObject } }) => (oldObject === undefined ? [] : [{ kind, oldObject }]))
  for (const [, { kind, oldObject }] of new Map(objects.map((o) => [pathOf(o.kind, keyOf(o.oldObject)), o])))
    await admin.create(kind, oldObject, {}, signal).catch((error: unknown) => {
      if (!isAlreadyExists(error)) throw error
    })
}
