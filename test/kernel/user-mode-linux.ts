// The kernel of set-up as a process: it boots with the machine's files as its own, read-only, runs one command, and ends.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

export type Boot = {
  readonly kernel: string
  /** The network namespace in which it runs, and the TAP device there whose other end it has as `vec0`. */
  readonly netns: string
  readonly tap: string
  /** A directory for what it needs on this side; made if need be. */
  readonly dir: string
  readonly cwd: string
  readonly env: Readonly<Record<string, string>>
  readonly command: readonly string[]
  readonly onLine: (line: string) => void
}

const memory = '1536M'
/** How the command's end is told, as the kernel's own is always the same. */
const verdict = /^── the command inside ended with exit code (\d+)$/

/** The exit code of the command; undefined: the kernel ended without it. An abort kills the kernel. */
export async function runInside(
  { kernel, netns, tap, dir, onLine, ...job }: Boot,
  signal: AbortSignal,
): Promise<number | undefined> {
  const script = join(dir, 'boot.sh')
  mkdirSync(dir, { recursive: true })
  writeFileSync(script, bootScript(job), { mode: 0o700 })
  const child = spawn(
    'nsenter',
    [
      `--net=/run/netns/${netns}`,
      ...[kernel, `mem=${memory}`, 'rootfstype=hostfs', 'rootflags=/', 'ro', `init=${script}`],
      ...['con=null', 'con0=fd:0,fd:1', 'quiet', `uml_dir=${dir}/`, `vec0:transport=tap,ifname=${tap},depth=128,gro=1`],
    ],
    // Where it keeps its memory: in a file, which should be none on a disk.
    { stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, TMPDIR: '/dev/shm' }, signal, killSignal: 'SIGKILL' },
  )
  let code: number | undefined
  createInterface({ input: child.stdout }).on('line', (line) => {
    const [, ended] = verdict.exec(line) ?? []
    if (ended === undefined) onLine(line)
    else code = Number(ended)
  })
  child.on('error', () => undefined)
  await once(child, 'close')
  return code
}

const quoted = (text: string): string => `'${text.replaceAll("'", String.raw`'\''`)}'`

/** For /bin/sh as the first program. What it mounts hides places that programs write to. */
const bootScript = ({ cwd, env, command }: Pick<Boot, 'cwd' | 'env' | 'command'>): string => `#!/bin/sh
stty -F /dev/console -opost
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mountpoint -q /dev || mount -t devtmpfs dev /dev
mkdir -p /dev/shm /dev/pts
mount -t tmpfs tmpfs /dev/shm
mount -t tmpfs tmpfs /run
ip link set lo up
${Object.entries({ TMPDIR: '/dev/shm', ...env })
  .map(([name, value]) => `export ${name}=${quoted(value)}`)
  .join('\n')}
cd ${quoted(cwd)}
${command.map(quoted).join(' ')}
echo "── the command inside ended with exit code $?"
echo o > /proc/sysrq-trigger
exec sleep 60
`
