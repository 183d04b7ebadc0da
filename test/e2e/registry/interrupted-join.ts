// `tombolo join`, the process itself, cut off by Ctrl-C and by SIGKILL after each step that it prints, and by SIGKILL at each kind of write:
// the same command again goes on every time, until there is nowhere left to cut it off. Where that is comes from what it prints and
// writes, so a step that is new is tried too.
import assert from 'node:assert/strict'
import { kindOf } from '#cli/cluster/kinds.ts'
import type { JoinGrant } from '#crds/join-grant.ts'
import { joinGrant } from '#crds/join-grant.ts'
import { joinRequest } from '#crds/join-request.ts'
import { member } from '#crds/member.ts'
import { membership } from '#crds/membership.ts'
import { brokerNamespace, gatewayNodeLabel, identitySecretName, membershipName, systemNamespace } from '#crds/places.ts'
import { formatGrant } from '#lib/identity/grant.ts'
import { fingerprint } from '#lib/identity/identity.ts'
import { isNotFound } from '#lib/kube/errors.ts'
import { nodes } from '#lib/kube/kinds.ts'
import type { KubeObject } from '#lib/kube/object.ts'
import { keyOf, keyText } from '#lib/kube/object.ts'
import type { BareApiserver, BareBroker } from '#test/kit/bare-broker.ts'
import { bareApiserver } from '#test/kit/bare-broker.ts'
import type { Ran } from '#test/kit/cli.ts'
import { tombolo } from '#test/kit/cli.ts'
import { eventually } from '#test/kit/eventually.ts'
import { joiner } from '#test/kit/joining.ts'
import { joinerToken } from '#test/kit/on-broker.ts'
import type { Kubeconfig } from '#test/kit/kubeconfig.ts'
import { kubeconfig } from '#test/kit/kubeconfig.ts'
import type { Gate, Secure } from '#test/kit/secure.ts'
import { secure } from '#test/kit/secure.ts'
import type { Registry } from './registry.ts'

type Signal = 'SIGINT' | 'SIGKILL'
type Cut = { readonly point: string; readonly by: Signal }

export const interruptedJoin = (registry: () => Registry): void => {
  suite('a join that is cut off', () => {
    const one = joiner('cut-off')
    const { id } = one
    let cluster: BareApiserver
    let fronts: { readonly cluster: Secure; readonly broker: Secure }
    let config: Kubeconfig
    let grant: string

    /** How often a run was cut off there. */
    const tried = new Map<string, number>()
    let stops: Readonly<Record<Signal, AbortController>>
    let cut: Cut | undefined
    /** By one of these after the other, run by run. From then on nothing passes: where the command stands is where it was cut off. */
    function cutAt(point: string, signals: readonly Signal[]): ReturnType<Gate> {
      if (cut !== undefined) return 'keep'
      const times = tried.get(point) ?? 0
      const by = signals[times]
      if (by === undefined) return 'pass'
      tried.set(point, times + 1)
      cut = { point, by }
      stops[by].abort()
      return 'keep'
    }
    /** A write is made, and the command does not hear of it any more. */
    const gate: Gate = ({ method, url }, moment) => {
      if (cut !== undefined) return 'keep'
      return method === 'GET' || moment === 'asked' ? 'pass' : cutAt(writeOf(method, url), ['SIGKILL'])
    }

    suiteSetup(async function () {
      this.timeout(60_000)
      const { broker, signal } = registry()
      cluster = await bareApiserver(signal)
      fronts = { cluster: await secure(cluster, gate), broker: await secure(broker, gate) }
      config = await kubeconfig({ [id]: fronts.cluster.server }, cluster.token)
      const node = { apiVersion: nodes.apiVersion, kind: nodes.kind, metadata: { name: 'cut-off-1' } }
      await cluster.admin.create(nodes, node, {}, signal)
      await registry().grant(one)
      const { server, ca } = fronts.broker
      grant = formatGrant({
        clusterID: id,
        server,
        ca,
        token: await joinerToken(broker.admin, id, signal),
        code: one.code,
        expiresAt: new Date(Date.now() + 900_000),
      })
    })
    suiteTeardown(async () => {
      await config[Symbol.asyncDispose]()
      await fronts.cluster[Symbol.asyncDispose]()
      await fronts.broker[Symbol.asyncDispose]()
      await cluster[Symbol.asyncDispose]()
    })

    const command = (...more: readonly string[]) => [
      ...['join', '--grant', '-', '--context', id, '--kubeconfig', config.path, '--gateway-node', 'cut-off-1'],
      ...['--pod-cidr', '10.80.0.0/16', '--service-cidr', '10.180.0.0/16', ...more],
    ]
    function join(): Promise<Ran> {
      stops = { SIGINT: new AbortController(), SIGKILL: new AbortController() }
      cut = undefined
      let said = ''
      const show = (text: string) => {
        said += text
        // After its last step the program ends, and whether a signal still meets it is chance.
        const titles = stepsIn(said).filter((title) => title !== lastStep)
        for (const title of titles) cutAt(`after ${title}`, ['SIGINT', 'SIGKILL'])
      }
      const { SIGINT, SIGKILL } = stops
      const { signal } = registry()
      return tombolo(command(), { signal, stdin: grant, show, interrupt: SIGINT.signal, kill: SIGKILL.signal })
    }

    test('goes on by the same command wherever it was, says at Ctrl-C what there is, and makes nothing twice', async function () {
      this.timeout(180_000)
      const { broker, signal } = registry()
      const began = performance.now()
      const wanted = await dryRun()
      const kinds = [...new Set(wanted.map(kindOf))]
      const there = async () => (await Promise.all(kinds.map((kind) => namesOf(cluster, kind, signal)))).flat()
      const before = new Set(await there())
      const prints = new Set<string>()
      let runs = 0
      for (;;) {
        const ran = await join()
        runs++
        for (const [, print = ''] of ran.err.matchAll(/fingerprint (\S+)/g)) prints.add(print)
        if (ran.code === 0) break
        assertCutOff(ran, cut)
        // The operator comes up when it was tried without it.
        if (cut?.by === 'SIGKILL' && cut.point.startsWith('after ')) await operatorReports(cluster, signal)
      }
      process.stdout.write(
        `      cut off at ${tried.size} points in ${runs} runs, ${((performance.now() - began) / 1000).toFixed(0)} s\n`,
      )
      for (const { plural } of kinds) assert.ok(tried.has(`PATCH ${plural}`), `not cut off at ${plural}`)

      const keys = `Secret ${systemNamespace}/${identitySecretName}`
      const made = (await there()).filter((name) => !before.has(name))
      assert.deepEqual(made.toSorted(), [...wanted.map(nameOf).filter((name) => !before.has(name)), keys].toSorted())
      assert.equal((await cluster.admin.get(nodes, { name: 'cut-off-1' }, signal))?.metadata.labels?.[gatewayNodeLabel], 'true')
      const members = (await broker.admin.list(member, {}, signal)).items.filter(({ spec }) => spec.clusterID === id)
      const requests = (await broker.admin.list(joinRequest, {}, signal)).items.filter(({ spec }) => spec.clusterID === id)
      assert.deepEqual([members.length, requests.length, prints.size], [1, 1, 1])
      assert.deepEqual(
        members.map(({ spec }) => fingerprint(spec.identity)),
        [...prints],
      )
      await eventually(async () => assert.equal((await readGrant(broker, id, signal))?.status?.state, 'Used'))
    })

    /** What one run makes. */
    async function dryRun(): Promise<readonly KubeObject[]> {
      const ran = await tombolo(command('--dry-run', '-o', 'json'), { signal: registry().signal, stdin: grant })
      assert.equal(ran.code, 0, ran.err)
      return (JSON.parse(ran.out) as { readonly items: readonly KubeObject[] }).items
    }
  })
}

