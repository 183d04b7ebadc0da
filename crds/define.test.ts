import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import fc from 'fast-check'
import { exportedEndpoints } from './exported-endpoints.ts'
import { gatewayEndpoint } from './gateway-endpoint.ts'
import { allKinds } from './index.ts'
import { membership } from './membership.ts'
import { derivedServiceName, hashedName } from './places.ts'

const member = (spec: object) => ({
  apiVersion: 'tombolo.dev/v1alpha1',
  kind: 'Membership',
  metadata: { name: 'membership' },
  spec: {
    clusterID: 'east',
    clusterset: 'c',
    podCIDRs: ['10.1.0.0/16'],
    serviceCIDRs: ['10.2.0.0/16'],
    image: 'tombolo:dev',
    ...spec,
  },
})

suite('kinds', () => {
  test('a good object parses, and defaults are filled in', () => {
    const parsed = membership.parse(member({}))
    assert.ok(parsed.ok)
    assert.equal(parsed.value.spec.wireguardPort, 51820)
  })

  const bad: readonly (readonly [string, object, string, RegExp])[] = [
    ['a cluster id with a dot', { clusterID: 'a.b' }, 'spec.clusterID', /DNS label/],
    ['a pod CIDR with host bits', { podCIDRs: ['10.1.0.1/16'] }, 'spec.podCIDRs.0', /network/],
    ['no pod CIDR', { podCIDRs: [] }, 'spec.podCIDRs', /1/],
    ['a port out of range', { wireguardPort: 70000 }, 'spec.wireguardPort', /65535/],
  ]
  for (const [name, change, field, want] of bad) {
    test(`${name} is refused by name`, () => {
      const parsed = membership.parse(member(change))
      assert.ok(!parsed.ok)
      assert.equal(parsed.error.field, field)
      assert.match(parsed.error.want, want)
    })
  }

  test('no object whatever makes a parser throw, and what it shows of it is short', () => {
    fc.assert(
      fc.property(fc.anything(), fc.constantFrom(...allKinds), (object, kind) => {
        const parsed = kind.parse(object)
        return parsed.ok || parsed.error.value.length <= 80
      }),
    )
  })

  test('every list and string of a kind of ours is bounded, so that admission expressions stay affordable', () => {
    const unbounded = allKinds
      .filter((k) => k.group === 'tombolo.dev')
      .flatMap((k) => k.crd().spec.versions.flatMap((v) => loose(k.kind, v.schema.openAPIV3Schema)))
    assert.deepEqual(unbounded, [])
  })

  test('every CRD is structural: each schema has a type, and none is a bare union', () => {
    const untyped = allKinds.flatMap((k) => k.crd().spec.versions.flatMap((v) => shapeless(k.kind, v.schema.openAPIV3Schema)))
    assert.deepEqual(untyped, [])
  })

  test('addresses of endpoints are strict', () => {
    const parse = (address: string) =>
      exportedEndpoints.parse({
        apiVersion: 'tombolo.dev/v1alpha1',
        kind: 'ExportedEndpoints',
        metadata: { name: 'x' },
        spec: {
          clusterID: 'east',
          namespace: 'shop',
          name: 'web',
          addressType: 'IPv4',
          ports: [],
          endpoints: [{ address, ready: true }],
        },
      }).ok
    assert.ok(parse('10.1.2.3'))
    for (const address of ['010.1.2.3', '::ffff:10.1.2.3', 'web', '10.1.2.3/32']) assert.equal(parse(address), false, address)
  })

  test('a Membership keeps its cluster id: the apiserver compares it with the one before', () => {
    const [version] = membership.crd().spec.versions
    const { spec } = version?.schema.openAPIV3Schema.properties as Record<string, Schema>
    const { 'x-kubernetes-validations': rules } = spec?.properties?.clusterID as {
      'x-kubernetes-validations'?: { rule: string }[]
    }
    assert.deepEqual(
      rules?.map(({ rule }) => rule),
      ['self == oldSelf'],
    )
  })

  test('a status is not needed: the object was just made', () =>
    assert.ok(membership.parse(member({})).ok && gatewayEndpoint.versions.length === 1))

  test('the generated YAML is what the kinds say', () => {
    execFileSync(process.execPath, ['hack/codegen.ts', '--check'], { cwd: `${import.meta.dirname}/..` })
  })
})

suite('names', () => {
  test('parts cannot be shifted against each other', () => assert.notEqual(hashedName('a', 'bc'), hashedName('ab', 'c')))
  test('the derived Service is named as the reference controllers of mcs-api name it', () => {
    // base32hex, lower case, of sha256("shop/web"), by coreutils: printf shop/web | openssl dgst -sha256 -binary | basenc --base32hex
    assert.equal(derivedServiceName('shop', 'web'), 'derived-isrlchlhrq')
  })
})

type Schema = {
  type?: string
  maxLength?: number
  maxItems?: number
  enum?: unknown[]
  format?: string
  properties?: Record<string, Schema>
  items?: Schema
  additionalProperties?: Schema
  oneOf?: unknown
  anyOf?: unknown
}

const children = (at: string, s: Schema): readonly (readonly [string, Schema])[] => [
  ...Object.entries(s.properties ?? {}).map(([name, child]) => [`${at}.${name}`, child] as const),
  ...(s.items === undefined ? [] : [[`${at}[]`, s.items] as const]),
  ...(s.additionalProperties === undefined ? [] : [[`${at}{}`, s.additionalProperties] as const]),
]

function loose(at: string, s: Schema): readonly string[] {
  const fixed = s.enum !== undefined || s.format === 'date-time' || /\.(apiVersion|kind)$/.test(at)
  const open = (s.type === 'string' && s.maxLength === undefined && !fixed) || (s.type === 'array' && s.maxItems === undefined)
  return [...(open ? [at] : []), ...children(at, s).flatMap(([path, child]) => loose(path, child))]
}

function shapeless(at: string, s: Schema): readonly string[] {
  return [
    ...(s.type === undefined || s.oneOf !== undefined || s.anyOf !== undefined ? [at] : []),
    ...children(at, s).flatMap(([path, child]) => shapeless(path, child)),
  ]
}
