// XFRM, the kernel's IPsec, as `ip xfrm` writes and reads it. What belongs to an XFRM interface carries the interface's number, and is
// known by it. Of keys nothing is read: `ip xfrm state list nokeys`.

/** An SA in one direction. `spi` as it is printed, `0xc0ffee`. */
export type XfrmState = { readonly from: string; readonly to: string; readonly spi: string }
/** What must be encrypted, or must have been. Both blocks are of packets inside, in one direction. */
export type XfrmPolicy = { readonly from: string; readonly to: string; readonly direction: 'in' | 'out' | 'fwd' }

/** For `ip -batch`, as all that follow. */
export const addXfrmLink = (name: string, number: number): string => `link add ${name} type xfrm if_id ${number}`
export const dropXfrmState = ({ from, to, spi }: XfrmState): string =>
  `xfrm state delete src ${from} dst ${to} proto esp spi ${spi}`
export const dropXfrmPolicy = ({ from, to, direction }: XfrmPolicy, number: number): string =>
  `xfrm policy delete src ${from} dst ${to} dir ${direction} if_id ${number}`

/** A tunnel of AES-256-GCM in UDP, as IKE would agree on it. `key`: 36 bytes, hex. */
export const addXfrmState = ({ from, to, spi }: XfrmState, key: string, number: number): string =>
  `xfrm state add src ${from} dst ${to} proto esp spi ${spi} mode tunnel aead rfc4106(gcm(aes)) 0x${key} 128 encap espinudp 4500 4500 ${to.includes(':') ? '::' : '0.0.0.0'} if_id ${number}`

/** `ip xfrm state list nokeys`; those of one interface. */
export const parseXfrmStates = (text: string, number: number): readonly XfrmState[] =>
  entriesOf(text, number).flatMap((entry) => {
    const [, from, to, spi] = /^src (\S+) dst (\S+)[^]*?\bproto esp spi (\S+?)(?:\(|\s|$)/.exec(entry) ?? []
    return from === undefined || to === undefined || spi === undefined ? [] : [{ from, to, spi }]
  })

/** `ip xfrm policy list`; those of one interface. */
export const parseXfrmPolicies = (text: string, number: number): readonly XfrmPolicy[] =>
  entriesOf(text, number).flatMap((entry) => {
    const [, from, to, direction] = /^src (\S+) dst (\S+)[^]*?\bdir (in|out|fwd)\b/.exec(entry) ?? []
    return from === undefined || to === undefined ? [] : [{ from, to, direction: direction as XfrmPolicy['direction'] }]
  })

/** An entry begins at the start of a line; what is indented belongs to it. */
const entriesOf = (text: string, number: number): readonly string[] =>
  text.split(/\n(?=\S)/).filter((entry) => new RegExp(String.raw`\bif_id 0x0*${number.toString(16)}\b`).test(entry))
