// Every right that our programs have in a member cluster, as its apiserver lists them: a kind, a verb or a name more is a line that fails.
import assert from 'node:assert/strict'
import { memberKinds } from '#crds/index.ts'
import { systemNamespace } from '#crds/places.ts'
import type { Kube } from '#lib/kube/client.ts'
import { StatusError } from '#lib/kube/errors.ts'
import { daemonSets, deployments, leases } from '#lib/kube/kinds.ts'
import type { Kind } from '#lib/kube/object.ts'
import type { RigSuite } from '#test/kit/rig-suite.ts'

const read = 'get list watch'
const write = `${read} create update patch delete`
const keep = 'create patch delete'
const places = ['tombolo-system', 'kube-system', 'tombolo-broker', 'default'] as const
type Place = (typeof places)[number]

/** Kubernetes gives these to whoever has logged in. */
const everybodys = {
  'selfsubjectaccessreviews.authorization.k8s.io': 'create',
  'selfsubjectrulesreviews.authorization.k8s.io': 'create',
  'selfsubjectreviews.authentication.k8s.io': 'create',
  'clustertrustbundles.certificates.k8s.io': read,
}

/** Kind, and in brackets the names of the objects where they are named → verbs. */
type Rights = Readonly<Record<string, string>>
const accounts: Readonly<Record<string, Readonly<Partial<Record<Place | 'everywhere', Rights>>>>> = {
  'tombolo-operator': {
    everywhere: {
      namespaces: read,
      nodes: read,
      services: write,
      'endpointslices.discovery.k8s.io': write,
      'endpointslices/restricted.discovery.k8s.io': 'create',
      'serviceexports.multicluster.x-k8s.io': read,
      'serviceexports/status.multicluster.x-k8s.io': 'get update patch',
      'serviceimports.multicluster.x-k8s.io': write,
      'serviceimports/status.multicluster.x-k8s.io': 'get update patch',
      'serviceimports/finalizers.multicluster.x-k8s.io': 'get update patch',
      'servicetrafficpolicies.tombolo.dev': read,
      'servicetrafficpolicies/status.tombolo.dev': 'get update patch',
      'clusterproperties.about.k8s.io': read,
      'clusterproperties.about.k8s.io [cluster.clusterset.k8s.io clusterset.k8s.io]': keep,
      'events.events.k8s.io': 'create patch',
    },
    'tombolo-system': {
      'memberships.tombolo.dev': read,
      'memberships.tombolo.dev [membership]': 'get update patch',
      'memberships/status.tombolo.dev [membership]': 'get update patch',
      'memberships/finalizers.tombolo.dev [membership]': 'get update patch',
      'allocations.tombolo.dev': write,
      'allocations/status.tombolo.dev': 'get update patch',
      'gatewayendpoints.tombolo.dev': write,
      'gatewayendpoints/status.tombolo.dev': 'get update patch',
      'trustbundles.tombolo.dev': read,
      'trustbundles.tombolo.dev [fleet]': keep,
      'gatewaycertificates.tombolo.dev': `${read} delete`,
      'gatewaycertificates/status.tombolo.dev': 'get update patch',
      'daemonsets.apps': read,
      'daemonsets.apps [tombolo-agent tombolo-cleanup tombolo-gateway]': keep,
      'deployments.apps': read,
      'deployments.apps [tombolo-dns]': keep,
      'secrets [tombolo-broker]': `${read} update patch`,
      'secrets [tombolo-identity]': 'get',
      'secrets [tombolo-pair-keys]': `${read} create patch`,
      'leases.coordination.k8s.io': 'create',
      'leases.coordination.k8s.io [tombolo-operator]': 'get update',
    },
    'kube-system': {
      'configmaps [coredns]': `${read} update patch`,
      'configmaps [coredns-custom]': `${read} create patch delete`,
      'deployments.apps [coredns]': `${read} patch`,
    },
  },
  'tombolo-gateway': {
    everywhere: { nodes: read },
    'tombolo-system': {
      'memberships.tombolo.dev': read,
      'allocations.tombolo.dev': read,
      'trustbundles.tombolo.dev': read,
      'gatewayendpoints.tombolo.dev': write,
      'gatewayendpoints/status.tombolo.dev': 'get update patch',
      'gatewaycertificates.tombolo.dev': `${read} create patch`,
      'secrets [tombolo-pair-keys]': read,
      'leases.coordination.k8s.io': 'create',
      'leases.coordination.k8s.io [tombolo-gateway]': 'get update',
    },
  },
  'tombolo-agent': {
    everywhere: { nodes: read },
    'tombolo-system': {
      'memberships.tombolo.dev': read,
      'allocations.tombolo.dev': read,
      'gatewayendpoints.tombolo.dev': read,
    },
  },
  'tombolo-dns': {
    everywhere: {
      namespaces: read,
      services: read,
      'serviceimports.multicluster.x-k8s.io': read,
      'endpointslices.discovery.k8s.io': read,
    },
  },
}

