// The script for fish: one line for each word, and the place where it may stand.
import type { OptionWords, Place } from './words.ts'

export const fishScript = (places: readonly Place[]): string => `# Completion of tombolo for fish.
#   tombolo completion fish | source                                         this shell
#   tombolo completion fish > ~/.config/fish/completions/tombolo.fish        every shell
function __tombolo_at
    set -l at
    for word in (commandline -opc)[2..-1]
        contains -- "$at/$word" ${places
          .filter((p) => p.path !== '')
          .map((p) => p.path)
          .join(' ')}; and set at "$at/$word"
    end
    test "$at" = "$argv[1]"
end
function __tombolo_contexts
    set -l files "$HOME/.kube/config"
    set -q KUBECONFIG; and set files (string join : $KUBECONFIG)
    set -l words (commandline -opc)
    set -l i (contains -i -- --kubeconfig $words); and set files $words[(math $i + 1)]
    $words[1] completion --contexts "$files" 2>/dev/null
end
complete -c tombolo -f
${places.flatMap(linesOf).join('\n')}
`

function linesOf(place: Place): readonly string[] {
  const at = `complete -c tombolo -n ${quoted(`__tombolo_at ${place.path === '' ? "''" : place.path}`)}`
  return [
    ...place.commands.map(({ name, means }) => `${at} -a ${name} -d ${quoted(means)}`),
    ...(place.choices.length === 0 ? [] : [`${at} -a ${quoted(place.choices.join(' '))}`]),
    ...place.options.map((option) => `${at} ${flagsOf(option)}${valueOf(option)} -d ${quoted(option.means)}`),
  ]
}

const flagsOf = ({ flags }: OptionWords): string =>
  flags.map((flag) => (flag.startsWith('--') ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`)).join(' ')

function valueOf({ value }: OptionWords): string {
  switch (value.kind) {
    case 'none':
      return ''
    case 'choice':
      return ` -x -a ${quoted(value.choices.join(' '))}`
    case 'context':
      return ` -x -a '(__tombolo_contexts)'`
    case 'file':
      return ' -r -F'
    case 'any':
      return ' -x'
  }
}

const quoted = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
