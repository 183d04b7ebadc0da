// The node's WireGuard key: made here once, kept on the node, never sent anywhere. Every kind of cable knows the gateway by it, since its
// tunnel address follows from it.
import type { Host } from '#lib/host/host.ts'
import { PrivateKey } from '#lib/net/keys.ts'

/** Reads the key from `path`, or makes one there, mode 0600. Throws on a file that holds no key: another key would be another gateway. */
export async function nodeKey(host: Pick<Host, 'read' | 'write'>, path: string, signal: AbortSignal): Promise<PrivateKey> {
  const text = await host.read(path, signal)
  if (text === undefined) {
    const key = PrivateKey.generate()
    await host.write(path, `${key.base64()}\n`, { mode: 0o600, atomic: true }, signal)
    return key
  }
  const key = PrivateKey.parse(text)
  if (!key.ok) throw new Error(`${path} holds no WireGuard key: delete the file to have a new one made`)
  return key.value
}