type Rule = {
  readonly verbs: readonly string[]
  readonly apiGroups?: readonly string[]
  readonly resources?: readonly string[]
  readonly resourceNames?: readonly string[]
}

export const memberRights = (at: RigSuite, connect: (account: string) => Promise<Kube>): void => {
  const rightsOf = async (as: Kube, namespace: Place): Promise<ReadonlyMap<string, string>> => {
    const body = { apiVersion: 'authorization.k8s.io/v1', kind: 'SelfSubjectRulesReview', spec: { namespace } }
    const path = '/apis/authorization.k8s.io/v1/selfsubjectrulesreviews'
    const { status } = (await as.request({ method: 'POST', path, body }, at.signal)) as {
      readonly status: { readonly incomplete: boolean; readonly resourceRules: readonly Rule[] }
    }
    assert.equal(status.incomplete, false)
    const found = new Map<string, Set<string>>()
    for (const { verbs, apiGroups = [], resources = [], resourceNames = [] } of status.resourceRules)
      for (const group of apiGroups)
        for (const resource of resources) {
          const names = resourceNames.length === 0 ? '' : ` [${resourceNames.toSorted().join(' ')}]`
          const what = `${resource}${group === '' ? '' : `.${group}`}${names}`
          found.set(what, new Set([...(found.get(what) ?? []), ...verbs]))
        }
    return new Map([...found].map(([what, verbs]) => [what, inOrder(verbs)]))
  }
  const inOrder = (verbs: Iterable<string>) => [...verbs].toSorted().join(' ')

  suite('what our programs may do in a member cluster', () => {
    for (const [account, may] of Object.entries(accounts))
      test(`T16: ${account}: every kind and verb that its apiserver lets it is in the table, and nothing else`, async () => {
        await using as = await connect(`tombolo-system/${account}`)
        for (const place of places) {
          const expected = { ...everybodys, ...may.everywhere, ...may[place] }
          const wanted = Object.entries(expected).map(([what, verbs]) => [what, inOrder(verbs.split(' '))] as const)
          const found = await rightsOf(as, place)
          assert.deepEqual(Object.fromEntries([...found].toSorted()), Object.fromEntries(wanted.toSorted()), place)
        }
      })

    test('T16: every kind of ours that a member has is named in the table', () => {
      const named = Object.values(accounts).flatMap((may) => Object.values(may).flatMap((rights) => Object.keys(rights)))
      assert.deepEqual(
        memberKinds.map(({ plural, group }) => `${plural}.${group}`).filter((kind) => !named.includes(kind)),
        [],
      )
    })

    /** Of objects of these names those that `act` was let do something with, whether they are there or not. */
    const letWith = async (names: readonly string[], act: (name: string) => Promise<unknown>): Promise<readonly string[]> => {
      const may: string[] = []
      for (const name of names)
        try {
          await act(name)
          may.push(name)
        } catch (error) {
          if (!(error instanceof StatusError)) throw error
          if (error.code !== 403) may.push(name)
        }
      return may
    }
    const inSystem = (name: string) => ({ name, namespace: systemNamespace })

    test('T16: names bind: the operator makes, changes and deletes what it installs, and nothing else, itself included', async () => {
      await using operator = await connect('tombolo-system/tombolo-operator')
      const ours = ['tombolo-agent', 'tombolo-cleanup', 'tombolo-dns', 'tombolo-gateway']
      const names = [...ours, 'tombolo-operator', 'theirs']
      const kept: readonly (readonly [Kind, readonly string[]])[] = [
        [daemonSets, ours.filter((name) => name !== 'tombolo-dns')],
        [deployments, ['tombolo-dns']],
      ]
      for (const [kind, wanted] of kept) {
        const object = (name: string) => ({ apiVersion: kind.apiVersion, kind: kind.kind, metadata: inSystem(name) })
        const by = { fieldManager: 'test', dryRun: true }
        const applied = await letWith(names, (name) => operator.apply(kind, object(name), by, at.signal))
        const patched = await letWith(names, (name) => operator.patch(kind, inSystem(name), {}, by, at.signal))
        const deleted = await letWith(names, (name) => operator.delete(kind, inSystem(name), { dryRun: true }, at.signal))
        assert.deepEqual([applied, patched, deleted], [wanted, wanted, wanted], kind.plural)
        assert.deepEqual(await letWith(names, (name) => operator.create(kind, object(name), by, at.signal)), [], kind.plural)
      }
    })

    test('T16: whoever takes a gateway does not take the lead of the operators, nor the other way round', async () => {
      for (const account of ['tombolo-operator', 'tombolo-gateway']) {
        await using as = await connect(`tombolo-system/${account}`)
        const object = (name: string) => ({ apiVersion: leases.apiVersion, kind: leases.kind, metadata: inSystem(name) })
        const taken = await letWith(['tombolo-operator', 'tombolo-gateway'], (name) =>
          as.replace(leases, object(name), { dryRun: true }, at.signal),
        )
        assert.deepEqual(taken, [account])
      }
    })
  })
}
