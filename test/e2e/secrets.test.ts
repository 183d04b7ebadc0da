// Who may touch which Secret, and what else a member's programs may, asked of a real apiserver with a token of every account there is. The
// rules are by name, and whether a name binds (`list` by a field selector, `create` through server-side apply) only an apiserver can say.
import assert from 'node:assert/strict'
import { brokerCRDs, brokerManifests } from '#broker/install/manifests.ts'
import { joiningObjects } from '#broker/grants/objects.ts'
import { memberObjects } from '#broker/members/objects.ts'
import { memberKinds } from '#crds/index.ts'
import {
  brokerNamespace,
  brokerSecretName,
  fleetCASecretName,
  identitySecretName,
  pairKeysSecretName,
  systemNamespace,
} from '#crds/places.ts'
import { kube } from '#lib/kube/client.ts'
import type { Kube } from '#lib/kube/client.ts'
import type { Connection } from '#lib/kube/connection.ts'
import { StatusError } from '#lib/kube/errors.ts'
import { secrets } from '#lib/kube/kinds.ts'
import { fromKubeconfig } from '#lib/kube/kubeconfig.ts'
import { logger } from '#lib/std/log.ts'
import { operatorManifests } from '#operator/install/manifests/operator.ts'
import { eventually } from '#test/kit/eventually.ts'
import { image } from '#test/kit/cli.ts'
import { joiner, memberOf } from '#test/kit/joining.ts'
import { onOne } from './fleets.ts'
import { memberRights } from './secrets/member-rights.ts'

const quiet = logger('test', 'silent')
const accounts = [
  'tombolo-broker/tombolo-broker-controller',
  'tombolo-system/tombolo-operator',
  'tombolo-system/tombolo-gateway',
  'tombolo-system/tombolo-agent',
  'tombolo-system/tombolo-dns',
  'tombolo-m-east/member',
  'tombolo-j-east/joiner',
  'default/default',
] as const
type Account = (typeof accounts)[number]
/** Ours, and one of somebody else beside each. */
const names = [
  [brokerNamespace, fleetCASecretName],
  [brokerNamespace, 'theirs'],
  [systemNamespace, identitySecretName],
  [systemNamespace, brokerSecretName],
  [systemNamespace, pairKeysSecretName],
  [systemNamespace, 'theirs'],
  ['tombolo-j-east', 'theirs'],
  ['default', 'theirs'],
].map(([namespace = '', name = '']) => ({ namespace, name }))
type Name = (typeof names)[number]

