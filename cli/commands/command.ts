// What every command is made of: how it enters the program, what it is given, and the options they share.
import type { CableName } from '#crds/fields.ts'
import { parseExportTo } from '#crds/export-to.ts'
import { cableDrivers } from '#crds/fields.ts'
import type { Command } from 'commander'
import { InvalidArgumentError, Option } from 'commander'
import type { CIDR } from '#lib/net/cidr.ts'
import { parseCIDR } from '#lib/net/cidr.ts'
import type { ClusterID } from '#lib/net/cluster-id.ts'
import type { Result } from '#lib/std/result.ts'
import { explain } from '#lib/std/result.ts'
import type { Format, Output } from '../output/output.ts'
import { formats } from '../output/output.ts'

/** What a command works with besides its arguments. */
export type Session = {
  readonly output: Output
  /** Aborts at SIGINT and SIGTERM. */
  readonly signal: AbortSignal
  readonly version: string
  readonly stdin: NodeJS.ReadableStream
  /** Asks a person; undefined where there is none to ask. */
  readonly confirm: ((question: string) => Promise<boolean>) | undefined
}

/** Adds a command to the program. */
export type AddCommand = (program: Command, session: Session) => void

/** What every command takes. */
export type CommonOptions = { readonly context?: string; readonly kubeconfig?: string; readonly output: Format }
export type Watch = { readonly watch?: true }
export type DryRun = { readonly dryRun?: true }

export const commonOptions = (command: Command, of = 'the cluster'): Command =>
  command
    .addOption(outputOption())
    .option('--context <name>', `kubeconfig context of ${of} (default: the current one)`)
    .option('--kubeconfig <file>', 'kubeconfig file (default: $KUBECONFIG, then ~/.kube/config)')

export const outputOption = (): Option =>
  new Option('-o, --output <format>', 'how to print; name: one kind/name a line').choices(formats).default('table')

/** For commands between two clusters. */
export const toContextOption = (): Option =>
  new Option('--to-context <name>', 'kubeconfig context of the other cluster').makeOptionMandatory()

export const watchOption = (command: Command): Command =>
  command.option(
    '-w, --watch',
    'go on while it changes, until Ctrl-C (exit code 0): on a terminal drawn anew, elsewhere the rows that changed',
  )

export const dryRunOption = (command: Command): Command =>
  command.option('--dry-run', 'print every manifest as YAML and change nothing')

/** No default: a name on a public registry that nobody of the project holds would be anybody's to fill. */
export const imageOption = (of: string): Option =>
  new Option('--image <image>', `image of ${of}; none is published yet: deploy/README.md says how to build it`)
    .env('TOMBOLO_IMAGE')
    .argParser(imageReference)
    .makeOptionMandatory()

const imageReference = (text: string): string => {
  if (/^[a-z0-9][^\s]*$/i.test(text)) return text
  throw new InvalidArgumentError('It must be the name of an image, e.g. registry.example.org/tombolo:0.1.0.')
}

export const timeoutOption = (byDefault: number): Option =>
  new Option('--timeout <seconds>', 'how long to wait for the cluster').argParser(seconds).default(byDefault)

/** For options that hold several CIDRs: `--pod-cidr 10.1.0.0/16,fd00:1::/48`, or the option given again. */
export const cidrList = (text: string, before: readonly CIDR[] | undefined): readonly CIDR[] => [
  ...(before ?? []),
  ...text.split(',').map((cidr) => checked(parseCIDR(cidr.trim()))),
]

/** For `--cable ipsec,wireguard`. */
export const cableList = (text: string): readonly CableName[] =>
  text.split(',').map((name) => {
    const found = cableDrivers.find((cable) => cable === name.trim())
    if (found === undefined) throw new InvalidArgumentError(`Kinds of cables are ${cableDrivers.join(' and ')}.`)
    return found
  })

/** `west,south`. */
export const clusterList = (text: string): readonly ClusterID[] => checked(parseExportTo(text))

/** The name of a Service or a namespace. */
export const objectName = (text: string): string => {
  if (/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(text)) return text
  throw new InvalidArgumentError('It must be a DNS label: lower-case letters, digits and "-".')
}

/** The value, or the usage error that commander prints beside the argument's name. */
export function checked<T>(result: Result<T>): T {
  if (result.ok) return result.value
  throw new InvalidArgumentError(explain(result.error))
}

/** A time span that an option takes. */
export function seconds(text: string): number {
  const n = Number(text)
  if (!(n > 0 && n <= 86_400)) throw new InvalidArgumentError('It must be a number of seconds greater than 0, and at most a day.')
  return n
}
