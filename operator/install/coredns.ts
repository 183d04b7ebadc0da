// The cluster DNS, as somebody else's property that we borrow one block of: what to patch so that it forwards our zone, and to undo it.
import { createHash } from 'node:crypto'
import type { ConfigMap, Deployment } from '#lib/kube/kinds.ts'
import { unwire, wire } from './corefile.ts'

/** On the pod template of CoreDNS: a change of it rolls the pods, which is quicker and surer than waiting for `reload` behind the kubelet's own delay. */
export const wiredAnnotation = 'tombolo.dev/clusterset-zone'

export type Seen = { readonly configMap: ConfigMap | undefined; readonly deployment: Deployment | undefined }

/** Merge patches for the two objects; absent where nothing is to be changed. */
export type Patches = { readonly configMap?: object; readonly deployment?: object }

/** `noCoreDNS`: there is none where kubeadm puts it. `foreignZone`: another block has the zone, so ours must not be there. Either is a person's to mend. */
export type Wiring = { readonly state: 'wired' | 'noCoreDNS' | 'foreignZone'; readonly patches: Patches }

export function wirePatches(seen: Seen, zone: string, server: string): Wiring {
  const corefile = seen.configMap?.data?.['Corefile']
  if (corefile === undefined || seen.deployment === undefined) return { state: 'noCoreDNS', patches: {} }
  const wired = wire(corefile, zone, server)
  if (wired === undefined) return { state: 'foreignZone', patches: unwirePatches(seen) }
  const mark = createHash('sha256').update(wired).digest('hex').slice(0, 16)
  return { state: 'wired', patches: patches(seen, corefile, wired, mark) }
}

export function unwirePatches(seen: Seen): Patches {
  const corefile = seen.configMap?.data?.['Corefile']
  return patches(seen, corefile, corefile === undefined ? undefined : unwire(corefile), undefined)
}

function patches(seen: Seen, have: string | undefined, want: string | undefined, mark: string | undefined): Patches {
  // The version it was read at: what somebody else writes into the file meanwhile is a conflict, and not lost.
  const resourceVersion = seen.configMap?.metadata.resourceVersion
  const marked = seen.deployment?.spec?.template.metadata?.annotations?.[wiredAnnotation]
  return {
    ...(have === want ? {} : { configMap: { metadata: { resourceVersion }, data: { Corefile: want } } }),
    ...(marked === mark
      ? {}
      : { deployment: { spec: { template: { metadata: { annotations: { [wiredAnnotation]: mark ?? null } } } } } }),
  }
}
