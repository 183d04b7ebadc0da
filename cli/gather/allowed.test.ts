import assert from 'node:assert/strict'
import { allKinds } from '#crds/index.ts'
import { secrets } from '#lib/kube/kinds.ts'
import { allowed, commands, componentsOf, modules } from './allowed.ts'
import { expanded } from './pick.ts'

type Schema = { readonly properties?: Readonly<Record<string, Schema>>; readonly items?: Schema; readonly type?: string }

const at = (schema: Schema | undefined, [part, ...rest]: readonly string[]): Schema | undefined => {
  const inner = schema?.items ?? schema
  return part === undefined ? inner : at(inner?.properties?.[part], rest)
}

suite('what a bundle may hold', () => {
  for (const kind of allKinds)
    test(`somebody has decided which fields of ${kind.kind} may leave the cluster, and they exist`, () => {
      const entry = allowed.find((a) => a.kind === kind)
      assert.ok(entry, `name the fields of ${kind.kind} that a stranger may see in cli/gather/allowed.ts; none is an answer too`)
      const schema = kind.crd().spec.versions[0]?.schema.openAPIV3Schema
      for (const path of entry.fields.flatMap(expanded)) {
        const field = at(schema, path.split('.'))
        assert.ok(field, `${kind.kind} has no ${path}`)
        assert.notEqual(field.type, 'object', `${kind.kind} ${path} is a branch: name what is in it`)
      }
    })

  test('Secrets are never asked for', () => {
    assert.ok(!allowed.some(({ kind }) => kind === secrets))
  })

  test('pods and workloads give neither environment nor arguments nor volumes', () => {
    for (const path of allowed.flatMap(({ fields }) => fields.flatMap(expanded)))
      assert.doesNotMatch(path, /\.(env|envFrom|args|command|volumes|annotations|managedFields)\b/)
  })

  test('every module reads something, and no command can print a key', () => {
    for (const module of modules) {
      assert.ok(allowed.some((a) => a.modules.includes(module)))
      assert.ok(componentsOf[module].length > 0)
    }
    for (const command of [...commands.agent, ...commands.gateway]) {
      assert.ok(['ip', 'nft', 'sysctl', 'wg'].includes(command[0] ?? ''), command.join(' '))
      assert.doesNotMatch(command.join(' '), /dump|private|preshared|showconf|\bset\b/)
    }
  })
})
