import assert from 'node:assert/strict'
import { clusterRoles, configMaps, namespaces } from './kinds.ts'
import { keyText, parseKey, pathOf } from './object.ts'

suite('object', () => {
  const paths = [
    ['one object', pathOf(configMaps, { namespace: 'shop', name: 'web' }), '/api/v1/namespaces/shop/configmaps/web'],
    ['a kind in all namespaces', pathOf(configMaps, {}), '/api/v1/configmaps'],
    ['a subresource', pathOf(namespaces, { name: 'shop' }, 'status'), '/api/v1/namespaces/shop/status'],
    [
      'a name that a URL would take for something else',
      pathOf(clusterRoles, { name: 'system:a/b' }),
      '/apis/rbac.authorization.k8s.io/v1/clusterroles/system%3Aa%2Fb',
    ],
    ['a cluster-scoped kind, whatever the namespace', pathOf(namespaces, { namespace: 'x' }), '/api/v1/namespaces'],
  ] as const
  for (const [what, path, want] of paths) test(`the path of ${what}`, () => assert.equal(path, want))

  test('a key survives being text', () => {
    for (const key of [{ name: 'a' }, { namespace: 'n', name: 'a' }]) assert.deepEqual(parseKey(keyText(key)), key)
  })
})
