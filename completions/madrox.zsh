#compdef madrox
# zsh completion for madrox.
# What is offered is data, never code, and is quoted on the line: the names of agents are chosen by agents.
_madrox() {
  local value about
  local -a said found
  said=("${(@Q)words[2,CURRENT-1]}" "${(Q)PREFIX}")
  [[ $PREFIX == -*=* ]] && compset -P 1 '*='
  while IFS=$'\t' read -r value about; do
    [[ -z $value || $value == :<-> ]] && continue
    found+=("${value//:/\\:}${about:+:$about}")
  done < <(madrox complete -- "${(@)said}" 2>/dev/null)
  _describe madrox found
}
if [[ ${funcstack[1]} == _madrox ]]; then
  _madrox "$@"
elif (( $+functions[compdef] )); then
  compdef _madrox madrox
else
  print -u2 'madrox: zsh completes nothing before compinit. Put "autoload -Uz compinit && compinit" before this in ~/.zshrc.'
fi
