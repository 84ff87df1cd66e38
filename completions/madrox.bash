# bash completion for madrox, from bash 3.2 on, and without the package bash-completion.
# What is offered is data, never code, and is quoted on the line: the names of agents are chosen by agents.
__madrox_complete() {
  local i n=-1 word value quoted head='' rest=${COMP_LINE:0:COMP_POINT}
  local -a words
  COMPREPLY=()
  # Bash takes a line apart at "=" and ":" too, and replaces only what follows the last of them: `head` is what stays.
  for ((i = 0; i <= COMP_CWORD; i++)); do
    word=${COMP_WORDS[i]}
    if ((i > 0)) && [[ $rest != [[:space:]]* ]]; then
      ((i == COMP_CWORD)) && word=$rest
      head=${words[n]}
      [[ $word == [=:]* ]] && head+=$word
      words[n]+=$word
    else
      ((i == COMP_CWORD)) && word=${rest#"${rest%%[![:space:]]*}"}
      head=''
      words[++n]=$word
    fi
    rest=${rest#*"$word"}
  done
  local typed=${words[n]}
  # As typed they have quotes and backslashes, which no name of an agent has.
  for ((i = 0; i <= n; i++)); do
    words[i]=${words[i]//[\\\"]/}
    words[i]=${words[i]#\'}
  done
  while IFS=$'\t' read -r value _; do
    [[ -z $value || $value =~ ^:[0-9]+$ ]] && continue
    printf -v quoted %q "$value"
    # A quote that was begun may not hold it.
    [[ $typed == [\'\"]* && $quoted != "$value" ]] && continue
    [[ $typed != -*=* ]] && quoted=${quoted#"$head"}
    COMPREPLY[${#COMPREPLY[@]}]=$quoted
  done < <(madrox complete -- "${words[@]:1}" 2>/dev/null)
}
complete -F __madrox_complete madrox
