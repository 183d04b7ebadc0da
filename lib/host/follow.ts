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

/** So long do changes gather: what restarts makes hundreds, our own writes among them, and looking costs more than they do. */
const calmMs = 500
const programs = [
  ['ip', 'monitor', 'link', 'address', 'route', 'rule'],
  ['nft', 'monitor', 'destroy', 'tables'],
] as const

/** Calls `onChange` within `calmMs` and a little of a change to what is ours, whoever made it. Runs until `signal` aborts. */
export async function followNetwork(
  { host, followed, log }: { readonly host: Pick<Host, 'start'>; readonly followed: Followed; readonly log: Logger },
  onChange: () => void,
  signal: AbortSignal,
): Promise<void> {
  let gathering = false
  const tell = async () => {
    if (gathering) return
    gathering = true
    await pause(calmMs, signal)
    gathering = false
    if (!signal.aborted) onChange()
  }
  const isOurs = concerning(followed)
  const onLine = (line: string) => {
    if (isOurs(line)) void tell()
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
        void tell()
      }
    }),
  )
}

function concerning({ links, tables }: Followed): (line: string) => boolean {
  const words = [...links, `proto ${ourProtocol}`, ...tables.map((name) => `table inet ${name}`)]
  const ours = new RegExp(`(?<![\\w-])(${words.join('|')})(?![\\w-])`)
  return (line) => ours.test(line)
}
