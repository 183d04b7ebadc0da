// The node's WireGuard key: made here once, kept on the node, never sent anywhere. Every kind of cable knows the gateway by it, since its
// tunnel address follows from it.
import type { Host } from '#lib/host/host.ts'
import { PrivateKey } from '#lib/net/keys.ts'

export const nodeKeyFile = (stateDir: string): string => `${stateDir}/wireguard.key`

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

/**
 * Makes another key in place of the one at `path` where a person has asked for it with a value that was not answered yet; whether it did. What
 * was answered is kept beside the key, and written after it: a gateway that is killed in between makes one key more, which nobody has heard of.
 */
export async function renewNodeKey(
  host: Pick<Host, 'read' | 'write'>,
  path: string,
  asked: string | undefined,
  signal: AbortSignal,
): Promise<boolean> {
  if (!(await isToRenew(host, path, asked, signal))) return false
  await host.write(path, `${PrivateKey.generate().base64()}\n`, { mode: 0o600, atomic: true }, signal)
  await host.write(answeredFile(path), `${asked}\n`, { mode: 0o600, atomic: true }, signal)
  return true
}

/** Whether `asked` was not answered yet. */
export async function isToRenew(
  host: Pick<Host, 'read'>,
  path: string,
  asked: string | undefined,
  signal: AbortSignal,
): Promise<boolean> {
  return asked !== undefined && (await host.read(answeredFile(path), signal))?.trim() !== asked.trim()
}

const answeredFile = (path: string): string => `${path}.answered`
