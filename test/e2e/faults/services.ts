// What is wrong with the pod that asks, with the service, with what stands behind it, or with who may.
import assert from 'node:assert/strict'
import { eventually } from '#test/kit/eventually.ts'
import { fleetOf } from '#test/kit/fleet.ts'
import type { RigSuite } from '#test/kit/rig-suite.ts'
import type { Fault } from './fault.ts'
import { nothing, undo } from './fault.ts'
import { askerOn, elsewhere, exportOf, grantOf, policy, wrongTarget } from './objects.ts'

const quick = ['--grace-period=1', '--ignore-not-found']

export const serviceFaults = (at: RigSuite): readonly Fault[] => {
  const east = () => at.rig.cluster('east')
  const west = () => at.rig.cluster('west')
  return [
    {
      name: 'there is no such pod',
      plant: nothing,
      from: 'shop/nobody',
      at: 'source pod',
      says: /there is no pod shop\/nobody/,
    },
    {
      name: 'the pod is not ready',
      plant: async () => {
        await west().apply(askerOn(west().node(2).name, 'unready', 'readinessProbe: { exec: { command: ["false"] } }'))
        return undo(west(), '-n', 'shop', 'delete', 'pod', 'unready', ...quick)
      },
      from: 'shop/unready',
      at: 'source pod',
      says: /is not ready/,
    },
    {
      name: 'the service has no such port',
      plant: nothing,
      to: 'web.shop:81',
      at: 'port',
      says: /has no port 81: it offers 80\/TCP/,
    },
    {
      name: 'the service is not exported',
      plant: async () => {
        await east().kubectl(['-n', 'shop', 'create', 'service', 'clusterip', 'quiet', '--tcp=80:8080'])
        return undo(east(), '-n', 'shop', 'delete', 'service', 'quiet')
      },
      to: 'quiet.shop',
      at: 'export',
      says: /quiet is not exported/,
    },
    {
      name: 'the service is of type ExternalName',
      plant: async () => {
        await east().kubectl(['-n', 'shop', 'create', 'service', 'externalname', 'outside', '--external-name', 'example.com'])
        await east().apply(exportOf('shop', 'outside'))
        return undo(east(), '-n', 'shop', 'delete', 'service/outside', 'serviceexport/outside')
      },
      to: 'outside.shop',
      at: 'export',
      says: /ExternalName/,
      diagnosis: {
        in: 'east',
        finds: [
          { check: 'exports-valid', says: /shop\/outside: .*ExternalName/, remedy: /tombolo unexport service outside -n shop/ },
        ],
      },
    },
    {
      name: 'the fleet does not let it be exported',
      plant: async () => {
        await east().apply(grantOf('kept'))
        await east().kubectl(['-n', 'shop', 'create', 'service', 'clusterip', 'kept', '--tcp=80:8080'])
        await east().apply(exportOf('shop', 'kept'))
        return async () => {
          await east().kubectl(['-n', 'shop', 'delete', 'service/kept', 'serviceexport/kept'])
          await east().kubectl(['-n', 'tombolo-broker', 'delete', 'exportgrant', 'kept'])
        }
      },
      to: 'kept.shop',
      at: 'export',
      says: /^the fleet does not let east export shop\/kept$/,
      types: /^echo '\{.*"services":\["kept"\],"clusters":\["east"\].*\}' \| kubectl --context BROKER apply -f -/,
      diagnosis: {
        in: 'east',
        finds: [
          {
            check: 'exports-valid',
            says: /^shop\/kept: shop\/kept is not exported: the fleet lets other clusters export it/,
            remedy: /^Ask the administrator of the broker for that grant/,
          },
          {
            check: 'export-grants',
            level: 'warn',
            says: /^kept grants names of shop to clusters that are no members: nowhere$/,
            remedy: /kubectl -n tombolo-broker edit exportgrant kept/,
          },
        ],
      },
    },
    {
      name: 'it is taken from other clusters alone',
      plant: async () => {
        const importFrom = (value: unknown) =>
          west().kubectl([
            ...['-n', 'tombolo-system', 'patch', 'membership', 'membership', '--type=merge'],
            ...['-p', JSON.stringify({ spec: { importFrom: value } })],
          ])
        await importFrom([{ namespace: 'shop', clusters: ['west'] }])
        await eventually(async () => {
          const shown = await fleetOf(at.rig, at.signal).must('show', 'services', '--context', 'west', '-o', 'json')
          assert.doesNotMatch(shown.out, /"name": "web"/)
          const condition = 'jsonpath={.status.conditions[?(@.type=="ImportsTaken")].message}'
          const said = await west().kubectl(['-n', 'tombolo-system', 'get', 'membership', 'membership', '-o', condition])
          assert.match(said, /spec\.importFrom leaves out what other members export, \d in all: .*shop\/web of east/)
        })
        return () => importFrom(null)
      },
      at: 'import',
      thenAsk: true,
      says: /^west takes services of namespace shop from other clusters than east alone: spec\.importFrom/,
      types: /^kubectl --context west -n tombolo-system edit membership membership, and name east there/,
    },
    {
      name: 'no endpoint is ready',
      plant: async () => {
        await east().kubectl(['-n', 'shop', 'create', 'service', 'clusterip', 'empty', '--tcp=80:8080'])
        await east().apply(exportOf('shop', 'empty'))
        return undo(east(), '-n', 'shop', 'delete', 'service/empty', 'serviceexport/empty')
      },
      to: 'empty.shop',
      at: 'endpoints',
      says: /no endpoint of shop\/empty is ready/,
      diagnosis: [
        {
          in: 'west',
          finds: [
            {
              check: 'imports-answer',
              says: /shop\/empty, exported by east, has no (ready )?endpoint/,
              remedy: /where it is exported \(east\)/,
            },
          ],
        },
        {
          in: 'east',
          finds: [
            {
              check: 'exported-endpoints',
              level: 'warn',
              says: /^shop\/empty is exported and has no endpoint that is ready$/,
              remedy: /^kubectl -n shop get pods -l app=empty /,
            },
          ],
        },
      ],
    },
    {
      name: 'its traffic policy lets nobody answer',
      plant: async () => {
        await west().apply(
          JSON.stringify({
            apiVersion: 'tombolo.dev/v1alpha1',
            kind: 'ServiceTrafficPolicy',
            metadata: { namespace: 'shop', name: 'web' },
            spec: { deny: ['east'] },
          }),
        )
        return undo(west(), '-n', 'shop', 'delete', 'servicetrafficpolicy', 'web')
      },
      to: 'web.shop',
      at: 'import',
      says: /^the traffic policy of shop\/web in west lets no cluster answer$/,
      types: /^kubectl --context west -n shop edit servicetrafficpolicy web$/,
      diagnosis: {
        in: 'west',
        finds: [
          {
            check: 'traffic-policies',
            says: /^shop\/web: no cluster that exports shop\/web may answer: east would, if spec\.deny did not name it$/,
            remedy: /edit servicetrafficpolicy web/,
          },
        ],
      },
    },
    {
      name: 'the namespace is missing where it is imported',
      plant: async () => {
        await east().kubectl(['create', 'namespace', 'books'])
        await east().apply(elsewhere)
        await east().apply(exportOf('books', 'web'))
        return undo(east(), 'delete', 'namespace', 'books', '--wait=false')
      },
      to: 'web.books',
      at: 'import',
      says: /there is no namespace books in west/,
    },
    {
      name: 'an egress policy forbids it',
      plant: async () => {
        // DNS is allowed, and the same block as of another cluster, without this one.
        await west().apply(
          policy(
            'keep-in',
            'Egress',
            '{ egress: [{ ports: [{ port: 53, protocol: UDP }, { port: 53 }] }, { to: [{ ipBlock: { cidr: 10.0.0.0/8, except: [10.241.0.0/16] } }] }] }',
          ),
        )
        return undo(west(), '-n', 'shop', 'delete', 'networkpolicy', 'keep-in')
      },
      at: 'egress policy',
      says: /NetworkPolicy keep-in lets shop\/asker send nothing to 10\.241\./,
    },
    {
      name: 'an ingress policy of the far side forbids it',
      plant: async () => {
        await east().apply(policy('keep-out', 'Ingress', '{ ingress: [{ from: [{ namespaceSelector: {} }] }] }'))
        return undo(east(), '-n', 'shop', 'delete', 'networkpolicy', 'keep-out')
      },
      at: 'ingress policy',
      says: /NetworkPolicy keep-out lets shop\/web-.* take nothing from 10\.242\./,
      diagnosis: {
        in: 'east',
        finds: [
          {
            check: 'network-policies',
            says: /NetworkPolicy keep-out keeps pods of west from shop\/web, 80\/TCP/,
            remedy: /ipBlock: \{cidr: 10\.242\./,
          },
        ],
      },
    },
    {
      name: 'nobody listens on the port behind the service',
      plant: async () => {
        await east().apply(wrongTarget)
        await east().apply(exportOf('shop', 'wrong'))
        return undo(east(), '-n', 'shop', 'delete', 'service/wrong', 'serviceexport/wrong')
      },
      to: 'wrong.shop',
      at: 'answer',
      says: /refuses connections/,
    },
  ]
}
