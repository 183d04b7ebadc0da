import assert from 'node:assert/strict'
import type { GatewayCertificate } from '#crds/gateway-certificate.ts'
import type { TrustBundle } from '#crds/trust-bundle.ts'
import type { Step } from '#lib/kube/plan.ts'
import { answerSteps, askSteps, bundleSteps } from './certificates.ts'

const pem = '-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n'
type Change = { readonly cluster?: string; readonly spec?: object; readonly status?: object; readonly generation?: number }
const one = (namespace: string, name: string, { cluster = 'east', spec = {}, status, generation = 1 }: Change = {}) =>
  ({
    metadata: { namespace, name, generation },
    spec: { clusterID: cluster, node: 'n1', request: pem, trusts: [], ...spec },
    ...(status === undefined ? {} : { status }),
  }) as unknown as GatewayCertificate
const here = (name: string, change?: Change) => one('tombolo-system', name, change)
const there = (name: string, change?: Change) => one('tombolo-m-east', name, change)
const said = (steps: readonly Step[]) =>
  steps.map(
    (s) =>
      `${s.do} ${s.do === 'apply' ? `${s.object.metadata.namespace}/${s.object.metadata.name}` : `${s.key.namespace}/${s.key.name}`}`,
  )

suite('certificates at the door', () => {
  test('our own requests go to our namespace on the broker, and what is asked no more goes from there', () => {
    const steps = askSteps('east', [here('a', { status: { serial: 'ab' } }), here('b', { cluster: 'west' })], [there('old')])
    assert.deepEqual(said(steps), ['apply tombolo-m-east/a', 'delete tombolo-m-east/old'])
    assert.ok(steps[0]?.do === 'apply' && !('status' in steps[0].object), 'the answer is the broker’s to write')
  })

  const answer = { observedGeneration: 7, serial: 'ab', conditions: [{ type: 'Ready', status: 'True', observedGeneration: 7 }] }
  const rows: readonly (readonly [string, GatewayCertificate, GatewayCertificate | undefined, boolean])[] = [
    ['an answer to what is asked', here('a'), there('a', { generation: 7, status: answer }), true],
    ['no answer yet', here('a'), there('a'), false],
    ['nothing asked there yet', here('a'), undefined, false],
    ['an answer to an earlier state of it', here('a'), there('a', { generation: 8, status: answer }), false],
    [
      'an answer to something else than is asked now',
      here('a', { spec: { trusts: ['cd'] } }),
      there('a', { generation: 7, status: answer }),
      false,
    ],
  ]
  for (const [what, asked, found, comes] of rows)
    test(`${what} ${comes ? 'comes back, as of the generation here' : 'changes nothing'}`, () => {
      const [step] = answerSteps(
        [{ ...asked, metadata: { ...asked.metadata, generation: 3 } }],
        found === undefined ? [] : [found],
      )
      const status = step?.do === 'status' ? (step.status as typeof answer) : undefined
      assert.equal(step !== undefined, comes)
      assert.deepEqual(
        [status?.serial, status?.observedGeneration, status?.conditions[0]?.observedGeneration],
        comes ? ['ab', 3, 3] : [undefined, undefined, undefined],
      )
    })

  test('what is believed is copied; a broker that has none, or nonsense, takes none away', () => {
    const bundle = (spec: object) =>
      ({ apiVersion: 'tombolo.dev/v1alpha1', kind: 'TrustBundle', metadata: { name: 'fleet' }, spec }) as unknown as TrustBundle
    assert.deepEqual(said(bundleSteps(bundle({ roots: [], denied: [] }), undefined)), ['apply tombolo-system/fleet'])
    assert.deepEqual(bundleSteps(undefined, bundle({ roots: [], denied: [] })), [])
    assert.deepEqual(bundleSteps(bundle({ roots: [{ id: 'x' }] }), undefined), [])
  })
})
