// The script for zsh, which shows what each word means beside it.
import type { OptionWords, Place } from './words.ts'

export const zshScript = (places: readonly Place[]): string => `#compdef tombolo
# Completion of tombolo for zsh.
#   source <(tombolo completion zsh)                                         this shell
#   tombolo completion zsh > "\${fpath[1]}/_tombolo"                          every shell
_tombolo() {
  local at= previous=\${words[CURRENT-1]} kubeconfig=\${KUBECONFIG:-$HOME/.kube/config} i
  for ((i = 2; i < CURRENT; i++)); do
    [[ \${words[i]} == --kubeconfig ]] && kubeconfig=\${words[i+1]}
    case $at/\${words[i]} in
      ${pattern(places.filter((p) => p.path !== '').map((p) => p.path))}) at=$at/\${words[i]} ;;
    esac
  done
  local -a found
  case $at:$previous in
${places.flatMap((place) => place.options.flatMap((option) => valueCase(place, option))).join('\n')}
  esac
  case $at in
${places.map((place) => `    ${quoted(place.path)}) found=(${described(place).map(quoted).join(' ')}) ;;`).join('\n')}
  esac
  _describe tombolo found
}
if [[ $funcstack[1] == _tombolo ]]; then _tombolo "$@"; else compdef _tombolo tombolo; fi
`

function valueCase({ path }: Place, { flags, value }: OptionWords): readonly string[] {
  const at = pattern(flags.map((flag) => `${path}:${flag}`))
  switch (value.kind) {
    case 'none':
      return []
    case 'choice':
      return [`    ${at}) compadd -- ${value.choices.map(quoted).join(' ')}; return ;;`]
    case 'context':
      return [`    ${at}) compadd -- \${(f)"$($words[1] completion --contexts "$kubeconfig" 2>/dev/null)"}; return ;;`]
    case 'file':
      return [`    ${at}) _files; return ;;`]
    case 'any':
      return [`    ${at}) _message value; return ;;`]
  }
}

const described = ({ commands, choices, options }: Place): readonly string[] => [
  ...commands.map(({ name, means }) => `${name}:${means}`),
  ...choices,
  ...options.flatMap(({ flags, means }) => flags.filter((flag) => flag.startsWith('--')).map((flag) => `${flag}:${means}`)),
]

const pattern = (texts: readonly string[]): string => texts.map(quoted).join('|')
const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`
