// TCP connections between clusters begin with segments that fit the cable they take: by its route, which says less than the device where
// less passes. As a chain of nft.
import type { NftChain } from '#lib/host/nft.ts'
import { chain } from '#lib/host/nft.ts'
import { quoted } from '../guard.ts'

/** Of both directions what we know of ours: the far side clamps by what it knows of its own. A smaller size than this is never raised. */
export const clampToRoute = (devices: readonly string[]): NftChain =>
  chain(
    'clamp-to-route',
    'filter',
    'forward',
    'mangle',
    ['iifname', 'oifname'].map((way) => `${way} ${quoted(devices)} tcp flags syn / syn,rst tcp option maxseg size set rt mtu`),
  )
