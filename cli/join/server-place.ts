// Where a grant may say that the broker is: an address that members can use now and will when they are members. Pure.
import type { Member } from '#crds/member.ts'
import type { CIDR } from '#lib/net/cidr.ts'
import { contains } from '#lib/net/cidr.ts'
import { parseIP } from '#lib/net/ip.ts'
import { isUsable } from '#lib/net/reserved.ts'
import { refused } from '../problem.ts'

const remedy = 'Give the one that members can use: --broker-server https://HOST:PORT.'

/** Throws for what no other machine can use, whatever the broker's cluster and its members are. */
export function checkServer(server: string): void {
  const url = URL.canParse(server) ? new URL(server) : undefined
  if (url?.protocol !== 'https:' || url.pathname !== '/')
    throw refused(`The broker's address "${server}" is not of the form https://host:port.`, remedy)
  const host = hostOf(server)
  // RFC 6761 §6.3: such a name is loopback wherever it is asked for. Of addresses, IPv4 written as IPv6 does not parse.
  const isName = !parseIP(host).ok && !host.includes(':')
  if (isName ? /(^|\.)localhost\.?$/.test(host) : !isUsable(host))
    throw refused(`The broker's address ${server} means something else on every machine.`, remedy)
}

/** `services`: the ranges of the broker's cluster, as far as they are known. Throws for an address that is the broker's alone, or a member's. Of a name nothing is known: it may mean something else elsewhere. */
export function checkPlace(server: string, services: readonly CIDR[], members: readonly Member[]): void {
  const host = hostOf(server)
  if (!parseIP(host).ok) return
  const own = services.find((range) => contains(range, host))
  if (own !== undefined)
    throw refused(`The broker's address ${host} lies in its cluster's Services (${own}), which no other cluster reaches.`, remedy)
  const taken = members.find(({ spec }) => [...spec.podCIDRs, ...spec.serviceCIDRs].some((cidr) => contains(cidr, host)))
  if (taken !== undefined)
    throw refused(
      `The broker's address ${host} lies in the addresses of member "${taken.spec.clusterID}": the others send it there, and not to the broker.`,
      remedy,
    )
}

const hostOf = (server: string): string => new URL(server).hostname.replace(/^\[(.*)\]$/, '$1')