const lastStep = '"cut-off" is connected'
const stepsIn = (said: string): readonly string[] => [...said.matchAll(/^✓ (.+) \([\d.]+ s\)$/gm)].map(([, title = '']) => title)

function assertCutOff({ code, err }: Ran, cut: Cut | undefined): void {
  assert.ok(cut !== undefined, `it ended by itself: ${err}`)
  const last = err.trimEnd().split('\n').at(-1) ?? ''
  if (cut.by === 'SIGKILL') {
    assert.doesNotMatch(err, /interrupted/)
    return
  }
  const done = stepsIn(err)
  assert.equal(code, 130, err)
  assert.equal(
    last,
    `interrupted.${done.length === 0 ? '' : ` Done: ${done.join('; ')}.`} The same command again goes on from there.`,
    cut.point,
  )
}

/** `PATCH clusterroles`; with a writer of its own, that too. */
function writeOf(method: string, url: string): string {
  const { pathname, searchParams } = new URL(url, 'http://any')
  const plural = pathname.split('/').at(method === 'POST' ? -1 : -2) ?? ''
  const by = searchParams.get('fieldManager')
  return `${method} ${plural}${by === null || by === 'tombolo-cli' ? '' : ` by ${by}`}`
}

const nameOf = (object: KubeObject): string => `${object.kind} ${keyText(keyOf(object))}`

async function namesOf({ admin }: BareApiserver, kind: ReturnType<typeof kindOf>, signal: AbortSignal) {
  try {
    return (await admin.list(kind, {}, signal)).items.map(({ metadata }) => `${kind.kind} ${keyText(keyOf({ metadata }))}`)
  } catch (error) {
    // Before its CRD is there.
    if (isNotFound(error)) return []
    throw error
  }
}

async function operatorReports({ admin }: BareApiserver, signal: AbortSignal): Promise<void> {
  const key = { namespace: systemNamespace, name: membershipName }
  const own = await admin.get(membership, key, signal)
  if (own === undefined) return
  const ready = { type: 'Ready', status: 'True', reason: 'Ready', message: '', lastTransitionTime: new Date().toISOString() }
  const status = { observedGeneration: own.metadata.generation, conditions: [ready] }
  const { apiVersion, kind } = membership
  await admin.apply(
    membership,
    { apiVersion, kind, metadata: key, status },
    { fieldManager: 'test', subresource: 'status' },
    signal,
  )
}

const readGrant = ({ admin }: BareBroker, name: string, signal: AbortSignal): Promise<JoinGrant | undefined> =>
  admin.get(joinGrant, { namespace: brokerNamespace, name }, signal)
