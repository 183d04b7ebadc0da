// Which relays of a fleet a gateway is connected to: few, of many clusters, and mostly those that other gateways take as well. Pure.

/** More are not needed: one that both ends reach is enough. */
export const maxRelays = 4
/** So that the choice does not hang on one cluster. */
const maxOfCluster = 2

/**
 * In the order of clusters, then of nodes, the first of each cluster, then the second: of two gateways each leaves out its own cluster
 * alone. `lost`: does not answer for long; it gives its place to another, and goes on being asked. `used`: a cable goes through it.
 */
export function chosenRelays<Relay extends { readonly name: string }>(
  relays: readonly Relay[],
  lost: ReadonlySet<string>,
  used: ReadonlySet<string>,
): readonly Relay[] {
  const inOrder = relays.toSorted((a, b) => (a.name < b.name ? -1 : 1))
  const clusters = [...Map.groupBy(inOrder, ({ name }) => clusterOf(name)).values()].map((of) =>
    of.filter(({ name }) => !lost.has(name)),
  )
  const rounds = Array.from({ length: maxOfCluster }, (_, round) => clusters.flatMap((of) => of[round] ?? []))
  const chosen = rounds.flat().slice(0, maxRelays)
  return [...chosen, ...inOrder.filter((r) => !chosen.includes(r) && (lost.has(r.name) || used.has(r.name)))]
}

/** Of `cluster/node`. */
const clusterOf = (name: string): string => name.split('/', 1)[0] ?? name
