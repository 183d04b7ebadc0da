// What was issued to a cluster and has not ended: one ConfigMap a cluster, written before an answer is. So whatever may still be shown
// somewhere is known by serial and key, also when the cluster and its namespace are long gone.
import { brokerNamespace, clusterIDLabel, managedBy } from '#crds/places.ts'
import type { ConfigMap } from '#lib/kube/kinds.ts'
import type { KeyID } from '#lib/pki/cert-key.ts'

/** `member`: UID of the Member it was issued to; a cluster that left and came back is another. */
export type Entry = { readonly serial: string; readonly key: KeyID; readonly member: string; readonly until: Date }
export type Ledger = { readonly clusterID: string; readonly entries: readonly Entry[] }

/** On the ConfigMaps, to find them by. */
export const ledgerLabel = 'tombolo.dev/issued-certificates'
export const ledgerName = (clusterID: string): string => `issued-${clusterID}`

/** One line an entry; what is no line of ours is passed over, as only the controller writes here. */
export function readLedger(map: ConfigMap): Ledger {
  const lines = (map.data?.issued ?? '').split('\n')
  return {
    clusterID: map.metadata.labels?.[clusterIDLabel] ?? '',
    entries: lines.flatMap((line) => {
      const [serial, key, member, until] = line.split(' ')
      const at = new Date(until ?? '')
      return serial === undefined || key === undefined || member === undefined || Number.isNaN(at.getTime())
        ? []
        : [{ serial, key: key as KeyID, member, until: at }]
    }),
  }
}

export const ledgerObject = ({ clusterID, entries }: Ledger): ConfigMap => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: {
    name: ledgerName(clusterID),
    namespace: brokerNamespace,
    labels: { ...managedBy, [clusterIDLabel]: clusterID, [ledgerLabel]: 'true' },
  },
  data: { issued: entries.map((e) => `${e.serial} ${e.key} ${e.member} ${e.until.toISOString()}`).join('\n') },
})
