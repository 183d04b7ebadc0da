// charon, strongSwan's IKE daemon, as a program of the gateway: its configuration, and where it is spoken with.

import type { Esp } from './esp.ts'

const runDir = '/run/tombolo/ipsec'
export const configFile = `${runDir}/strongswan.conf`
export const socketFile = `${runDir}/vici.sock`

/** OpenSSL, which is quick, comes before all other cryptography: what a plugin offers is taken from the first that has it. */
const plugins = 'random nonce openssl kdf pem pkcs8 x509 constraints'

/**
 * ESP in user space comes before the kernel's, and makes routes whatever it is told: they go where nobody looks before the main table has
 * said where a packet goes. Ours are the gateway's.
 */
const unusedTable = 7302
const unusedPriority = 40_000
const ofEsp = {
  charon: {
    plugins: 'kernel-libipsec kernel-netlink',
    routes: `routing_table = ${unusedTable}\n  routing_table_prio = ${unusedPriority}`,
  },
  kernel: { plugins: 'kernel-netlink', routes: 'install_routes = no' },
} as const satisfies Record<Esp, unknown>

/** For $STRONGSWAN_CONF; then nothing of /etc is read. A setting a line, as its parser wants it. */
export const configurationOf = (port: number, underlays: readonly string[], esp: Esp): string => `charon-systemd {
  load_modular = no
  load = ${plugins} ${ofEsp[esp].plugins} socket-default vici
  # kernel-libipsec, the receiver and the sender keep threads for themselves: with 8, nobody is left to answer.
  threads = 16
  # IKE and ESP share the port of NAT traversal. The other one cannot be left out; nobody is told of it.
  port = 0
  port_nat_t = ${port}
  # Of others it would tell its peers, and try them as ways to each other.
  interfaces_use = ${underlays.join(', ')}
  install_virtual_ip = no
  ${ofEsp[esp].routes}
  # Given up after 1 + 1.4 + 2 s.
  retransmit_tries = 2
  retransmit_timeout = 1.0
  retransmit_base = 1.4
  # It is told by events instead.
  journal {
    default = -1
  }
  plugins {
    vici {
      socket = unix://${socketFile}
    }
  }
}
`
