import assert from 'node:assert/strict'
import type { Host } from '#lib/host/host.ts'
import { CommandFailed } from '#lib/host/host.ts'
import { espOf, makeKernelEsp, removeKernelEsp, sweepKernelEsp } from './esp.ts'

const { signal } = new AbortController()

suite('ESP in the kernel', () => {
  test('is taken where the interface and ESP in UDP can be had, over both families; the trial leaves the interface alone', async () => {
    const { host, ran } = kernel({})
    assert.equal(await makeKernelEsp(host, 'ipsec0', signal), true)
    assert.deepEqual(ran.map(withoutKeys), [
      'link add ipsec0 type xfrm if_id 7300',
      ...['192.0.0.8', '100::1'].map(
        (at) =>
          `xfrm state add src ${at} dst ${at} proto esp spi 0x1000 mode tunnel aead rfc4106(gcm(aes)) KEY 128 encap espinudp 4500 4500 ${at.includes(':') ? '::' : '0.0.0.0'} if_id 7300`,
      ),
      ...['192.0.0.8', '100::1'].map((at) => `xfrm state delete src ${at} dst ${at} proto esp spi 0x1000`),
    ])
  })

  test('is not where there is no such interface', async () => {
    const { host, ran } = kernel({ refuses: 'link add' })
    assert.equal(await makeKernelEsp(host, 'ipsec0', signal), false)
    assert.equal(ran.length, 1)
  })

  test('is not where states are refused, and nothing of the trial stays', async () => {
    const link = { ifname: 'ipsec0', linkinfo: { info_kind: 'xfrm', info_data: { if_id: '0x1c84' } } }
    const { host, ran } = kernel({ refuses: 'xfrm state add src 100::1', links: [link], states: [['192.0.0.8', '0x1c84']] })
    assert.equal(await makeKernelEsp(host, 'ipsec0', signal), false)
    assert.deepEqual(ran.slice(-2), ['link del ipsec0', 'xfrm state delete src 192.0.0.8 dst 192.0.2.2 proto esp spi 0xabc'])
  })

  test('a device, states and policies of another program are left alone', async () => {
    const link = { ifname: 'ipsec0', linkinfo: { info_kind: 'xfrm', info_data: { if_id: '0x2a' } } }
    const { host, ran } = kernel({ links: [link], states: [['192.0.2.1', '0x2a']] })
    assert.deepEqual([await removeKernelEsp(host, 'ipsec0', signal), ran], [[], []])
    assert.equal(espOf({ name: 'ipsec0', kind: 'xfrm', xfrmNumber: 42, mtu: 1400, up: true }), undefined)
  })

  test('where the kernel has no XFRM there is nothing to sweep', async () => {
    const { host, ran } = kernel({ refuses: 'xfrm' })
    assert.deepEqual([await sweepKernelEsp(host, signal), ran], [[], []])
  })
})

type Found = {
  /** What a line that it does not take begins with. */
  readonly refuses?: string
  readonly links?: readonly object[]
  /** Where from, and the number of the interface. */
  readonly states?: readonly (readonly [from: string, number: string])[]
}

/** A kernel that takes every line but some; `ran` are the lines that would change it. */
function kernel({ refuses = 'nothing', links = [], states = [] }: Found): {
  readonly host: Pick<Host, 'run'>
  readonly ran: string[]
} {
  const ran: string[] = []
  const take = (line: string) => {
    ran.push(line)
    if (line.startsWith(refuses)) throw new CommandFailed(line, 2, 'RTNETLINK answers: Operation not supported')
  }
  const host: Pick<Host, 'run'> = {
    run: async (_, args, { stdin }) => {
      await Promise.resolve()
      if (args.includes('-batch')) for (const line of (stdin ?? '').trim().split('\n')) take(line)
      else if (args[0] === refuses) throw new CommandFailed('ip', 1, 'Cannot send dump request')
      else if (args.includes('link')) return JSON.stringify(links)
      else if (args.includes('state'))
        return states
          .map(([from, number]) => `src ${from} dst 192.0.2.2\n\tproto esp spi 0xabc reqid 1\n\tif_id ${number}\n`)
          .join('')
      return ''
    },
  }
  return { host, ran }
}

const withoutKeys = (line: string): string => line.replace(/0x[0-9a-f]{72}/, 'KEY')
