// Every verb on every kind that a real apiserver serves, for every account that a cluster has on the broker: the answer is a table, and a
// kind that the table does not know fails it.
import assert from 'node:assert/strict'
import { memberLevel, memberSchema } from '#broker/install/limits.ts'
import { clusterRoleBinding, roleBinding } from '#broker/install/rbac.ts'
import { allocation } from '#crds/allocation.ts'
import { brokerKinds } from '#crds/index.ts'
import { brokerNamespace, controllerName, heartbeatName, memberFleetRole, memberReadRole, memberWriteRole } from '#crds/places.ts'
import { userOf } from '#crds/rules/account.ts'
import type { Kube } from '#lib/kube/client.ts'
import { StatusError } from '#lib/kube/errors.ts'
import {
  clusterRoleBindings,
  flowSchemas,
  leases,
  namespaces,
  priorityLevelConfigurations,
  roleBindings,
  secrets,
  serviceAccounts,
  validatingAdmissionPolicies,
  validatingAdmissionPolicyBindings,
} from '#lib/kube/kinds.ts'
import type { Kind, KubeObject } from '#lib/kube/object.ts'
import { pathOf } from '#lib/kube/object.ts'
import type { BareBroker } from '#test/kit/bare-broker.ts'
import { bareBroker } from '#test/kit/bare-broker.ts'
import { joiner, memberOf } from '#test/kit/joining.ts'
import { putJoining, putMember } from '#test/kit/on-broker.ts'

const verbs = ['get', 'list', 'watch', 'create', 'update', 'patch', 'delete', 'deletecollection'] as const
const read = 'get list watch'
const write = `${read} create update patch delete`

/** What a cluster may do with each kind of ours; a new kind is a line here. */
const ours: Readonly<
  Record<string, { readonly own?: string; readonly others?: string; readonly broker?: string; readonly asking?: string }>
> = {
  allocations: { own: read, others: read },
  gatewayendpoints: { own: write, others: read },
  'gatewayendpoints/status': { own: 'get update patch' },
  exportedservices: { own: write, others: read },
  'exportedservices/status': { own: 'get update patch' },
  exportedendpoints: { own: write, others: read },
  'exportedendpoints/status': { own: 'get update patch' },
  gatewaycertificates: { own: write },
  fleets: { broker: read },
  trustbundles: { broker: read },
  joinrequests: { asking: 'get create delete' },
  joingrants: {},
  exportgrants: {},
  members: {},
}

const identities = {
  'member east': userOf('tombolo-m-east', 'member'),
  'member west': userOf('tombolo-m-west', 'member'),
  'joiner north': userOf('tombolo-j-north', 'joiner'),
} as const
type Identity = keyof typeof identities
const places = ['tombolo-m-east', 'tombolo-m-west', 'tombolo-j-east', 'tombolo-j-north', 'tombolo-broker', 'default'] as const

/** Kubernetes gives these to whoever has logged in. */
const everybodys = {
  'selfsubjectaccessreviews.authorization.k8s.io': 'create',
  'selfsubjectrulesreviews.authorization.k8s.io': 'create',
  'selfsubjectreviews.authentication.k8s.io': 'create',
  'clustertrustbundles.certificates.k8s.io': read,
} as const

/** Lines such as `member east: gatewayendpoints.tombolo.dev in tombolo-m-west: get list watch`. */
function expected(): readonly string[] {
  const lines: string[] = []
  const say = (who: Identity, what: string, where: string, may: string | undefined) => {
    if (may !== undefined) lines.push(`${who}: ${what} in ${where}: ${may}`)
  }
  for (const [kind, { own, others, broker, asking }] of Object.entries(ours)) {
    const what = `${kind}.tombolo.dev`
    for (const [who, home] of [
      ['member east', 'tombolo-m-east'],
      ['member west', 'tombolo-m-west'],
    ] as const) {
      for (const place of places)
        say(who, what, place, place === home ? own : place === 'tombolo-broker' ? (broker ?? others) : others)
    }
    say('joiner north', what, 'tombolo-j-north', asking)
  }
  for (const who of Object.keys(identities) as Identity[])
    for (const [kind, may] of Object.entries(everybodys)) say(who, kind, 'the cluster', may)
  return lines.toSorted()
}

