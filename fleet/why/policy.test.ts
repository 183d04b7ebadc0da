import assert from 'node:assert/strict'
import { parse } from 'yaml'
import type { Connection, Direction } from './policy.ts'
import { judge, parsePolicy } from './policy.ts'

const to: Connection = {
  address: '10.1.2.5',
  port: 8080,
  protocol: 'TCP',
  portNames: { http: 8080 },
  other: 'of another cluster',
}

/** Spec in YAML, direction, what is asked, the verdict. The pod has the labels app=web, tier=front. */
const rows: readonly (readonly [string, Direction, Partial<Connection>, 'allowed' | 'denied' | 'perhaps'])[] = [
  ['{ podSelector: {} }', 'Ingress', {}, 'denied'],
  ['{ podSelector: {} }', 'Egress', {}, 'allowed'],
  ['{ podSelector: {}, egress: [] }', 'Egress', {}, 'denied'],
  ['{ podSelector: {}, policyTypes: [Egress] }', 'Ingress', {}, 'allowed'],
  ['{ podSelector: {}, egress: [{}] }', 'Egress', {}, 'allowed'],
  ['{ podSelector: { matchLabels: { app: db } }, egress: [] }', 'Egress', {}, 'allowed'],
  ['{ podSelector: { matchExpressions: [{ key: app, operator: In, values: [web] }] }, egress: [] }', 'Egress', {}, 'denied'],
  ['{ podSelector: { matchExpressions: [{ key: app, operator: NotIn, values: [web] }] }, egress: [] }', 'Egress', {}, 'allowed'],
  ['{ podSelector: { matchExpressions: [{ key: tier, operator: Exists }] }, egress: [] }', 'Egress', {}, 'denied'],
  ['{ podSelector: { matchExpressions: [{ key: tier, operator: DoesNotExist }] }, egress: [] }', 'Egress', {}, 'allowed'],
  ['{ podSelector: {}, egress: [{ to: [{ ipBlock: { cidr: 10.1.0.0/16 } }] }] }', 'Egress', {}, 'allowed'],
  ['{ podSelector: {}, egress: [{ to: [{ ipBlock: { cidr: 10.2.0.0/16 } }] }] }', 'Egress', {}, 'denied'],
  ['{ podSelector: {}, egress: [{ to: [{ ipBlock: { cidr: 10.0.0.0/8, except: [10.1.0.0/16] } }] }] }', 'Egress', {}, 'denied'],
  ['{ podSelector: {}, egress: [{ to: [{ podSelector: {}, namespaceSelector: {} }] }] }', 'Egress', {}, 'denied'],
  ['{ podSelector: {}, egress: [{ to: [{ namespaceSelector: {} }] }] }', 'Egress', { other: 'of this cluster' }, 'perhaps'],
  ['{ podSelector: {}, egress: [{ ports: [{ port: 8080 }] }] }', 'Egress', {}, 'allowed'],
  ['{ podSelector: {}, egress: [{ ports: [{ port: 8080, protocol: UDP }] }] }', 'Egress', {}, 'denied'],
  ['{ podSelector: {}, egress: [{ ports: [{ port: 8000, endPort: 8090 }] }] }', 'Egress', {}, 'allowed'],
  ['{ podSelector: {}, egress: [{ ports: [{ port: 8000, endPort: 8079 }] }] }', 'Egress', {}, 'denied'],
  ['{ podSelector: {}, egress: [{ ports: [{ protocol: TCP }] }] }', 'Egress', {}, 'allowed'],
  ['{ podSelector: {}, ingress: [{ ports: [{ port: http }] }] }', 'Ingress', {}, 'allowed'],
  ['{ podSelector: {}, ingress: [{ ports: [{ port: metrics }] }] }', 'Ingress', {}, 'denied'],
  [
    '{ podSelector: {}, ingress: [{ from: [{ ipBlock: { cidr: 10.1.0.0/16 } }], ports: [{ port: 9090 }] }] }',
    'Ingress',
    {},
    'denied',
  ],
]

suite('a NetworkPolicy', () => {
  for (const [spec, direction, change, kind] of rows)
    test(`${spec}: ${direction} ${JSON.stringify(change)} is ${kind}`, () => {
      const policy = parsePolicy({
        apiVersion: 'networking.k8s.io/v1',
        kind: 'NetworkPolicy',
        metadata: { name: 'np' },
        spec: parse(spec) as object,
      })
      assert.ok(policy)
      assert.equal(judge([policy], { app: 'web', tier: 'front' }, direction, { ...to, ...change }).kind, kind)
    })
})