suite('who may do what in a cluster', function () {
  this.timeout(60_000)
  // Broker and member in one cluster: every account there is, and none of another to hide behind.
  const at = onOne()
  suiteSetup(async () => {
    const cluster = at.rig.cluster('east')
    const apply = (objects: readonly object[]) =>
      cluster.kubectl(
        // Over what the suite before it wrote.
        ['apply', '--server-side', '--force-conflicts', '-f', '-'],
        JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects }),
        at.signal,
      )
    await apply([...brokerCRDs(), ...memberKinds.map((kind) => kind.crd())])
    await cluster.kubectl(['wait', '--for=condition=Established', 'crd', '--all', '--timeout=30s'])
    await eventually(async () => {
      await apply(brokerManifests({ image, clusterset: 'default' }).filter(({ kind }) => kind !== 'Deployment'))
      await apply(operatorManifests({ image }).filter(({ kind }) => kind !== 'Deployment'))
      await apply([...Object.values(memberObjects(memberOf(joiner('east')))), ...Object.values(joiningObjects('east'))])
    })
  })
  const connect = async (account: string): Promise<Kube> => {
    const chosen = await fromKubeconfig({ path: at.rig.cluster('east').kubeconfig })
    if (!chosen.ok) throw new Error(chosen.error.want)
    const [namespace = '', name = ''] = account.split('/')
    const token = (await at.rig.cluster('east').kubectl(['-n', namespace, 'create', 'token', name])).trim()
    const { server, ca } = chosen.value.connection
    const as: Connection = { server, ...(ca === undefined ? {} : { ca }), token: () => Promise.resolve(token) }
    return kube(as, quiet)
  }
  memberRights(at, connect)

  const isForbidden = (error: unknown) => error instanceof StatusError && error.code === 403
  /** For each account the Secrets that `act` was let do something with. */
  const allowed = async (act: (as: Kube, secret: Name) => Promise<unknown>) => {
    const found: Partial<Record<Account, readonly string[]>> = {}
    for (const account of accounts) {
      await using as = await connect(account)
      const may: string[] = []
      for (const secret of names)
        try {
          await act(as, secret)
          may.push(secret.name)
        } catch (error) {
          if (!isForbidden(error)) throw error
        }
      if (may.length > 0) found[account] = may
    }
    return found
  }
  const apply = (as: Kube, metadata: Name) =>
    as.apply(secrets, { apiVersion: 'v1', kind: 'Secret', metadata, data: {} }, { fieldManager: 'test' }, at.signal)
  const remove = async (secret: Name) => {
    const cluster = at.rig.cluster('east')
    await cluster.kubectl(['-n', secret.namespace, 'delete', 'secret', secret.name, '--ignore-not-found'])
  }

  test('each is made by one account alone, which cannot make another', async () => {
    const made = await allowed(async (as, secret) => {
      await apply(as, secret)
      await remove(secret)
    })
    assert.deepEqual(made, {
      'tombolo-broker/tombolo-broker-controller': [fleetCASecretName],
      'tombolo-system/tombolo-operator': [pairKeysSecretName],
    })
    const posted = await allowed((as, metadata) =>
      as.create(secrets, { apiVersion: 'v1', kind: 'Secret', metadata, data: {} }, { dryRun: true }, at.signal),
    )
    assert.deepEqual(posted, {}, 'a name that is not in the path is no name')
  })

  test('in the namespace of a member nobody makes one', async () => {
    const cluster = at.rig.cluster('east')
    // A quota holds from when it was counted for the first time.
    const counted = ['-n', 'tombolo-m-east', 'get', 'resourcequotas', '-o', 'jsonpath={.items[*].status.hard}']
    await eventually(async () => assert.match(await cluster.kubectl(counted), /"count\/secrets"/), 20_000)
    const make = ['-n', 'tombolo-m-east', 'create', 'secret', 'generic', 'theirs', '--from-literal=a=b']
    await assert.rejects(cluster.kubectl(make), /quota/)
  })

  suite('once they are there', () => {
    suiteSetup(async () => {
      for (const { namespace, name } of names)
        await at.rig.cluster('east').kubectl(['-n', namespace, 'create', 'secret', 'generic', name, '--from-literal=a=b'])
    })

    test('T16: the key of the CA is read by the broker controller, the identity by the operator, and neither by anybody else', async () => {
      assert.deepEqual(await allowed((as, secret) => as.get(secrets, secret, at.signal)), {
        'tombolo-broker/tombolo-broker-controller': [fleetCASecretName],
        'tombolo-system/tombolo-operator': [identitySecretName, brokerSecretName, pairKeysSecretName],
        'tombolo-system/tombolo-gateway': [pairKeysSecretName],
      })
    })

    test('T2, T16: lists are of one name, and nobody lists a namespace or a cluster', async () => {
      const named = await allowed((as, { namespace, name }) =>
        as.list(secrets, { namespace, fields: `metadata.name=${name}` }, at.signal),
      )
      assert.deepEqual(named, {
        'tombolo-system/tombolo-operator': [brokerSecretName, pairKeysSecretName],
        'tombolo-system/tombolo-gateway': [pairKeysSecretName],
      })
      assert.deepEqual(await allowed((as, { namespace }) => as.list(secrets, { namespace }, at.signal)), {})
      assert.deepEqual(await allowed((as) => as.list(secrets, {}, at.signal)), {})
    })

    test('they are changed by who keeps them, and deleted by none of our programs', async () => {
      assert.deepEqual(await allowed(apply), {
        'tombolo-broker/tombolo-broker-controller': [fleetCASecretName],
        'tombolo-system/tombolo-operator': [brokerSecretName, pairKeysSecretName],
      })
      assert.deepEqual(await allowed((as, secret) => as.delete(secrets, secret, {}, at.signal)), {})
    })
  })
})
