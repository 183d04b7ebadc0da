// What stands beside the spec: nothing there may hold up a removal, speak for another or weigh on everybody's memory.
import type { Meta } from '#lib/kube/object.ts'
import { clusterIDLabel } from '../places.ts'
import { accountOf } from './account.ts'
import type { Review, Rule } from './rule.ts'

const most = { labels: 16, annotations: 4, annotationLength: 256 }

const metaOf = ({ object }: Review): Partial<Meta> => object?.metadata ?? {}
const sizeOf = (map: Readonly<Record<string, string>> | undefined): number => Object.keys(map ?? {}).length

const noFinalizers: Rule = {
  name: 'no-finalizers',
  says: 'no finalizers: they would hold up the removal of the member',
  cel: '!has(object.metadata.finalizers) || object.metadata.finalizers.size() == 0',
  holds: (review) => (metaOf(review).finalizers ?? []).length === 0,
}

const noOwners: Rule = {
  name: 'no-owners',
  says: 'no owner references: what a member publishes belongs to nobody else',
  cel: '!has(object.metadata.ownerReferences) || object.metadata.ownerReferences.size() == 0',
  holds: (review) => (metaOf(review).ownerReferences ?? []).length === 0,
}

/** The controllers of the broker find objects by it. */
const ownLabel: Rule = {
  name: 'own-label',
  says: `the label ${clusterIDLabel} must be the member's own id`,
  cel: `!has(object.metadata.labels) || !('${clusterIDLabel}' in object.metadata.labels) || object.metadata.labels['${clusterIDLabel}'] == variables.id`,
  holds: (review) => [undefined, accountOf(review.request.user).id].includes(metaOf(review).labels?.[clusterIDLabel]),
}

/** Every member keeps a copy. */
const littleMetadata: Rule = {
  name: 'little-metadata',
  says: `at most ${most.labels} labels and ${most.annotations} annotations of ${most.annotationLength} characters`,
  cel: [
    `(!has(object.metadata.labels) || object.metadata.labels.size() <= ${most.labels})`,
    `(!has(object.metadata.annotations) || (object.metadata.annotations.size() <= ${most.annotations} && object.metadata.annotations.all(key, object.metadata.annotations[key].size() <= ${most.annotationLength})))`,
  ].join(' && '),
  holds: (review) => {
    const { labels, annotations } = metaOf(review)
    return (
      sizeOf(labels) <= most.labels &&
      sizeOf(annotations) <= most.annotations &&
      // CEL counts code points.
      Object.values(annotations ?? {}).every((text) => Array.from(text).length <= most.annotationLength)
    )
  },
}

export const metadataRules: readonly Rule[] = [noFinalizers, noOwners, ownLabel, littleMetadata]
