// The key that two clusters share and nobody else, not even the broker that brought them together: X25519 over their identities' agreement
// keys, then HKDF-SHA256 (RFC 5869). Nothing is sent: each derives it from what it knows, and both come to the same.
import { hkdfSync } from 'node:crypto'
import type { PrivateKey, PublicKey } from '#lib/net/keys.ts'
import { PresharedKey } from '#lib/net/keys.ts'
import type { Result } from '#lib/std/result.ts'
import { invalid, ok } from '#lib/std/result.ts'

/** `id` names the key and tells nothing about it: it may be published. */
export type PairKey = { readonly id: string; readonly key: PresharedKey }

export type Side<Key> = { readonly clusterID: string; readonly agreementKey: Key }

/**
 * Bound to both cluster ids and both public keys, in the order of the ids, so that neither side can be taken for another, and to `epoch`:
 * another number is another key between the same two. An error where the peer's key is no honest one.
 */
export function derivePairKey(own: Side<PrivateKey>, peer: Side<PublicKey>, epoch: number): Result<PairKey> {
  if (own.clusterID === peer.clusterID) return invalid('clusterID', peer.clusterID, 'another cluster')
  const shared = own.agreementKey.agree(peer.agreementKey)
  if (!shared.ok) return shared
  const sides = [{ clusterID: own.clusterID, agreementKey: own.agreementKey.publicKey }, peer].toSorted((a, b) =>
    a.clusterID < b.clusterID ? -1 : 1,
  )
  const salt = Buffer.concat(sides.map((s) => Buffer.from(s.agreementKey, 'base64')))
  const names = sides.map((s) => `${Buffer.byteLength(s.clusterID)}:${s.clusterID}`).join('')
  const expand = (purpose: string, length: number) =>
    Buffer.from(hkdfSync('sha256', shared.value, salt, `tombolo.dev/pair-key/v1 ${purpose} ${epoch} ${names}`, length))
  // The id is another output of the same function: from it nobody learns a bit of the key.
  return ok({ id: expand('id', 16).toString('hex'), key: PresharedKey.of(expand('wireguard', 32)) })
}

/** Offered: used on a cable once both ends said that they have it. Required: both have said so, and no cable goes without it any more. */
export type PairKeyUse = 'Offered' | 'Required'
/** Beside the key there is another one while the pair goes from one to the next: the one that comes, or the one that was. */
export type OtherPairKey = PairKey & { readonly at: 'Next' | 'Former' }
/** `epoch` is that of the key; the other one's is one more, or one less. */
export type HeldPairKey = PairKey & { readonly use: PairKeyUse; readonly epoch: number; readonly other?: OtherPairKey }

/** As it is handed from the operator to the gateways, in a Secret. The first key of a pair is written as versions wrote it that knew no other. */
export const printPairKey = ({ id, key, use, epoch, other }: HeldPairKey): string =>
  [
    `${id} ${use} ${key.base64()}${epoch === 1 ? '' : ` ${epoch}`}`,
    ...(other === undefined ? [] : [`${other.at} ${other.id} ${other.key.base64()}`]),
  ].join('\n')

const held =
  /^(?<id>[0-9a-f]{32}) (?<use>Offered|Required) (?<key>\S{44})(?: (?<epoch>[1-9][0-9]{0,8}))?(?:\n(?<at>Next|Former) (?<otherID>[0-9a-f]{32}) (?<otherKey>\S{44}))?$/

/** The error does not repeat the value. */
export function parsePairKey(text: string): Result<HeldPairKey> {
  const { id, use, key, epoch, at, otherID, otherKey } = held.exec(text.trim())?.groups ?? {}
  const [own, other] = [PresharedKey.parse(key ?? ''), otherKey === undefined ? undefined : PresharedKey.parse(otherKey)]
  if (id === undefined || !own.ok || other?.ok === false)
    return invalid('pairKey', '[secret]', 'an id, Offered or Required, a key and its epoch; and Next or Former, an id and a key')
  return ok({
    id,
    use: use as PairKeyUse,
    key: own.value,
    epoch: Number(epoch ?? 1),
    ...(other === undefined || otherID === undefined
      ? {}
      : { other: { at: at as OtherPairKey['at'], id: otherID, key: other.value } }),
  })
}
