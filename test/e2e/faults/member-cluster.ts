// What can be wrong in a member, beside what `why` names: all of it at once, as none of it hides another.
import { brokerSecretName, gatewayEndpointName, pairKeysSecretName, systemNamespace } from '#crds/places.ts'
import { agentTable } from '#gateway/data-plane.ts'
import type { RigSuite } from '#test/kit/rig-suite.ts'
import type { Planted } from './asking.ts'
import type { Heal } from './fault.ts'
import { nothing, takeAway } from './fault.ts'

/** The operator of west must be away, as it would mend most of it, and the kubelet of west's second node must hang. */
export const memberFaults = (at: RigSuite): Planted => {
  const east = () => at.rig.cluster('east')
  const west = () => at.rig.cluster('west')
  const inSystem = (...args: readonly string[]) => west().kubectl(['-n', systemNamespace, ...args])
  const replaced = async (what: readonly string[], path: string, broken: unknown, well: unknown): Promise<Heal> => {
    const put = (value: unknown) =>
      inSystem('patch', ...what, '--type=json', '-p', JSON.stringify([{ op: 'replace', path, value }]))
    await put(broken)
    return () => put(well)
  }
  const addressesOf = (addresses: readonly string[]) => addresses.map((address) => ({ type: 'InternalIP', address }))
  return [
    {
      check: 'workloads-available',
      says: /operator was scaled to 0/,
      remedy: /scale deployment\/tombolo-operator/,
      plant: nothing,
    },
    {
      check: 'nodes-ready',
      level: 'warn',
      says: /^node west-2 is not ready$/,
      remedy: /^kubectl describe node west-2 says why/,
      plant: async () => {
        // Then the node is known to be silent, and nobody tries to run a probe there.
        const agent = ['-l', 'app.kubernetes.io/component=agent', '--field-selector', `spec.nodeName=${west().node(2).name}`]
        await inSystem('wait', 'pod', ...agent, '--for=condition=Ready=false', '--timeout=40s')
        return nothing()
      },
    },
    {
      check: 'node-addresses',
      says: /^west-2 has no internal IPv4 address: its pods reach no other cluster$/,
      remedy: /^Give its kubelet one with --node-ip/,
      plant: async () => {
        const { name, addresses, kubeProxy } = west().node(2)
        const node = ['node', name, '--subresource=status']
        const broken = addressesOf(addresses.filter((address) => address.includes(':')))
        const heal = await replaced(node, '/status/addresses', broken, addressesOf(addresses))
        return async () => {
          await heal()
          // It ends when its node has other addresses, and in a cluster is started anew.
          kubeProxy.start()
        }
      },
    },
    {
      check: 'mtu',
      level: 'warn',
      says: /^tmb-wg on west-1 takes packets of 1420 bytes, which with 80 bytes around them exceed the 1496 of eth0$/,
      remedy: /^Raise the MTU of eth0 on west-1 to 1500 or more/,
      plant: async () => {
        const mtu = (bytes: number) =>
          west()
            .node(1)
            .exec(['ip', 'link', 'set', 'eth0', 'mtu', String(bytes)])
        await mtu(1496)
        return () => mtu(1500)
      },
    },
    {
      check: 'api-kinds',
      says: /^the apiserver does not know ServiceTrafficPolicy$/,
      remedy: /^tombolo join brings the CRD again/,
      plant: () => replaced(['crd', 'servicetrafficpolicies.tombolo.dev'], '/spec/versions/0/served', false, true),
    },
    {
      check: 'token-life',
      says: /^the token for the broker ran out at 2/,
      remedy: /on the broker: tombolo grant create west; then tombolo join with it here/,
      plant: async () => {
        const secret = ['secret', brokerSecretName]
        const token = await inSystem('get', ...secret, '-o', 'jsonpath={.data.token}')
        return replaced(secret, '/data/token', Buffer.from(tokenOf(3600)).toString('base64'), token)
      },
    },
    {
      check: 'both-directions',
      level: 'warn',
      says: /^west-1 is connected to east\/east-1, which says Connecting$/,
      remedy: /^It passes when east reaches the broker again/,
      plant: () => {
        const farGateway = ['gatewayendpoint', gatewayEndpointName('east', east().node(1).name), '--subresource=status']
        return replaced(farGateway, '/status/connections/0/state', 'Connecting', 'Connected')
      },
    },
    {
      check: 'pair-keys',
      level: 'warn',
      says: /^west-1 to east\/east-1 goes without the key of the two clusters$/,
      remedy: /^Is west of this version .*kubectl --context west -n tombolo-system logs deployment\/tombolo-operator/,
      plant: () => takeAway(west(), '-n', systemNamespace, 'secret', pairKeysSecretName),
    },
    {
      check: 'guard-in-place',
      says: /^the nft table tombolo-agent is missing on west-1: /,
      remedy: /^The agent puts it back .* another program on the node flushes the ruleset/,
      plant: () => {
        // Again and again, as the agent puts it back.
        const flush = `rm -f /tmp/healed; until [ -e /tmp/healed ]; do nft delete table inet ${agentTable}; sleep 0.02; done`
        const flushing = west().node(1).exec(['sh', '-c', flush])
        return Promise.resolve(async () => {
          await west().node(1).exec(['touch', '/tmp/healed'])
          await flushing
        })
      },
    },
  ]
}

/** One that ran out so many seconds ago, as far as anybody can see who cannot check its signature. */
function tokenOf(secondsAgo: number): string {
  const exp = Math.floor(Date.now() / 1000) - secondsAgo
  const claims = Buffer.from(JSON.stringify({ iat: exp - 3600, exp })).toString('base64url')
  return `e30.${claims}.c2lnbmF0dXJl`
}
