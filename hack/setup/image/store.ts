// A golden image store: the root folder of a containerd that has imported everything once. Each node of a rig starts on a copy made of
// hard links, in a tenth of a second, instead of importing again. Layers that are committed are never written, so nodes cannot disturb each other.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pause } from '#lib/std/pause.ts'
import { programPath } from '../programs.ts'
import { run } from '../run.ts'

/** Copies a store. The files of the databases are written in place, so they must be copies of their own. */
export async function copyStore(from: string, to: string, signal: AbortSignal): Promise<void> {
  await run('cp', ['-al', from, to], {}, signal)
  const script = 'cd "$1" && find . -name "*.db" -exec cp --remove-destination "{}" "$2/{}" ";"'
  await run('sh', ['-c', script, 'sh', from, to], {}, signal)
}

/** Imports an archive into the store at `root`, with a containerd that runs only for that. */
export async function importInto(root: string, archive: string, signal: AbortSignal): Promise<void> {
  // Socket paths have a limit of 107 bytes: not below the cache.
  const work = mkdtempSync(join(tmpdir(), 'tombolo-import-'))
  const socket = join(work, 'c.sock')
  mkdirSync(root, { recursive: true })
  writeFileSync(join(work, 'config.toml'), importConfig(root, work))
  const containerd = spawn(programPath('containerd'), ['--config', join(work, 'config.toml'), '--log-level', 'error'], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  // It warns of its configuration's version at every start, which says nothing to a person: shown only where it fails.
  let said = ''
  containerd.stderr.setEncoding('utf8').on('data', (text: string) => (said += text))
  const ended = once(containerd, 'exit')
  try {
    for (let tries = 0; !existsSync(socket); tries++) {
      signal.throwIfAborted()
      if (tries > 400 || containerd.exitCode !== null) throw new Error(`containerd did not come up to import the images: ${said}`)
      await pause(25, signal)
    }
    const into = ['-a', socket, '-n', 'k8s.io', 'images', 'import', '--all-platforms', '--snapshotter', 'overlayfs', archive]
    await run(programPath('ctr'), into, {}, signal)
  } finally {
    containerd.kill('SIGTERM')
    await ended
    rmSync(work, { recursive: true, force: true })
  }
}

const importConfig = (root: string, work: string): string => `version = 3
root = "${root}"
state = "${join(work, 'state')}"
disabled_plugins = ["io.containerd.cri.v1.images", "io.containerd.cri.v1.runtime", "io.containerd.grpc.v1.cri", "io.containerd.nri.v1.nri"]
[grpc]
  address = "${join(work, 'c.sock')}"
[ttrpc]
  address = "${join(work, 'c.ttrpc')}"
`
