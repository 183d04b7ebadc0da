// Bundles every binary into one file each: `gateway/agent-main.ts` becomes `agent.mjs`. The image carries these and no node_modules.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { build } from 'esbuild'

const root = join(import.meta.dirname, '..')

/** Binary → its entry point. */
const binaries: Readonly<Record<string, string>> = {
  agent: 'gateway/agent-main.ts',
  broker: 'broker/main.ts',
  dns: 'dns/main.ts',
  gateway: 'gateway/main.ts',
  operator: 'operator/main.ts',
}

// Bundled CommonJS asks for Node's modules by require(), which ESM does not have.
const banner = "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);"

/** Writes `<binary>.mjs` for every binary whose entry exists into `folder`; returns their names. */
export async function bundle(folder: string): Promise<readonly string[]> {
  const present = Object.entries(binaries).filter(([, entry]) => existsSync(join(root, entry)))
  await build({
    absWorkingDir: root,
    entryPoints: present.map(([out, entry]) => ({ in: entry, out })),
    outdir: folder,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    platform: 'node',
    target: 'node24',
    format: 'esm',
    banner: { js: banner },
    sourcemap: false,
    legalComments: 'none',
    logLevel: 'silent',
  })
  return present.map(([name]) => name)
}

if (import.meta.main) {
  const names = await bundle(join(root, 'dist'))
  process.stdout.write(`dist: ${names.join(', ')}\n`)
}
