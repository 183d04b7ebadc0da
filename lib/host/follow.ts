// Word of what others do to a node's network, so that nobody has to look again and again. `ip monitor` tells of devices, addresses, routes
// and rules; `nft monitor` of tables that go, as with `nft flush ruleset`. What is inside a table, static neighbours and WireGuard's
// peers change without a word: for those somebody has to look now and then.
import type { Logger } from '#lib/std/log.ts'
import { backoff } from '#lib/std/backoff.ts'
import { aborted, pause } from '#lib/std/pause.ts'
import type { Host } from './host.ts'
import { ourProtocol } from './ip.ts'

/** What is ours besides what carries our protocol number. */
export type Followed = { readonly links: readonly string[]; readonly tables: readonly string[] }

/** What to do within `calmMs` and a little of a change, whoever made it. */
export type Heard = {
  /** To what is ours. */
  readonly ours: () => void
  /** To the rest: addresses come and go with pods, a device takes larger packets. Whether it matters is for the hearer to find out. */
  readonly others?: () => void
}

/** So long do changes gather: what restarts makes hundreds, our own writes among them, and looking costs more than they do. */
const calmMs = 500
const programs = [
  ['ip', 'monitor', 'link', 'address', 'route', 'rule'],
  ['nft', 'monitor', 'destroy', 'tables'],
] as const

/** Runs until `signal` aborts. */
export async function followNetwork(
  { host, followed, log }: { readonly host: Pick<Host, 'start'>; readonly followed: Followed; readonly log: Logger },
  heard: Heard,
  signal: AbortSignal,
): Promise<void> {
  const ours = gathered(heard.ours, signal)
  const others = gathered(heard.others ?? (() => undefined), signal)
  const isOurs = concerning(followed)
  const onLine = (line: string) => {
    if (isOurs(line)) ours()
    else if (ofMachine.test(line)) others()
  }
  await Promise.all(
    programs.map(async ([command, ...args]) => {
      const wait = backoff(1_000, 60_000)
      for (;;) {
        await using program = host.start(command, args, { onLine })
        const how = await Promise.race([program.ended, aborted(signal)])
        if (signal.aborted) return
        log.warn({ program: [command, ...args].join(' '), how }, 'ended; what others change is not heard until it runs again')
        await pause(wait.next(), signal)
        // Of what happened meanwhile nobody tells.
        ours()
      }
    }),
  )
}

/** Of many calls within `calmMs` the last is as good as all. */
function gathered(tell: () => void, signal: AbortSignal): () => void {
  let gathering = false
  const wait = async () => {
    gathering = true
    await pause(calmMs, signal)
    gathering = false
    if (!signal.aborted) tell()
  }
  return () => {
    if (!gathering) void wait()
  }
}

/** An address, or the state of a device: what `gateway/machine.ts` reads. */
const ofMachine = /\binet6? |\bmtu /

function concerning({ links, tables }: Followed): (line: string) => boolean {
  const words = [...links, `proto ${ourProtocol}`, ...tables.map((name) => `table inet ${name}`)]
  const ours = new RegExp(`(?<![\\w-])(${words.join('|')})(?![\\w-])`)
  return (line) => ours.test(line)
}
