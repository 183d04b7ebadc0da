// The list of commands, in the order of --help. A new one is a file beside this and a line here.
import type { AddCommand } from './command.ts'
import { addDeployBroker } from './deploy-broker.ts'
import { addJoin } from './join.ts'
import { addShow } from './show.ts'

export const commands: readonly AddCommand[] = [addDeployBroker, addJoin, addShow]
