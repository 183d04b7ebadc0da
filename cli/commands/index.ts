// The list of commands, in the order of --help. A new one is a file beside this and a line here. Each is loaded when it is typed:
// what it knows of clusters takes longer to load than most commands take to run.
import type { AddCommand } from './command.ts'

export const commands: Readonly<Record<string, () => Promise<AddCommand>>> = {
  'deploy-broker': async () => (await import('./deploy-broker.ts')).addDeployBroker,
  grant: async () => (await import('./grant.ts')).addGrant,
  join: async () => (await import('./join.ts')).addJoin,
  approve: async () => (await import('./approve.ts')).addApprove,
  leave: async () => (await import('./leave.ts')).addLeave,
  quarantine: async () => (await import('./quarantine.ts')).addQuarantine,
  revoke: async () => (await import('./revoke.ts')).addRevoke,
  show: async () => (await import('./show.ts')).addShow,
  gateway: async () => (await import('./gateway.ts')).addGateway,
  'rotate-keys': async () => (await import('./rotate-keys.ts')).addRotateKeys,
  diagnose: async () => (await import('./diagnose.ts')).addDiagnose,
  why: async () => (await import('./why.ts')).addWhy,
  verify: async () => (await import('./verify.ts')).addVerify,
  benchmark: async () => (await import('./benchmark.ts')).addBenchmark,
  export: async () => (await import('./export.ts')).addExport,
  unexport: async () => (await import('./unexport.ts')).addUnexport,
  upgrade: async () => (await import('./upgrade.ts')).addUpgrade,
  uninstall: async () => (await import('./uninstall.ts')).addUninstall,
  gather: async () => (await import('./gather.ts')).addGather,
  completion: async () => (await import('./completion.ts')).addCompletion,
  version: async () => (await import('./version.ts')).addVersion,
}
