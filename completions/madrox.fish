# fish completion for madrox.
# What is offered is data, never code, and is quoted on the line: the names of agents are chosen by agents.
function __madrox_complete
    set -l typed (commandline -ct)
    set -l prefix (string match -r -- '^-[^=]*=' $typed)
    set -l plain (string unescape -- $typed); or set plain $typed
    for line in (madrox complete -- (commandline -opc)[2..-1] "$plain" 2>/dev/null)
        string match -qr '^(:\d+)?$' -- $line; or echo -- "$prefix$line"
    end
end
complete -c madrox -e
complete -c madrox -f -a '(__madrox_complete)'
