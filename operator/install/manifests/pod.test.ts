import assert from 'node:assert/strict'
import { brokerManifests } from '#broker/install/manifests.ts'
import type { DaemonSet, Deployment } from '#lib/kube/kinds.ts'
import type { KubeObject } from '#lib/kube/object.ts'
import { agentDaemonSet, cleanupDaemonSet } from './agent.ts'
import { dnsDeployment } from './dns.ts'
import { gatewayDaemonSet } from './gateway.ts'
import { operatorManifests } from './operator.ts'

const isWorkload = (object: KubeObject): object is DaemonSet | Deployment =>
  object.kind === 'DaemonSet' || object.kind === 'Deployment'
const want = {
  image: 'tombolo:1',
  clusterID: 'east',
  wireguardPort: 51_820,
  ipsecPort: 4500,
  cables: ['wireguard'],
  clusterset: 'prod',
}

/** What each may do beyond what any pod may: capabilities, and the directories of its node that it sees. */
const beyond: Readonly<Record<string, readonly [capabilities: readonly string[], directories: readonly string[]]>> = {
  'tombolo-agent': [['NET_ADMIN'], ['/var/lib/tombolo', '/proc/sys/net']],
  'tombolo-cleanup': [['NET_ADMIN'], ['/var/lib/tombolo', '/proc/sys/net']],
  'tombolo-gateway': [
    ['NET_ADMIN', 'NET_BIND_SERVICE'],
    ['/var/lib/tombolo', '/proc/sys/net', '/dev/net'],
  ],
  'tombolo-dns': [[], []],
  'tombolo-operator': [[], []],
  'tombolo-broker-controller': [[], []],
}

suite('our pods', () => {
  const workloads = [
    ...[agentDaemonSet(want), cleanupDaemonSet(want), gatewayDaemonSet(want), dnsDeployment(want)],
    ...operatorManifests(want),
    ...brokerManifests(want),
  ].filter(isWorkload)

  test('T16: no more capabilities and directories of their nodes than are written down', () => {
    const found = workloads.map(({ metadata, spec }) => {
      const { containers = [], volumes = [] } = spec?.template.spec ?? {}
      return [
        metadata.name,
        [
          containers.flatMap(({ securityContext }) => securityContext?.capabilities?.add ?? []),
          volumes.flatMap(({ hostPath }) => hostPath?.path ?? []),
        ],
      ] as const
    })
    assert.deepEqual(Object.fromEntries(found), beyond)
  })

  test('T16: each has a token for an hour, for its own apiserver, and none that lives longer', () => {
    for (const { metadata, spec } of workloads) {
      const { automountServiceAccountToken, volumes = [] } = spec?.template.spec ?? {}
      assert.equal(automountServiceAccountToken, false, metadata.name)
      const tokens = volumes.flatMap(({ projected }) => projected?.sources?.flatMap((s) => s.serviceAccountToken ?? []) ?? [])
      assert.deepEqual(tokens, [{ path: 'token', expirationSeconds: 3600 }], metadata.name)
    }
  })

  for (const { metadata, spec } of workloads)
    test(`T16: ${metadata.name} is not privileged, gains nothing, writes on no root, and sees no processes of its node`, () => {
      const pod = spec?.template.spec
      assert.deepEqual([pod?.hostPID, pod?.hostIPC, pod?.shareProcessNamespace], [undefined, undefined, undefined])
      for (const { name, securityContext: context } of pod?.containers ?? []) {
        assert.ok(context !== undefined, name)
        assert.equal(context.privileged ?? false, false, name)
        assert.equal(context.allowPrivilegeEscalation, false, name)
        assert.equal(context.readOnlyRootFilesystem, true, name)
        assert.deepEqual(context.capabilities?.drop, ['ALL'], name)
        const { type } = context.seccompProfile ?? pod?.securityContext?.seccompProfile ?? {}
        assert.equal(type, 'RuntimeDefault', name)
      }
    })
})
