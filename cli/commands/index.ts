// The list of commands, in the order of --help. A new one is a file beside this and a line here.
import type { AddCommand } from './command.ts'
import { addDeployBroker } from './deploy-broker.ts'
import { addExport } from './export.ts'
import { addJoin } from './join.ts'
import { addShow } from './show.ts'
import { addUnexport } from './unexport.ts'
import { addUninstall } from './uninstall.ts'
import { addVersion } from './version.ts'

export const commands: readonly AddCommand[] = [
  addDeployBroker,
  addJoin,
  addShow,
  addExport,
  addUnexport,
  addUninstall,
  addVersion,
]
