// The cluster DNS, as somebody else's property that we borrow one block of: what to patch so that it forwards our zone, and to undo it.
import { createHash } from 'node:crypto'
import { managedBy, managedByLabel } from '#crds/places.ts'
import type { ConfigMap, Deployment } from '#lib/kube/kinds.ts'
import { importsServers, serverFile, unwire, wire, zoneForwarders } from './corefile.ts'

/** On the pod template of CoreDNS: a change of it rolls the pods, which is quicker and surer than waiting for `reload` behind the kubelet's own delay. */
export const wiredAnnotation = 'tombolo.dev/clusterset-zone'

export const coreDNSKey = { namespace: 'kube-system', name: 'coredns' }
/** Whose keys are files that a provider's Corefile imports. It need not be there. */
export const customKey = { namespace: 'kube-system', name: 'coredns-custom' }
/** The key in it that is ours. */
const serverKey = 'tombolo.server'

export type Seen = {
  readonly configMap: ConfigMap | undefined
  readonly custom: ConfigMap | undefined
  readonly deployment: Deployment | undefined
}

/** Merge patches; absent where nothing is to be changed. */
export type Patches = {
  readonly configMap?: object
  readonly custom?: CustomPatch
  readonly deployment?: object
}

type CustomPatch =
  | { readonly do: 'create'; readonly object: ConfigMap }
  | { readonly do: 'patch'; readonly patch: object }
  | { readonly do: 'delete' }

/** `noCoreDNS`: there is none where kubeadm puts it. `foreignZone`: another block has the zone, so ours must not be there. Either is a person's to mend. */
export type Wiring = { readonly state: 'wired' | 'noCoreDNS' | 'foreignZone'; readonly patches: Patches }

/** In the Corefile itself there is our block, or in a file that it imports. */
type Wanted = { readonly corefile: string | undefined; readonly file?: string; readonly mark?: string }

export function wirePatches(seen: Seen, zone: string, server: string): Wiring {
  const corefile = seen.configMap?.data?.['Corefile']
  if (corefile === undefined || seen.deployment === undefined) return { state: 'noCoreDNS', patches: {} }
  const wired = wiredInto(corefile, seen.custom?.data, zone, server)
  if (wired === undefined) return { state: 'foreignZone', patches: unwirePatches(seen) }
  const mark = createHash('sha256')
    .update(wired.file ?? wired.corefile)
    .digest('hex')
    .slice(0, 16)
  return { state: 'wired', patches: patches(seen, { ...wired, mark }) }
}

function wiredInto(corefile: string, custom: ConfigMap['data'], zone: string, server: string) {
  if (!importsServers(corefile)) {
    const wired = wire(corefile, zone, server)
    return wired === undefined ? undefined : { corefile: wired }
  }
  const { [serverKey]: _, ...files } = custom ?? {}
  const others = unwire(corefile)
  return zoneForwarders(others, files, zone) === undefined ? { corefile: others, file: serverFile(zone, server) } : undefined
}

export function unwirePatches(seen: Seen): Patches {
  const corefile = seen.configMap?.data?.['Corefile']
  return patches(seen, { corefile: corefile === undefined ? undefined : unwire(corefile) })
}

function patches({ configMap, custom, deployment }: Seen, want: Wanted): Patches {
  // The version it was read at: what somebody else writes into the file meanwhile is a conflict, and not lost.
  const resourceVersion = configMap?.metadata.resourceVersion
  const marked = deployment?.spec?.template.metadata?.annotations?.[wiredAnnotation]
  const file = customPatch(custom, want.file)
  return {
    ...(configMap?.data?.['Corefile'] === want.corefile
      ? {}
      : { configMap: { metadata: { resourceVersion }, data: { Corefile: want.corefile } } }),
    ...(file === undefined ? {} : { custom: file }),
    ...(marked === want.mark
      ? {}
      : { deployment: { spec: { template: { metadata: { annotations: { [wiredAnnotation]: want.mark ?? null } } } } } }),
  }
}

/** It goes as it came: with the object where that is ours and nobody has put anything into it since. */
function customPatch(custom: ConfigMap | undefined, file: string | undefined): CustomPatch | undefined {
  const { [serverKey]: have, ...others } = custom?.data ?? {}
  if (have === file) return undefined
  if (custom === undefined)
    return {
      do: 'create',
      object: {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { ...customKey, labels: managedBy },
        data: { [serverKey]: file ?? '' },
      },
    }
  const { labels = {}, resourceVersion } = custom.metadata
  const isOurs = labels[managedByLabel] === managedBy[managedByLabel]
  if (file === undefined && isOurs && Object.keys(others).length === 0) return { do: 'delete' }
  return { do: 'patch', patch: { metadata: { resourceVersion }, data: { [serverKey]: file ?? null } } }
}
