// The script for bash. It knows the tree by heart, so that a Tab starts no program but for contexts.
import type { OptionWords, Place } from './words.ts'

export const bashScript = (places: readonly Place[]): string => `# Completion of tombolo for bash.
#   source <(tombolo completion bash)                                        this shell
#   tombolo completion bash > /etc/bash_completion.d/tombolo                 every shell
_tombolo() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD-1]} path= kubeconfig=\${KUBECONFIG:-$HOME/.kube/config} words= i
  # bash makes three words of --output=json.
  if [[ $cur == = ]]; then cur=; elif [[ $prev == = ]]; then prev=\${COMP_WORDS[COMP_CWORD-2]}; fi
  for ((i = 1; i < COMP_CWORD; i++)); do
    [[ \${COMP_WORDS[i]} == --kubeconfig ]] && kubeconfig=\${COMP_WORDS[i+1]}
    case $path/\${COMP_WORDS[i]} in
      ${pattern(places.filter((p) => p.path !== '').map((p) => p.path))}) path=$path/\${COMP_WORDS[i]} ;;
    esac
  done
  case $path:$prev in
${places.flatMap((place) => place.options.flatMap((option) => valueCase(place, option))).join('\n')}
    *)
      case $path in
${places.map((place) => `        ${quoted(place.path)}) words=${quoted(wordsAt(place).join(' '))} ;;`).join('\n')}
      esac
      ;;
  esac
  local IFS=$' \\t\\n'
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
}
complete -F _tombolo tombolo
`

function valueCase({ path }: Place, { flags, value }: OptionWords): readonly string[] {
  const at = pattern(flags.map((flag) => `${path}:${flag}`))
  switch (value.kind) {
    case 'none':
      return []
    case 'choice':
      return [`    ${at}) words=${quoted(value.choices.join(' '))} ;;`]
    case 'context':
      return [`    ${at}) words=$("\${COMP_WORDS[0]}" completion --contexts "$kubeconfig" 2>/dev/null) ;;`]
    case 'file':
      return [`    ${at}) COMPREPLY=($(compgen -f -- "$cur")); return ;;`]
    case 'any':
      return [`    ${at}) ;;`]
  }
}

const wordsAt = ({ commands, choices, options }: Place): readonly string[] => [
  ...commands.map(({ name }) => name),
  ...choices,
  ...options.flatMap(({ flags }) => flags.filter((flag) => flag.startsWith('--'))),
]

const pattern = (texts: readonly string[]): string => texts.map(quoted).join('|')
const quoted = (text: string): string => `'${text}'`