suite('rights on the broker, on a real apiserver', function () {
  this.timeout(180_000)
  const stop = new AbortController()
  let broker: BareBroker
  suiteSetup(async () => {
    broker = await bareBroker('apiserver', stop.signal)
    await admit(broker.admin, stop.signal)
  })
  suiteTeardown(async () => {
    await broker[Symbol.asyncDispose]()
    stop.abort()
  })
  const as = (who: Identity) => broker.as(identities[who])

  test('T2: of all that the apiserver serves, each account may do exactly what the table says, and read no Secret', async () => {
    const served = await discover(broker.admin, stop.signal)
    const tomboloServed = served.filter(({ group }) => group === 'tombolo.dev').map(({ resource }) => resource)
    const unnamed = tomboloServed.filter((resource) => !(resource.replace(/\/status$/, '') in ours))
    assert.deepEqual(unnamed, [], 'say in the table what a cluster may do with these')
    assert.deepEqual(
      brokerKinds.map(({ plural }) => plural).filter((plural) => !(plural in ours)),
      [],
    )

    const questions = served.flatMap((kind) => (kind.namespaced ? places : [undefined]).map((place) => ({ kind, place })))
    const found: string[] = []
    const worker = async () => {
      for (let next = questions.shift(); next !== undefined; next = questions.shift()) {
        const { kind, place } = next
        for (const [who, user] of Object.entries(identities)) {
          const may: string[] = []
          for (const verb of verbs) if (await allows(broker.admin, user, verb, kind, place, stop.signal)) may.push(verb)
          const name = kind.group === '' ? kind.resource : `${kind.resource}.${kind.group}`
          if (may.length > 0) found.push(`${who}: ${name} in ${place ?? 'the cluster'}: ${may.join(' ')}`)
        }
      }
    }
    await Promise.all(Array.from({ length: 12 }, worker))
    assert.deepEqual(found.toSorted(), expected())
  })

  test('T2: nor is there a rule that gives one a Secret by its name, or a right to be somebody else or to hand rights out', async () => {
    for (const [who, user] of Object.entries(identities))
      for (const namespace of places) {
        const body = { apiVersion: 'authorization.k8s.io/v1', kind: 'SelfSubjectRulesReview', spec: { namespace } }
        const path = '/apis/authorization.k8s.io/v1/selfsubjectrulesreviews'
        const { status } = (await broker.as(user).request({ method: 'POST', path, body }, stop.signal)) as RulesReview
        assert.ok(status.resourceRules.length > 0 && !status.incomplete, `${who} in ${namespace}`)
        for (const { verbs: may, resources = [] } of status.resourceRules) {
          assert.ok(!resources.some((resource) => resource === '*' || resource.startsWith('secrets')), `${who} in ${namespace}`)
          assert.deepEqual(
            may.filter((verb) => ['*', 'impersonate', 'bind', 'escalate'].includes(verb)),
            [],
            who,
          )
        }
      }
  })

  test('a member has one Lease, by its name, in its own namespace', async () => {
    const lease = { group: 'coordination.k8s.io', resource: 'leases', namespaced: true, name: heartbeatName }
    const may: string[] = []
    for (const place of places)
      for (const verb of verbs)
        if (await allows(broker.admin, identities['member east'], verb, lease, place, stop.signal)) may.push(`${place} ${verb}`)
    assert.deepEqual(
      may,
      ['get', 'create', 'update', 'patch'].map((verb) => `tombolo-m-east ${verb}`),
    )
  })

  test('T1: one member’s writes to another’s objects are refused, whatever the kind and the verb', async () => {
    const wrong: string[] = []
    for (const [who, victim] of [
      ['member east', 'tombolo-m-west'],
      ['member west', 'tombolo-m-east'],
      ['joiner north', 'tombolo-j-east'],
      ['joiner north', 'tombolo-m-east'],
    ] as const)
      for (const kind of [...brokerKinds, leases, secrets, serviceAccounts, roleBindings] as readonly Kind[])
        for (const [verb, attempt] of Object.entries(attempts(as(who), kind, victim, stop.signal))) {
          const code = await codeOf(attempt)
          if (code !== 403) wrong.push(`${who} ${verb} ${kind.plural} in ${victim}: ${code}`)
        }
    assert.deepEqual(wrong, [])
  })

  test('T1: nobody of a cluster touches policies, rights, namespaces or tokens', async () => {
    const wrong: string[] = []
    const global: readonly Kind[] = [
      validatingAdmissionPolicies,
      validatingAdmissionPolicyBindings,
      clusterRoleBindings,
      namespaces,
      priorityLevelConfigurations,
      flowSchemas,
    ]
    for (const who of Object.keys(identities) as Identity[]) {
      for (const kind of global)
        for (const [verb, attempt] of Object.entries(attempts(as(who), kind, undefined, stop.signal))) {
          const code = await codeOf(attempt)
          if (code !== 403) wrong.push(`${who} ${verb} ${kind.plural}: ${code}`)
        }
      for (const [namespace, name] of [
        ['tombolo-m-east', 'member'],
        ['tombolo-m-west', 'member'],
        ['tombolo-j-north', 'joiner'],
      ] as const) {
        const path = pathOf(serviceAccounts, { namespace, name }, 'token')
        const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: { expirationSeconds: 600 } }
        const code = await codeOf(() => as(who).request({ method: 'POST', path, body }, stop.signal))
        if (code !== 403) wrong.push(`${who} token of ${namespace}/${name}: ${code}`)
      }
    }
    assert.deepEqual(wrong, [])
  })

  test('T11: the broker controller makes the levels of members, and changes no other', async () => {
    const controller = broker.as(userOf(brokerNamespace, controllerName))
    const options = { fieldManager: 'tombolo-broker' }
    for (const [kind, object] of [
      [priorityLevelConfigurations, memberLevel('north')],
      [flowSchemas, memberSchema('north')],
    ] as readonly (readonly [Kind, KubeObject])[]) {
      const wanted: readonly (readonly [string, number])[] = [
        ['tombolo-m-north', 200],
        ['tombolo-members', 403],
        ['global-default', 403],
      ]
      const applied = wanted.map(async ([name]) => [
        name,
        await codeOf(() => controller.apply(kind, { ...object, metadata: { ...object.metadata, name } }, options, stop.signal)),
      ])
      assert.deepEqual(await Promise.all(applied), wanted, kind.kind)
      const deleted = wanted.map(async ([name]) => [name, await codeOf(() => controller.delete(kind, { name }, {}, stop.signal))])
      assert.deepEqual(await Promise.all(deleted), wanted, kind.kind)
      assert.equal(await codeOf(() => controller.request({ method: 'DELETE', path: pathOf(kind, {}) }, stop.signal)), 403)
    }
  })

  test('T16: whoever acts as the broker controller changes nothing of the cluster but what the controller makes', async () => {
    const controller = broker.as(userOf(brokerNamespace, controllerName))
    const unlabel = { metadata: { labels: { 'pod-security.kubernetes.io/enforce': null, other: 'x' } } }
    const subjects = [{ kind: 'ServiceAccount', namespace: 'default', name: 'mine' }]
    const as = { fieldManager: 'tombolo-broker' }
    const { signal } = stop
    const bind = (name: string, role: string) =>
      controller.apply(clusterRoleBindings, clusterRoleBinding(name, role, subjects), as, signal)
    const token = (namespace: string, name: string) => {
      const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: { expirationSeconds: 600 } }
      return controller.request({ method: 'POST', path: pathOf(serviceAccounts, { namespace, name }, 'token'), body }, signal)
    }
    const account = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'member', namespace: 'default' } }
    await broker.admin.apply(serviceAccounts, account, as, signal)
    const tried: Readonly<Record<string, () => Promise<unknown>>> = {
      'take a label off kube-system': () => controller.patch(namespaces, { name: 'kube-system' }, unlabel, {}, signal),
      'take a label off its own namespace': () => controller.patch(namespaces, { name: brokerNamespace }, unlabel, {}, signal),
      'delete kube-node-lease': () => controller.delete(namespaces, { name: 'kube-node-lease' }, {}, signal),
      'make a namespace': () =>
        controller.apply(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'mine' } }, as, signal),
      'delete a binding of Kubernetes': () => controller.delete(clusterRoleBindings, { name: 'system:basic-user' }, {}, signal),
      'delete all bindings': () => controller.request({ method: 'DELETE', path: pathOf(clusterRoleBindings, {}) }, signal),
      'bind its own role': () => bind('tombolo-m-mine', controllerName),
      'bind the administrator’s role': () => bind('tombolo-m-mine', 'cluster-admin'),
      'let another read as a member': () => bind('tombolo-m-east', memberReadRole),
      'let another write as a member': () =>
        controller.apply(
          roleBindings,
          roleBinding('tombolo-m-east', memberWriteRole, { kind: 'ClusterRole', name: memberWriteRole }, subjects),
          as,
          signal,
        ),
      'let another read the Fleet': () =>
        controller.apply(
          roleBindings,
          roleBinding(brokerNamespace, 'tombolo-m-east', { kind: 'Role', name: memberFleetRole }, subjects),
          as,
          signal,
        ),
      'delete its own right': () =>
        controller.delete(roleBindings, { namespace: brokerNamespace, name: controllerName }, {}, signal),
      'delete an account': () => controller.delete(serviceAccounts, { namespace: 'default', name: 'member' }, {}, signal),
      'make a token of another account': () => token('default', 'member'),
      'make a token of itself': () => token(brokerNamespace, controllerName),
    }
    const wrong: string[] = []
    for (const [what, attempt] of Object.entries(tried)) {
      const code = await codeOf(attempt)
      if (code !== 403) wrong.push(`${what}: ${code}`)
    }
    assert.deepEqual(wrong, [])
  })

  test('T16: the broker controller makes the tokens that it hands out, which work there, and are good for nobody else', async () => {
    const controller = broker.as(userOf('tombolo-broker', 'tombolo-broker-controller'))
    const tokenOf = async (namespace: string, name: string, expirationSeconds: number) => {
      const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: { expirationSeconds } }
      const path = pathOf(serviceAccounts, { namespace, name }, 'token')
      return (
        (await controller.request({ method: 'POST', path, body }, stop.signal)) as { readonly status: { readonly token: string } }
      ).status.token
    }
    const tokens = [
      await tokenOf('tombolo-j-north', 'joiner', 14 * 24 * 3600),
      await tokenOf('tombolo-m-east', 'member', 24 * 3600),
    ]
    const [, member = ''] = tokens
    const east = broker.with(member)
    assert.equal((await east.list(allocation, {}, stop.signal)).items.length, 2)
    const lease = {
      apiVersion: leases.apiVersion,
      kind: leases.kind,
      metadata: { name: heartbeatName, namespace: 'tombolo-m-east' },
    }
    await east.apply(leases, lease, { fieldManager: 'tombolo-operator' }, stop.signal)

    // Of T16: it is for this apiserver, and nobody else who asks it about the token is told that it is good.
    const believes = async (token: string, ...audiences: readonly string[]) => {
      const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', spec: { token, audiences } }
      const path = '/apis/authentication.k8s.io/v1/tokenreviews'
      const { status } = (await broker.admin.request({ method: 'POST', path, body }, stop.signal)) as {
        readonly status: { readonly authenticated?: boolean }
      }
      return status.authenticated === true
    }
    for (const token of tokens)
      assert.deepEqual(
        [await believes(token), await believes(token, 'https://kubernetes.default.svc'), await believes(token, 'vault')],
        [true, true, false],
      )
  })
})

