// Whose an object is: what it says must be the cluster of who writes it, now and for as long as it exists.
import { accountOf } from './account.ts'
import type { Review, Rule } from './rule.ts'

type Owned = { readonly clusterID: string }

export const ownID: Rule = {
  name: 'own-id',
  says: "spec.clusterID must be the member's own id",
  cel: 'object.spec.clusterID == variables.id && params.spec.clusterID == variables.id',
  holds: ({ request, object, params }: Review<Owned>) => {
    const { id } = accountOf(request.user)
    return object?.spec.clusterID === id && params?.spec.clusterID === id
  },
}

/** Before there is an Allocation. */
export const joinersID: Rule = {
  name: 'joiners-id',
  says: 'spec.clusterID and the name must be the id that the grant is for',
  cel: 'object.spec.clusterID == variables.id && object.metadata.name == variables.id',
  holds: ({ request, object }: Review<Owned>) => {
    const { id } = accountOf(request.user)
    return object?.spec.clusterID === id && object.metadata.name === id
  },
}

/** `fields` of the spec, paths such as `wireguard.publicKey`, make up what the object is about; another one is another object. */
export const fixedIdentity = (...fields: readonly string[]): Rule => ({
  name: 'fixed-identity',
  says: `an object stays about what it was made for: ${fields.map((field) => `spec.${field}`).join(', ')} cannot change`,
  cel: `oldObject == null || (${fields.map((field) => `object.spec.${field} == oldObject.spec.${field}`).join(' && ')})`,
  holds: ({ object, oldObject }) =>
    oldObject === undefined || fields.every((field) => read(object?.spec, field) === read(oldObject.spec, field)),
})

const read = (spec: unknown, path: string): unknown =>
  path.split('.').reduce((value, field) => (value as Readonly<Record<string, unknown>> | undefined)?.[field], spec)
