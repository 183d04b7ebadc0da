// How many inotify instances the kernel gives one user. Every kubelet and containerd takes some, and Debian's 128 are used up by nine
// nodes; then a kubelet ends with "too many open files". Raised until the next start of the machine; nothing else is changed.
import { readFileSync, writeFileSync } from 'node:fs'
import type { Say } from './progress.ts'

const limit = '/proc/sys/fs/inotify/max_user_instances'
/** For as many nodes as a large machine carries. */
const enough = 8192

export const watchesDone = (): boolean => Number(readFileSync(limit, 'utf8')) >= enough

export function raiseWatches(say: Say): Promise<void> {
  try {
    writeFileSync(limit, String(enough))
    say(`setup: fs.inotify.max_user_instances is ${enough} until this machine restarts: kubelets need it`)
  } catch (error) {
    // In a container that may not; few nodes start all the same.
    say(`setup: fs.inotify.max_user_instances cannot be raised (${String(error)}): more than eight nodes may not start`)
  }
  return Promise.resolve()
}