type RulesReview = {
  readonly status: {
    readonly incomplete: boolean
    readonly resourceRules: readonly { readonly verbs: readonly string[]; readonly resources?: readonly string[] }[]
  }
}
type Served = { readonly group: string; readonly resource: string; readonly namespaced: boolean; readonly name?: string }

async function discover(admin: Kube, signal: AbortSignal): Promise<readonly Served[]> {
  const get = (path: string) => admin.request({ method: 'GET', path }, signal)
  const groups = (await get('/apis')) as {
    readonly groups: readonly { readonly preferredVersion: { readonly groupVersion: string } }[]
  }
  const versions = ['api/v1', ...groups.groups.map((g) => `apis/${g.preferredVersion.groupVersion}`)]
  const lists = await Promise.all(
    versions.map(async (version) => {
      const list = (await get(`/${version}`)) as {
        readonly resources: readonly { readonly name: string; readonly namespaced: boolean }[]
      }
      const group = version === 'api/v1' ? '' : (version.split('/')[1] ?? '')
      return list.resources.map(({ name, namespaced }) => ({ group, resource: name, namespaced }))
    }),
  )
  return lists.flat()
}

async function allows(
  admin: Kube,
  user: string,
  verb: string,
  { group, resource: full, name = '' }: Served,
  namespace: string | undefined,
  signal: AbortSignal,
): Promise<boolean> {
  const [resource = '', subresource = ''] = full.split('/')
  const [, , home = ''] = user.split(':')
  const review = {
    apiVersion: 'authorization.k8s.io/v1',
    kind: 'SubjectAccessReview',
    spec: {
      user,
      groups: ['system:serviceaccounts', `system:serviceaccounts:${home}`, 'system:authenticated'],
      resourceAttributes: { verb, group, resource, subresource, name, namespace: namespace ?? '' },
    },
  }
  const path = '/apis/authorization.k8s.io/v1/subjectaccessreviews'
  const answer = await admin.request({ method: 'POST', path, body: review }, signal)
  return (answer as { readonly status: { readonly allowed: boolean } }).status.allowed
}

