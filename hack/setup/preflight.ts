// What must be true of the machine before anything is made on it. Each refusal is one sentence with the remedy.
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { cachePath } from './cache.ts'
import { freeBytes } from './disk.ts'
import { baseImagesDone } from './images.ts'
import { assetsGiven, programsDone } from './programs.ts'
import { Refusal } from './refusal.ts'
import { run } from './run.ts'

/** What must be free in the cache while there is something to make. Of the first, Go's own cache is the larger half. */
const room = {
  programs: { for: 'building', bytes: 8e9 },
  /** Takes 1.3 GB at its largest, and each rig needs some after that. */
  images: { for: 'making images', bytes: 2e9 },
} as const

export async function preflight(signal: AbortSignal): Promise<void> {
  if (process.platform !== 'linux')
    throw new Refusal(`the rig needs Linux network namespaces, this is ${process.platform}: run it in a Linux virtual machine.`)
  if (process.getuid?.() !== 0)
    throw new Refusal('the rig makes network namespaces and containers and needs root: run the same command with sudo.')
  await run('unshare', ['--net', '--mount', '--pid', '--fork', 'true'], {}, signal).catch((cause: unknown) => {
    throw new Refusal('this system does not let root make namespaces: run on a virtual machine, or in a privileged container.', {
      cause,
    })
  })
  if (!/\boverlay\b/.test(readFileSync('/proc/filesystems', 'utf8')) && !(await loads('overlay', signal)))
    throw new Refusal('the kernel has no overlayfs, which containers stand on: use a kernel with CONFIG_OVERLAY_FS.')
  if (!existsSync('/dev/net/tun') && !(await loads('tun', signal)))
    throw new Refusal('there is no /dev/net/tun, which tunnels need: load the tun module or give the container this device.')
  const next = toMake()
  if (next === undefined) return
  mkdirSync(cachePath(), { recursive: true })
  const free = freeBytes(cachePath())
  if (free < room[next].bytes)
    throw new Refusal(
      `${cachePath()} has ${(free / 1e9).toFixed(1)} GB free and ${room[next].for} needs ${room[next].bytes / 1e9} GB: free some space, or set XDG_CACHE_HOME to a larger disk.`,
    )
}

/** Given programs that lack some are refused when it is their turn; nothing is made of them. */
function toMake(): keyof typeof room | undefined {
  if (!programsDone()) return assetsGiven() ? undefined : 'programs'
  return baseImagesDone() ? undefined : 'images'
}

const loads = (module: string, signal: AbortSignal): Promise<boolean> =>
  run('modprobe', [module], {}, signal).then(
    () => true,
    () => false,
  )
