// The Go that builds what no distribution carries: the machine's own. Where it has none, the distribution's; and where that is too old to
// know newer ones, it fetches its successor as the module that Go's own switching uses, checked against Go's checksum database and our hash.
import { chmodSync, existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { installNow } from './packages.ts'
import type { Say } from './progress.ts'
import { step } from './progress.ts'
import { Refusal } from './refusal.ts'
import { run, RunFailed } from './run.ts'

const version = '1.26.8'
/** Of the module's files (golang.org/x/mod/sumdb/dirhash): another machine than these has no program of ours either. */
const sums: Readonly<Record<string, string>> = {
  amd64: 'h1:ZOmGe1OnfREDMIdb1Qi4G9JSuDPBLGExZMQ4nis1RXM=',
  arm64: 'h1:sYL/O6MqS68ML0kjsQ36WoYIpJqkw60TxizWUYUKQMc=',
}
const arch = process.arch === 'x64' ? 'amd64' : process.arch

/** What Go's own switching would fetch for this machine. */
export const toolchain = {
  module: `golang.org/toolchain@v0.0.1-go${version}.linux-${arch}`,
  sum: sums[arch],
  tools: `pkg/tool/linux_${arch}`,
} as const

/** From this minor version on, Go fetches by itself what a go.mod asks for. */
const switching = 21

/** For a machine that has no Go: what must be built, and what helps besides installing Go. */
export type Need = { readonly what: string; readonly otherwise: string }

/** A `go` that can build modules of today. Throws Refusal when there is none to be had. */
export async function goTool({ what, otherwise }: Need, say: Say, signal: AbortSignal): Promise<string> {
  let found = await findGo(signal)
  if (found === undefined) {
    await installNow(['golang-go'], 'about 30 s', say, signal).catch((cause: unknown) => {
      throw new Refusal(
        `${what} must be built, and there is no Go here nor in the packages of this system: install Go 1.26 or later (https://go.dev/dl), or ${otherwise}.`,
        { cause },
      )
    })
    found = await findGo(signal)
  }
  if (found === undefined) throw new Refusal('golang-go is installed and has no program `go`: install Go (https://go.dev/dl).')
  const { go, minor } = found
  if (minor >= switching) return go
  return step(`Go ${version} by Go 1.${minor}`, 'about 10 s', say, () => successor(go, signal))
}

type Found = { readonly go: string; readonly minor: number }

async function findGo(signal: AbortSignal): Promise<Found | undefined> {
  for (const go of ['go', '/usr/local/go/bin/go']) {
    const [, minor] = /go1\.(\d+)/.exec(await run(go, ['version'], {}, signal).catch(() => '')) ?? []
    if (minor !== undefined) return { go, minor: Number(minor) }
  }
  return undefined
}

async function successor(go: string, signal: AbortSignal): Promise<string> {
  const fetch = ['mod', 'download', '-json', toolchain.module]
  const answer = await run(go, fetch, { cwd: '/', env: { GOFLAGS: '-mod=mod' } }, signal).catch((cause: unknown) => {
    throw new Refusal(
      'the Go here is too old and cannot fetch a newer one: check the network or GOPROXY, or install Go 1.26 or later (https://go.dev/dl).',
      { cause },
    )
  })
  const { Dir: folder, Sum: sum } = JSON.parse(answer) as { readonly Dir: string; readonly Sum: string }
  // Go keeps what it fetched, and would answer with it for ever.
  if (sum !== toolchain.sum)
    throw new Refusal(
      `the Go that was fetched is not the one it should be (${sum}): check GOPROXY and empty Go's cache of modules (go clean -modcache), or install Go 1.26 or later (https://go.dev/dl).`,
    )
  // Modules carry no permissions; Go itself sets these when it switches.
  for (const bin of [join(folder, 'bin'), join(folder, toolchain.tools)])
    if (existsSync(bin)) for (const name of readdirSync(bin)) chmodSync(join(bin, name), 0o755)
  return join(folder, 'bin', 'go')
}

/** Runs `go` on the module in `folder`, as that pins its versions. Throws Refusal where there is no way to the sources. */
export async function buildByGo(go: string, args: readonly string[], folder: string, signal: AbortSignal): Promise<void> {
  const env = { CGO_ENABLED: '0', GOFLAGS: '', GOWORK: 'off' }
  await run(go, args, { cwd: folder, env }, signal).catch(explainBuild)
}

function explainBuild(error: unknown): never {
  if (error instanceof RunFailed && /dial tcp|no such host|i\/o timeout|connection refused|proxyconnect/.test(error.stderr))
    throw new Refusal(
      'the Go module proxy cannot be reached: check the network or GOPROXY and run the same command again; what is built stays.',
      { cause: error },
    )
  throw error
}