/** Each really tried, and refused before anything is looked at. */
function attempts(
  client: Kube,
  kind: Kind,
  namespace: string | undefined,
  signal: AbortSignal,
): Readonly<Record<string, () => Promise<unknown>>> {
  const key = namespace === undefined ? { name: 'x' } : { name: 'x', namespace }
  const object = { apiVersion: kind.apiVersion, kind: kind.kind, metadata: key } as KubeObject
  const finalizers = { metadata: { finalizers: ['example.com/stay'] } }
  return {
    create: () => client.create(kind, object, {}, signal),
    update: () => client.replace(kind, object, {}, signal),
    apply: () => client.apply(kind, object, { fieldManager: 'x' }, signal),
    'patch of finalizers': () => client.patch(kind, key, finalizers, {}, signal),
    'update of status': () => client.replace(kind, object, { subresource: 'status' }, signal),
    delete: () => client.delete(kind, key, {}, signal),
    deletecollection: () =>
      client.request({ method: 'DELETE', path: pathOf(kind, namespace === undefined ? {} : { namespace }) }, signal),
  }
}

async function codeOf(attempt: () => Promise<unknown>): Promise<number> {
  try {
    await attempt()
    return 200
  } catch (error) {
    if (error instanceof StatusError) return error.code
    throw error
  }
}

/** Two members and a cluster that asks, as the broker controller makes them. */
async function admit(admin: Kube, signal: AbortSignal): Promise<void> {
  for (const [id, pods, services] of [
    ['east', '10.1.0.0/16', '10.101.0.0/16'],
    ['west', '10.2.0.0/16', '10.102.0.0/16'],
  ] as const)
    await putMember(admin, memberOf(joiner(id), { pods: [pods], services: [services] }), signal)
  for (const id of ['east', 'north']) await putJoining(admin, id, signal)
}
