import assert from 'node:assert/strict'
import { dropXfrmPolicy, dropXfrmState, parseXfrmPolicies, parseXfrmStates } from './xfrm.ts'

// As iproute2 6.1 has it, on Linux 6.12.
const states = `src 192.0.2.1 dst 192.0.2.2
	proto esp spi 0xc3a9f17b reqid 2 mode tunnel
	replay-window 0 flag af-unspec
	aead rfc4106(gcm(aes)) <<Keys hidden>> 128
	encap type espinudp sport 4500 dport 4500 addr 0.0.0.0
	anti-replay context: seq 0x0, oseq 0x12, bitmap 0x00000000
	if_id 0x1c84
src 2001:db8::2 dst 2001:db8::1
	proto esp spi 0xc61f2f0a reqid 2 mode tunnel
	replay-window 32 flag af-unspec
	aead rfc4106(gcm(aes)) <<Keys hidden>> 128
	if_id 0x1c84
src 192.0.2.1 dst 192.0.2.9
	proto esp spi 0x00000009 reqid 1 mode tunnel
	replay-window 0 
	auth-trunc hmac(sha256) <<Keys hidden>> 96
`
const policies = `src 10.241.0.0/16 dst 10.242.0.0/16 
	dir out priority 383615 
	tmpl src 192.0.2.1 dst 192.0.2.2
		proto esp spi 0xc3a9f17b reqid 2 mode tunnel
	if_id 0x1c84
src 10.242.0.0/16 dst 10.241.0.0/16 
	dir fwd priority 383615 
	tmpl src 192.0.2.2 dst 192.0.2.1
		proto esp reqid 2 mode tunnel
	if_id 0x1c84
src 10.1.0.0/16 dst 10.2.0.0/16 
	dir out priority 0 
	tmpl src 192.0.2.1 dst 192.0.2.9
		proto esp reqid 1 mode tunnel
src 0.0.0.0/0 dst 0.0.0.0/0 
	socket in priority 0 
`

suite('the kernel’s IPsec as text', () => {
  test('states of one interface are read, and written so that they can be taken away', () =>
    assert.deepEqual(parseXfrmStates(states, 7300).map(dropXfrmState), [
      'xfrm state delete src 192.0.2.1 dst 192.0.2.2 proto esp spi 0xc3a9f17b',
      'xfrm state delete src 2001:db8::2 dst 2001:db8::1 proto esp spi 0xc61f2f0a',
    ]))

  test('policies of one interface are read, and those of others are nobody’s here', () =>
    assert.deepEqual(
      parseXfrmPolicies(policies, 7300).map((policy) => dropXfrmPolicy(policy, 7300)),
      [
        'xfrm policy delete src 10.241.0.0/16 dst 10.242.0.0/16 dir out if_id 7300',
        'xfrm policy delete src 10.242.0.0/16 dst 10.241.0.0/16 dir fwd if_id 7300',
      ],
    ))

  test('nothing there is nothing', () => assert.deepEqual([parseXfrmStates('', 7300), parseXfrmPolicies('', 7300)], [[], []]))
})
