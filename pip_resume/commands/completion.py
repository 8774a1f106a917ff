"""`pip-resume completion`: a script with which a shell completes the commands and options of `pip-resume`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SHELLS = ("bash", "zsh", "fish")

_BASH = """\
_pip_resume() {{
    local words="{top}"
    if [ "$COMP_CWORD" -gt 1 ]; then
        case "${{COMP_WORDS[1]}}" in
{cases}
        esac
    fi
    COMPREPLY=($(compgen -W "$words" -- "${{COMP_WORDS[COMP_CWORD]}}"))
}}
complete -o default -F _pip_resume pip-resume"""

_ZSH = """\
_pip_resume() {{
    local choices="{top}"
    if (( CURRENT > 2 )); then
        case "${{words[2]}}" in
{cases}
        esac
    fi
    compadd -- ${{=choices}}
}}
compdef _pip_resume pip-resume"""


def script(shell: str, words: Mapping[str, Sequence[str]]) -> str:
    """Return the script for one of SHELLS. ``words`` has what can follow each command; "" is the command itself."""
    top = " ".join(words[""])
    commands = {name: " ".join(following) for name, following in words.items() if name}
    if shell == "fish":
        lines = [f"complete -c pip-resume -n __fish_use_subcommand -a '{top}'"]
        lines += [
            f"complete -c pip-resume -n '__fish_seen_subcommand_from {name}' -a '{following}'"
            for name, following in commands.items()
        ]
        return "\n".join(lines)
    template, variable = (_ZSH, "choices") if shell == "zsh" else (_BASH, "words")
    cases = "\n".join(f'            {name}) {variable}="{following}" ;;' for name, following in commands.items())
    return template.format(top=top, cases=cases)
