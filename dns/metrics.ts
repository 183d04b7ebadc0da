// What the DNS server counts.
import { Counter, Histogram, Registry } from 'prom-client'
import type { ServerOptions } from './server.ts'

export interface DnsMetrics {
  readonly registry: Registry
  observe(...reply: Parameters<ServerOptions['onReply']>): void
}

export function dnsMetrics(): DnsMetrics {
  const registry = new Registry()
  const replies = new Counter({
    name: 'tombolo_dns_replies_total',
    help: 'Answers sent, by response code and transport.',
    labelNames: ['rcode', 'transport'],
    registers: [registry],
  })
  const duration = new Histogram({
    name: 'tombolo_dns_reply_duration_seconds',
    help: 'From the message being read to its answer being handed to the kernel.',
    buckets: [0.000_01, 0.000_025, 0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.005, 0.025],
    registers: [registry],
  })
  return {
    registry,
    observe: (rcode, transport, seconds) => {
      replies.inc({ rcode, transport })
      duration.observe(seconds)
    },
  }
}
