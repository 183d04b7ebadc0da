// The node's WireGuard key: made here once, kept on the node, never sent anywhere. Every kind of cable knows the gateway by it, since its
// tunnel address follows from it.
import type { Host } from '#lib/host/host.ts'
import type { PublicKey } from '#lib/net/keys.ts'
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
 * Makes another key in place of the one at `path` where a person has asked for it with a value that was not answered yet; whether it did.
 * What is answered, and which key is to go for it, is written beside the key before it: so one that is killed in between makes it later, and
 * one that cannot write makes none. Throws where it cannot write; the key that was is still there then.
 */
export async function renewNodeKey(
  host: Pick<Host, 'read' | 'write'>,
  path: string,
  asked: string | undefined,
  signal: AbortSignal,
): Promise<boolean> {
  if (asked === undefined || !(await isToRenew(host, path, asked, signal))) return false
  const former = await publicKeyIn(host, path, signal)
  const answer = former === undefined ? asked.trim() : `${former} ${asked.trim()}`
  await host.write(answeredFile(path), `${answer}\n`, { mode: 0o600, atomic: true }, signal)
  await host.write(path, `${PrivateKey.generate().base64()}\n`, { mode: 0o600, atomic: true }, signal)
  return true
}

/** Whether `asked` was not answered yet, or only written down. */
export async function isToRenew(
  host: Pick<Host, 'read'>,
  path: string,
  asked: string | undefined,
  signal: AbortSignal,
): Promise<boolean> {
  if (asked === undefined) return false
  const text = (await host.read(answeredFile(path), signal))?.trim()
  if (text === asked.trim()) return false
  const isNoted = text?.slice(publicKeyLength) === ` ${asked.trim()}`
  return !isNoted || text.slice(0, publicKeyLength) === (await publicKeyIn(host, path, signal))
}

async function publicKeyIn(host: Pick<Host, 'read'>, path: string, signal: AbortSignal): Promise<PublicKey | undefined> {
  const key = PrivateKey.parse((await host.read(path, signal)) ?? '')
  return key.ok ? key.value.publicKey : undefined
}

/** In base64. */
const publicKeyLength = 44

const answeredFile = (path: string): string => `${path}.answered`
