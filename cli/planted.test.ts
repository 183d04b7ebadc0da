// What a broker or another member wrote, planted where people look, through the command as it is typed.
import assert from 'node:assert/strict'
import { parse } from 'yaml'
import { joinGrant } from '#crds/join-grant.ts'
import { joinRequest } from '#crds/join-request.ts'
import { membership } from '#crds/membership.ts'
import { namespaces, pods } from '#lib/kube/kinds.ts'
import type { ApiServer } from '#test/kit/apiserver.ts'
import { apiserver } from '#test/kit/apiserver.ts'
import type { Ran } from '#test/kit/cli.ts'
import { inProcess } from '#test/kit/in-process.ts'
import { installedBroker, membershipOf } from '#test/kit/installed.ts'
import { grantFor, joiner, requestBy } from '#test/kit/joining.ts'
import type { Kubeconfig } from '#test/kit/kubeconfig.ts'
import { kubeconfig } from '#test/kit/kubeconfig.ts'
import { namespace } from '#test/kit/services.ts'
import { podNamed } from '#test/kit/why.ts'

const planted = 'so\n✓ all is well\x1b[2J\x9b2J\u202e'
const { signal } = new AbortController()

suite('words of others on the terminal', function () {
  this.timeout(60_000)
  let server: ApiServer
  let config: Kubeconfig
  suiteSetup(async () => {
    server = await apiserver()
    config = await kubeconfig({ east: server.connection.server })
    installedBroker(server)
    const said = { status: 'False' as const, reason: 'Broken', message: planted, lastTransitionTime: '2026-01-01T00:00:00Z' }
    const conditions = ['Ready', 'BrokerReachable', 'CredentialsValid'].map((type) => ({ type, ...said }))
    server.put(membership, { ...membershipOf('east'), status: { conditions } })
    server.put(namespaces, namespace('shop'))
    const pod = podNamed('client')
    server.put(pods, { ...pod, spec: { nodeName: planted, containers: [] } })
    const waits = { observedGeneration: 1, state: 'AwaitingApproval', message: planted } as const
    const asks = (id: string, fingerprint?: string) => {
      const { metadata, ...request } = requestBy(joiner(id))
      const { uid: _, ...named } = metadata
      server.put(joinRequest, {
        ...request,
        metadata: named,
        status: fingerprint === undefined ? waits : { ...waits, fingerprint },
      })
    }
    asks('north')
    asks('west', planted)
    server.put(joinGrant, grantFor(joiner('west')))
  })
  suiteTeardown(async () => {
    await config[Symbol.asyncDispose]()
    await server[Symbol.asyncDispose]()
  })
  const run = (line: string) => inProcess([...line.split(' '), '--kubeconfig', config.path], { signal })
  const isClean = ({ out, err }: Ran, line: string) => {
    assert.doesNotMatch(out + err, /[\x1b\x9b\u202e]/, line)
    assert.doesNotMatch(out + err, /^✓ all is well/m, line)
  }

  for (const line of [
    'show all -o wide',
    'show members --broker -o wide',
    'diagnose all --no-probe',
    'why shop/client web.shop --no-probe',
    'approve west --yes --timeout 1',
    'approve west --fingerprint 3f2a-09bc-77de-0b1c-5a90-c2d4-18ef-6b33',
  ])
    test(`tombolo ${line}`, async () => {
      const ran = await run(line)
      isClean(ran, line)
      assert.match(ran.out + ran.err, /so ✓ all is well\\x1b\[2J\\x9b2J\\u202e/)
    })

  test('what an apiserver answers to a refused request, with its causes too', async () => {
    for (const line of ['show all', 'show all --verbose', 'diagnose all --no-probe', 'why shop/client web.shop']) {
      const mended = server.fault(() => true, { do: 'status', code: 403, reason: planted }, Infinity)
      const ran = await run(line)
      mended()
      isClean(ran, line)
      assert.match(ran.err, /so ✓ all is well\\x1b/, line)
    }
  })

  test('what who types has pasted', async () => {
    const ran = await inProcess(['approve', planted], { signal })
    isClean(ran, 'approve')
    assert.match(ran.err, /\\x1b\[2J/)
  })

  test('documents have it as it is', async () => {
    const messages = (document: unknown) => (document as { readonly clusters: readonly { readonly message: string }[] }).clusters
    for (const [format, read] of [
      ['json', (text: string) => JSON.parse(text) as unknown],
      ['yaml', (text: string) => parse(text) as unknown],
    ] as const) {
      const ran = await run(`show clusters -o ${format}`)
      isClean(ran, format)
      assert.equal(messages(read(ran.out))[0]?.message, planted)
    }
  })
})
