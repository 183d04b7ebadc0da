// A question about the zone itself, which has an answer whatever is exported: asked of our server, and of the cluster DNS as pods do.
import { clustersetZone } from '#crds/places.ts'
import { agentsOf, askEach } from './agents.ts'
import type { Probe } from './probe.ts'
import type { NameFact } from './probed.ts'

export const askNames: Probe = {
  subjects: ['dns'],
  run: async (seen, exec, signal) => {
    const servers = [
      { asked: 'tombolo-dns' as const, server: seen.member?.dnsAddresses[0] },
      { asked: 'cluster DNS' as const, server: seen.platform.dns.servers[0] },
    ].flatMap(({ asked, server }) => (server === undefined ? [] : [{ asked, server }]))
    const [first] = agentsOf(seen)
    if (first === undefined || servers.length === 0) return { failed: [] }
    const asked = await askEach(
      [first],
      exec,
      () => ['node', '-e', script, `dns-version.${clustersetZone}`, ...servers.map((s) => s.server)],
      ({ node }, printed) => {
        const failures = JSON.parse(printed) as readonly (string | null)[]
        return servers.map((s, i): NameFact => ({ ...s, node, failure: failures[i] ?? undefined }))
      },
      signal,
    )
    return { names: asked.facts, failed: asked.failed }
  },
}

/** Prints for each server null, or why it did not answer. */
const script = `
const { Resolver } = require('node:dns').promises
const [name, ...servers] = process.argv.slice(1)
const ask = async (server) => {
  const resolver = new Resolver({ timeout: 1500, tries: 2 })
  resolver.setServers([server])
  try { await resolver.resolveTxt(name); return null } catch (error) { return error.code ?? String(error) }
}
Promise.all(servers.map(ask)).then((said) => console.log(JSON.stringify(said)))
`
