// The Go that builds the rig's programs: the machine's own, or, where it has none, the toolchain that the Go module proxy serves,
// the same archive that `go` itself would switch to, checked against its hash.
import { createHash } from 'node:crypto'
import { chmodSync, existsSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { cachePath, makeFolder } from './cache.ts'
import type { Say } from './progress.ts'
import { step } from './progress.ts'
import { Refusal } from './refusal.ts'
import { run } from './run.ts'

const version = '1.26.8'
const hashes: Readonly<Record<string, string>> = {
  amd64: '30c2b1bf7dcc88d3eb0a1364e47ddd9128edb3110a30e8a0ef61cd5856b31de7',
  arm64: '02b36b6787b3ac767668f630e2998df45a3b1f9ffee08d1bf3ef6487cd658d99',
}

/** Older ones do not know that they may be too old, and fail in the middle. */
const oldest = 21

/** The path of a `go` that can build the wrapper modules; brings one if there is none. Throws Refusal when it cannot. */
export async function goTool(say: Say, signal: AbortSignal): Promise<string> {
  for (const go of ['go', '/usr/local/go/bin/go']) {
    const said = await run(go, ['version'], {}, signal).catch(() => '')
    if (Number(/go1\.(\d+)/.exec(said)?.[1] ?? 0) >= oldest) return go
  }
  const arch = process.arch === 'x64' ? 'amd64' : process.arch
  const folder = cachePath('assets', `go-${version}-${arch}`)
  if (!existsSync(folder))
    await step(`Go ${version}, as this machine has none`, 'about 20 s', say, () => bring(arch, folder, signal))
  return join(folder, 'bin', 'go')
}

async function bring(arch: string, folder: string, signal: AbortSignal): Promise<void> {
  const hash = hashes[arch]
  if (hash === undefined)
    throw new Refusal(`there is no Go here, and none to bring for ${arch}: install Go 1.26 or later (https://go.dev/dl).`)
  const archive = await download(`golang.org/toolchain/@v/v0.0.1-go${version}.linux-${arch}.zip`, signal)
  if (createHash('sha256').update(archive).digest('hex') !== hash)
    throw new Refusal(
      'the Go that the module proxy sent is not the one it should be: check GOPROXY, or install Go (https://go.dev/dl).',
    )
  await makeFolder(folder, async (partial) => {
    const zip = join(partial, 'go.zip')
    writeFileSync(zip, archive)
    await run('unzip', ['-q', zip, '-d', partial], {}, signal)
    rmSync(zip)
    const root = join(partial, `golang.org/toolchain@v0.0.1-go${version}.linux-${arch}`)
    for (const name of readdirSync(root)) renameSync(join(root, name), join(partial, name))
    rmSync(join(partial, 'golang.org'), { recursive: true })
    // Archives of modules carry no permissions.
    const tools = join(partial, 'pkg/tool', `linux_${arch}`)
    for (const bin of [join(partial, 'bin'), ...(existsSync(tools) ? [tools] : [])])
      for (const name of readdirSync(bin)) chmodSync(join(bin, name), 0o755)
  })
}

/** From the first module proxy that is set, or the public one. */
async function download(path: string, signal: AbortSignal): Promise<Buffer> {
  const proxy = (process.env.GOPROXY ?? '').split(/[,|]/).find((url) => url.startsWith('http')) ?? 'https://proxy.golang.org'
  try {
    const response = await fetch(`${proxy.replace(/\/$/, '')}/${path}`, { signal })
    if (!response.ok) throw new Error(`${response.status} ${response.statusText}`)
    return Buffer.from(await response.arrayBuffer())
  } catch (cause) {
    signal.throwIfAborted()
    throw new Refusal(
      'Kubernetes, etcd, containerd and CoreDNS must be built, there is no Go here, and the Go module proxy cannot be reached to bring one: install Go 1.26 or later (https://go.dev/dl), check the network or GOPROXY, or set TOMBOLO_ASSETS to a folder whose bin/ holds the programs.',
      { cause },
    )
  }
}
